//! Signing out: this session, the others, or all; by access or by refresh token.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;
use crate::support::people::Pair;

const ADA: &str = "ada@example.org";

async fn log_out(hub: &TestApp, bearer: Option<&str>, body: Option<Value>) -> Answer {
    let mut request = hub.request(Method::POST, "/api/auth/logout");
    if let Some(bearer) = bearer {
        request = request.bearer_auth(bearer);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    Answer::of(request).await
}

#[tokio::test]
async fn each_scope_ends_what_it_names_and_its_sockets_and_nobody_elses() {
    let hub = TestApp::spawn().await;
    let (_, eve) = hub.signed_in("eve@example.org", "user").await;
    let (mut bystander, _) = hub.open(&eve.access).await;
    for (name, scope, ends_own, ends_others, told) in [
        ("nobody", None, true, false, "session"),
        ("one", Some("session"), true, false, "session"),
        ("two", Some("others"), false, true, "user"),
        ("three", Some("all"), true, true, "user"),
    ] {
        for by_refresh in [false, true] {
            let email = format!("{name}-{by_refresh}@example.org");
            let (_, own) = hub.signed_in(&email, "user").await;
            let other = hub.sign_in(&email).await;
            let (mut own_socket, _) = hub.open(&own.access).await;
            let (mut other_socket, _) = hub.open(&other.access).await;
            let mut body = scope.map_or_else(|| json!({}), |scope| json!({ "scope": scope }));
            let answer = if by_refresh {
                body["refresh_token"] = json!(own.refresh);
                log_out(&hub, None, Some(body)).await
            } else {
                log_out(&hub, Some(&own.access), scope.map(|_| body)).await
            };
            assert!(answer.expect(204).bytes.is_empty());
            for (socket, pair, ends) in [
                (&mut own_socket, &own, ends_own),
                (&mut other_socket, &other, ends_others),
            ] {
                assert_eq!(hub.is_live(pair).await, !ends, "{scope:?}");
                if ends {
                    let frame = socket.signed_out("logout").await;
                    assert_eq!((&frame["code"], &frame["scope"]), (&json!(4005), &json!(told)));
                    hub.try_refresh(&pair.refresh)
                        .await
                        .problem(401, "session_revoked");
                } else {
                    let event = socket.frame("event").await;
                    assert_eq!(event["name"], "session.revoked", "{scope:?}");
                    assert_eq!(event["data"]["reason"], "logout");
                    hub.try_refresh(&pair.refresh).await.expect(200);
                }
            }
        }
    }
    assert!(hub.is_live(&eve).await);
    bystander.say(json!({ "type": "token", "id": "1" })).await;
    bystander.frame("token").await;
}

#[tokio::test]
async fn an_expired_access_token_ends_its_own_session_alone() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, own) = hub.signed_in(ADA, "user").await;
    let other = hub.sign_in(ADA).await;
    hub.clock.as_ref().unwrap().advance(Duration::from_hours(1));
    hub.get_as(&own.access, "/api/users/me")
        .await
        .problem(401, "invalid_token");
    log_out(&hub, Some(&own.access), Some(json!({ "scope": "all" })))
        .await
        .expect(204);
    hub.try_refresh(&own.refresh)
        .await
        .problem(401, "session_revoked");
    hub.try_refresh(&other.refresh).await.expect(200);
    log_out(&hub, Some(&other.access), Some(json!({ "scope": "others" })))
        .await
        .expect(204);
    assert_eq!(
        hub.number("select count(*) from sessions where revoked_at is null")
            .await,
        0
    );
}

#[tokio::test]
async fn an_unknown_or_dead_token_is_answered_as_a_live_one_and_ends_nothing() {
    let hub = TestApp::spawn().await;
    let (_, dead) = hub.signed_in(ADA, "user").await;
    let live = hub.sign_in(ADA).await;
    log_out(&hub, Some(&dead.access), None).await.expect(204);
    let all = || json!({ "scope": "all" });
    let with = |token: &str| json!({ "scope": "all", "refresh_token": token });
    let socket_token = hub.socket_token(&live.access).await;
    for (bearer, body) in [
        (Some(dead.access.as_str()), all()),
        (None, with(&dead.refresh)),
        (Some("garbage"), all()),
        (Some("a,b"), all()),
        (Some(&socket_token), all()),
        (Some(&live.refresh), all()),
        (None, with("garbage")),
        (None, with("")),
        (None, with(&live.access)),
        (Some(&"x".repeat(8193)), all()),
    ] {
        let answer = log_out(&hub, bearer, Some(body.clone())).await;
        assert_eq!(answer.status, 204, "{bearer:?} {body}: {}", answer.text());
    }
    assert!(hub.is_live(&live).await);
}

#[tokio::test]
async fn signing_out_without_any_token_or_with_a_wrong_body_is_refused() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    for body in [None, Some(json!({})), Some(json!({ "scope": "all" }))] {
        let answer = log_out(&hub, None, body).await;
        answer.problem(401, "authentication_required");
        assert!(answer.header("www-authenticate").is_some());
    }
    for (body, field) in [
        (json!({ "scope": "everything" }), "scope"),
        (json!({ "scope": 1 }), "scope"),
        (json!({ "session": ada.session }), "session"),
    ] {
        let problem = log_out(&hub, Some(&ada.access), Some(body))
            .await
            .problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    let form = hub
        .request(Method::POST, "/api/auth/logout")
        .bearer_auth(&ada.access)
        .header("content-type", "text/plain")
        .body("{}");
    Answer::of(form).await.problem(415, "unsupported_media_type");
    assert!(hub.is_live(&ada).await);
}

