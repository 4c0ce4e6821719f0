//! Introspection (RFC 7662): what a backend learns of a token, and when it learns nothing.

use std::time::Duration;

use portcullis::roles::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;
use crate::support::jwt::part;

const ADA: &str = "ada@example.org";
const PATH: &str = "/api/auth/introspect";

/// A server, and a backend that may introspect and nothing else.
async fn with_backend(tuning: Tuning) -> (TestApp, String) {
    let hub = tuning.spawn().await;
    let key = hub.service_key(&[Permission::Introspect]).await;
    (hub, key)
}

async fn introspect(hub: &TestApp, key: &str, token: &str) -> Value {
    let answer = hub.form(PATH, Some(key), &[("token", token)]).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    answer.json()
}

#[tokio::test]
async fn a_live_access_token_is_described_as_things_are_now() {
    let (hub, key) = with_backend(Tuning::new()).await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let backend = hub.backend().await;
    let version = hub.assign(&backend, &ada.id, "moderator").await;
    let claims = part(&pair.access, 1);
    assert_eq!(claims["role"], "user");
    let found = introspect(&hub, &key, &pair.access).await;
    let issuer = hub.url("");
    assert_eq!(
        found,
        json!({
            "active": true, "token_type": "Bearer", "iss": issuer, "aud": issuer, "sub": ada.id,
            "client_id": "portcullis", "sid": pair.session, "jti": claims["jti"], "iat": claims["iat"],
            "exp": claims["exp"], "auth_time": claims["auth_time"], "amr": ["pwd"], "ver": version,
            "role": "moderator", "permissions": ["users:read", "sessions:read", "sessions:revoke", "hub:read"],
        })
    );
    let (mut socket, _) = hub.open(&pair.access).await;
    socket.say(json!({ "type": "token", "id": "1" })).await;
    let minted = socket.frame("token").await;
    let found = introspect(&hub, &key, minted["access_token"].as_str().unwrap()).await;
    assert_eq!(
        (&found["active"], &found["src"]),
        (&json!(true), &json!("socket"))
    );
}

#[tokio::test]
async fn a_token_of_an_ended_session_a_disabled_user_or_of_nobody_is_inactive_and_says_nothing_else() {
    let (hub, key) = with_backend(Tuning::new().manual_clock()).await;
    let (_, ended) = hub.signed_in(ADA, "user").await;
    hub.post_as(&ended.access, "/api/auth/logout", json!({}))
        .await
        .expect(204);
    let (eve, disabled) = hub.signed_in("eve@example.org", "user").await;
    hub.disable(&eve).await;
    let (_, expired) = hub.signed_in("old@example.org", "user").await;
    hub.clock.as_ref().unwrap().advance(Duration::from_secs(305));
    let (_, live) = hub.signed_in("live@example.org", "user").await;
    let socket_token = hub.socket_token(&live.access).await;
    assert_eq!(introspect(&hub, &key, &live.access).await["active"], true);
    for token in [
        &ended.access,
        &ended.refresh,
        &disabled.access,
        &disabled.refresh,
        &expired.access,
        &socket_token,
        &key,
        "pcr_unknown",
        "garbage",
        "\u{0}",
        &format!("{}x", live.access),
        &"x".repeat(9_000),
    ] {
        let found = introspect(&hub, &key, token).await;
        assert_eq!(found, json!({ "active": false }), "{token:.40}");
    }
    assert_eq!(introspect(&hub, &key, &expired.refresh).await["active"], true);
}

