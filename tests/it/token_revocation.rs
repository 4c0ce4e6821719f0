//! Revoking a token (RFC 7009): whoever holds one of a session may end it.

use std::time::Duration;

use serde_json::json;

use crate::support::Pair;
use crate::support::app::{TestApp, Tuning};

const ADA: &str = "ada@example.org";
const PATH: &str = "/api/auth/revoke";

async fn revoke(hub: &TestApp, token: &str) {
    let answer = hub.form(PATH, None, &[("token", token)]).await;
    assert!(answer.expect(200).bytes.is_empty());
}

#[tokio::test]
async fn any_token_of_a_session_ends_it_as_a_logout_and_its_sockets_at_once() {
    let hub = TestApp::spawn().await;
    let (_, kept) = hub.signed_in(ADA, "user").await;
    for kind in ["refresh", "access", "socket"] {
        let pair = hub.sign_in(ADA).await;
        let (mut socket, _) = hub.open(&pair.access).await;
        let token = match kind {
            "refresh" => pair.refresh.clone(),
            "access" => pair.access.clone(),
            _ => hub.socket_token(&pair.access).await,
        };
        revoke(&hub, &token).await;
        let frame = socket.signed_out("logout").await;
        assert_eq!(
            (&frame["code"], &frame["scope"]),
            (&json!(4005), &json!("session")),
            "{kind}"
        );
        assert!(!hub.is_live(&pair).await, "{kind}");
        hub.try_refresh(&pair.refresh)
            .await
            .problem(401, "session_revoked");
        assert!(hub.is_live(&kept).await, "{kind}");
        // A second time changes nothing.
        revoke(&hub, &token).await;
    }
    let log = "select count(*) from audit where action = 'session.logout' and actor = 'anonymous'";
    assert_eq!(hub.number(log).await, 3);
}

#[tokio::test]
async fn t06_an_old_refresh_token_ends_its_session_without_an_alarm() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, first) = hub.signed_in(ADA, "user").await;
    let second = Pair::of(&hub.try_refresh(&first.refresh).await.expect(200));
    let third = Pair::of(&hub.try_refresh(&second.refresh).await.expect(200));
    hub.clock.as_ref().unwrap().advance(Duration::from_mins(1));
    revoke(&hub, &first.refresh).await;
    assert!(!hub.is_live(&third).await);
    hub.outbox_is_empty().await;
    assert!(hub.mails_to(ADA).await.is_empty(), "nobody is alarmed");
    let reuses = "select count(*) from audit where action = 'session.reuse'";
    assert_eq!(hub.number(reuses).await, 0);
}

#[tokio::test]
async fn a_token_that_is_unknown_expired_or_no_token_is_answered_alike_and_ends_nothing() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let old_socket_token = hub.socket_token(&pair.access).await;
    let expired = pair.access.clone();
    hub.clock.as_ref().unwrap().advance(Duration::from_hours(1));
    let pair = Pair::of(&hub.try_refresh(&pair.refresh).await.expect(200));
    let key = hub.backend().await;
    for token in [
        expired.as_str(),
        &old_socket_token,
        &key,
        "pcr_unknown",
        "pcr_",
        "garbage",
        "\u{0}",
        &pair.refresh["pcr_".len()..],
        &format!("{} ", pair.access),
        &"x".repeat(9_000),
    ] {
        revoke(&hub, token).await;
        assert!(hub.is_live(&pair).await, "{token:.40}");
    }
}

#[tokio::test]
async fn without_a_token_the_request_is_invalid() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    for fields in [
        &[][..],
        &[("token", "")],
        &[("refresh_token", pair.refresh.as_str())],
        &[("token", pair.refresh.as_str()), ("token", pair.refresh.as_str())],
    ] {
        let answer = hub.form(PATH, None, fields).await;
        answer.oauth_error(400, "invalid_request");
    }
    let json = hub.post(PATH, json!({ "token": pair.refresh })).await;
    json.oauth_error(415, "invalid_request");
    assert!(hub.is_live(&pair).await);
    // A hint is taken, and a wrong one does no harm.
    let hinted = [
        ("token", pair.refresh.as_str()),
        ("token_type_hint", "access_token"),
    ];
    hub.form(PATH, None, &hinted).await.expect(200);
    assert!(!hub.is_live(&pair).await);
}