/// Whoever is behind the same address as somebody who sends made-up tokens has to be able to sign out.
#[tokio::test]
async fn a_right_token_signs_out_however_many_wrong_ones_came_from_its_address() {
    let hub = Tuning::new()
        .configure(|config| config.limits.enabled = true)
        .spawn()
        .await;
    let (_, by_body) = hub.signed_in(ADA, "user").await;
    let (by_form, by_access) = (hub.sign_in(ADA).await, hub.sign_in(ADA).await);
    let wrong: Vec<_> = stream::iter(0..300)
        .map(|n| log_out(&hub, None, Some(json!({ "refresh_token": format!("pcr_{n}") }))))
        .buffer_unordered(16)
        .collect()
        .await;
    assert!(wrong.iter().all(|answer| answer.status == 204));
    // More wrong ones are on their way meanwhile.
    let more = join_all((0..50).map(|n| {
        let token = format!("pcr_more{n}");
        let hub = &hub;
        async move { hub.form("/api/auth/revoke", None, &[("token", &token)]).await }
    }));
    let right = async {
        let body = json!({ "refresh_token": by_body.refresh });
        log_out(&hub, None, Some(body)).await.expect(204);
        let token = [("token", by_form.refresh.as_str())];
        hub.form("/api/auth/revoke", None, &token).await.expect(200);
        log_out(&hub, Some(&by_access.access), None).await.expect(204);
    };
    let (more, ()) = tokio::join!(more, right);
    assert!(more.iter().all(|answer| answer.status == 200));
    for pair in [&by_body, &by_form, &by_access] {
        assert!(!hub.is_live(pair).await);
    }
}

#[tokio::test]
async fn signing_out_others_of_whom_there_are_none_leaves_no_line_and_has_a_limit() {
    let hub = Tuning::new()
        .manual_clock()
        .configure(|config| config.limits.enabled = true)
        .spawn()
        .await;
    let (_, own) = hub.signed_in(ADA, "user").await;
    let gone = hub.sign_in(ADA).await;
    log_out(&hub, Some(&gone.access), None).await.expect(204);
    let lines = "audit where action = 'session.logout'";
    assert_eq!(hub.count(lines).await, 1);
    let one = format!("/api/users/me/sessions/{}", gone.session);
    let others = || json!({ "scope": "others" });
    for _ in 0..10 {
        hub.delete_as(&own.access, &one).await.expect(204);
        hub.delete_as(&own.access, "/api/users/me/sessions")
            .await
            .expect(204);
        log_out(&hub, Some(&own.access), Some(others())).await.expect(204);
    }
    assert_eq!(hub.count(lines).await, 1, "nothing has happened");
    for answer in [
        hub.delete_as(&own.access, &one).await,
        hub.delete_as(&own.access, "/api/users/me/sessions").await,
        log_out(&hub, Some(&own.access), Some(others())).await,
    ] {
        answer.problem(429, "rate_limited");
    }
    // Of another session that is another matter, and what ends something costs nothing.
    hub.clock.as_ref().unwrap().advance(Duration::from_secs(1));
    for line in 2..6 {
        hub.sign_in(ADA).await;
        hub.delete_as(&own.access, "/api/users/me/sessions")
            .await
            .expect(204);
        assert_eq!(hub.count(lines).await, line);
    }
    // Signing out oneself, and everywhere, is never refused.
    hub.delete_as(&own.access, &one).await.expect(204);
    hub.delete_as(&own.access, &one)
        .await
        .problem(429, "rate_limited");
    log_out(&hub, Some(&own.access), Some(json!({ "scope": "all" })))
        .await
        .expect(204);
    assert!(!hub.is_live(&own).await);
}

/// The client that lost an answer has only the token that it sent, and could refresh by it: it is believed as
/// much. What a refresh would take for a stolen copy ends its own session alone.
#[tokio::test]
async fn an_exchanged_token_stands_for_all_sessions_while_its_answer_may_be_lost() {
    for (scope, used, seconds, ends_others) in [
        ("all", false, 0, true),
        ("others", false, 0, true),
        ("all", false, 60, true),
        ("all", true, 0, true),
        ("all", true, 60, false),
        ("others", true, 60, false),
    ] {
        let hub = Tuning::new().manual_clock().spawn().await;
        let (_, own) = hub.signed_in(ADA, "user").await;
        let other = hub.sign_in(ADA).await;
        let answer = hub.try_refresh(&own.refresh).await.expect(200);
        if used {
            hub.try_refresh(&Pair::of(&answer).refresh).await.expect(200);
        }
        hub.clock.as_ref().unwrap().advance(Duration::from_secs(seconds));
        let body = json!({ "scope": scope, "refresh_token": own.refresh });
        log_out(&hub, None, Some(body)).await.expect(204);
        let case = format!("{scope}, used {used}, after {seconds} s");
        assert_eq!(hub.is_live(&other).await, !ends_others, "{case}");
        let stays = scope == "others" && ends_others;
        assert_eq!(hub.is_live(&own).await, stays, "{case}");
    }
}