#[tokio::test]
async fn t06_looking_at_a_refresh_token_neither_exchanges_it_nor_raises_an_alarm() {
    let (hub, key) = with_backend(Tuning::new().manual_clock()).await;
    let (ada, first) = hub.signed_in(ADA, "user").await;
    let second = crate::support::Pair::of(&hub.try_refresh(&first.refresh).await.expect(200));
    let found = introspect(&hub, &key, &second.refresh).await;
    let ends = hub.now().seconds() + 14 * 86_400;
    assert_eq!(
        found,
        json!({
            "active": true, "token_type": "refresh_token", "iss": hub.url(""), "sub": ada.id,
            "client_id": "portcullis", "sid": second.session, "exp": ends,
        })
    );
    // It would still be answered: nobody has shown its successor.
    hub.clock.as_ref().unwrap().advance(Duration::from_secs(31));
    assert_eq!(introspect(&hub, &key, &first.refresh).await["active"], true);
    let third = crate::support::Pair::of(&hub.try_refresh(&second.refresh).await.expect(200));
    hub.clock.as_ref().unwrap().advance(Duration::from_secs(31));
    assert_eq!(
        introspect(&hub, &key, &first.refresh).await,
        json!({ "active": false })
    );
    assert_eq!(introspect(&hub, &key, &third.refresh).await["active"], true);
    hub.try_refresh(&third.refresh).await.expect(200);
}

/// A backend that shows an access token proves that the answer which carried it was not lost.
#[tokio::test]
async fn t06_an_access_token_that_is_introspected_counts_as_presented() {
    let (hub, key) = with_backend(Tuning::new().manual_clock()).await;
    let (_, first) = hub.signed_in(ADA, "user").await;
    let second = crate::support::Pair::of(&hub.try_refresh(&first.refresh).await.expect(200));
    introspect(&hub, &key, &second.access).await;
    hub.clock.as_ref().unwrap().advance(Duration::from_secs(31));
    hub.try_refresh(&first.refresh)
        .await
        .problem(401, "refresh_reused");
}

#[tokio::test]
async fn t21_who_may_not_introspect_hears_it_in_the_words_of_oauth_and_learns_nothing() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let others = Permission::ALL.iter().copied();
    let others: Vec<_> = others
        .filter(|permission| *permission != Permission::Introspect)
        .collect();
    let lacking = hub.service_key(&others).await;
    let fields = [("token", pair.access.as_str())];
    let answer = hub.form(PATH, None, &fields).await;
    answer.oauth_error(401, "invalid_client");
    assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
    for bearer in ["pck_unknown", "garbage"] {
        let answer = hub.form(PATH, Some(bearer), &fields).await;
        answer.oauth_error(401, "invalid_client");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
    }
    for bearer in [lacking.as_str(), pair.access.as_str()] {
        let body = hub
            .form(PATH, Some(bearer), &fields)
            .await
            .oauth_error(403, "unauthorized_client");
        assert_eq!(body["code"], "forbidden");
        assert!(body.get("active").is_none());
    }
}

#[tokio::test]
async fn a_request_that_is_no_form_with_one_token_is_invalid() {
    let (hub, key) = with_backend(Tuning::new()).await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let token = pair.access.as_str();
    for fields in [
        &[][..],
        &[("token", "")],
        &[("token_type_hint", "access_token")],
        &[("Token", token)],
        &[("token", token), ("token", token)],
        &[("token", token), ("token", "")],
    ] {
        let answer = hub.form(PATH, Some(&key), fields).await;
        answer.oauth_error(400, "invalid_request");
    }
    // In the address it would be logged on the way.
    let path = format!("{PATH}?token={token}");
    hub.form(&path, Some(&key), &[])
        .await
        .oauth_error(400, "invalid_request");
    let form = || hub.request(Method::POST, PATH).bearer_auth(&key);
    let body = format!("token={token}");
    for kind in [
        None,
        Some("application/json"),
        Some("text/plain"),
        Some("multipart/form-data"),
    ] {
        let request = form().body(body.clone());
        let request = match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        };
        Answer::of(request).await.oauth_error(415, "invalid_request");
    }
    let huge = form()
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={}", "x".repeat(17_000)));
    Answer::of(huge).await.oauth_error(413, "invalid_request");
    // What is not known is ignored, and a charset changes nothing.
    let hinted = form()
        .header("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
        .body(format!("client_id=x&token_type_hint=refresh_token&{body}"));
    assert_eq!(Answer::of(hinted).await.expect(200).json()["active"], true);
}
