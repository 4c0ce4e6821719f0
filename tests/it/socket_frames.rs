//! What an open socket hears and says: states, events, tokens, errors.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::socket::{Heard, TestSocket};

const ADA: &str = "ada@example.org";

/// The claims of an access token, unchecked.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap()
}

/// Whatever was said before has been answered once this is: nothing else came.
async fn nothing_more(socket: &mut TestSocket) {
    socket.say(json!({ "type": "marker", "id": "marker" })).await;
    assert_eq!(socket.frame("error").await["id"], "marker");
}

#[tokio::test]
async fn a_role_change_reaches_every_socket_of_the_user_and_no_other() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let (ada, first) = hub.signed_in(ADA, "user").await;
    let second = hub.sign_in(ADA).await;
    let (_, stranger) = hub.signed_in("bob@example.org", "user").await;
    let (mut other, _) = hub.open(&stranger.access).await;
    let (mut a, ready) = hub.open(&first.access).await;
    let (mut b, _) = hub.open(&first.access).await;
    let (mut c, _) = hub.open(&second.access).await;

    let version = hub.assign(&key, &ada.id, "moderator").await;
    assert!(version > ready["state"]["version"].as_i64().unwrap());
    for (socket, session) in [
        (&mut a, &first.session),
        (&mut b, &first.session),
        (&mut c, &second.session),
    ] {
        let frame = socket.frame("state").await;
        assert_eq!(frame["state"]["version"], version);
        assert!(frame["sequence"].as_i64() > ready["sequence"].as_i64());
        let claims = claims(frame["access_token"].as_str().unwrap());
        assert_eq!(
            (&claims["role"], &claims["ver"]),
            (&json!("moderator"), &json!(version))
        );
        assert_eq!(
            (&claims["src"], &claims["sid"]),
            (&json!("socket"), &json!(session))
        );
        insta::assert_json_snapshot!("state_frame", frame, {
            ".access_token" => "[token]", ".sequence" => "[number]", ".state.version" => "[number]",
        });
        nothing_more(socket).await;
    }
    nothing_more(&mut other).await;
    // The same role again is no change.
    hub.assign(&key, &ada.id, "moderator").await;
    nothing_more(&mut a).await;
}

#[tokio::test]
async fn of_changes_in_quick_succession_the_newest_wins_and_none_goes_back() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let (mut socket, ready) = hub.open(&pair.access).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let (caller, key, ada) = (hub.caller.clone(), key.clone(), ada.clone());
        writers.spawn(async move {
            for round in 0..5 {
                let role = ["user", "moderator"][(writer + round) % 2];
                caller.assign(&key, &ada.id, role).await;
            }
        });
    }
    writers.join_all().await;
    let current = hub
        .get_as(&pair.access, "/api/auth/site_role")
        .await
        .expect(200)
        .json();
    let newest = current["version"].as_i64().unwrap();
    let (mut version, mut sequence) = (
        ready["state"]["version"].as_i64().unwrap(),
        ready["sequence"].as_i64().unwrap(),
    );
    while version < newest {
        let frame = socket.frame("state").await;
        let next = frame["state"]["version"].as_i64().unwrap();
        assert!(next > version, "{next} after {version}");
        assert!(frame["sequence"].as_i64().unwrap() > sequence);
        version = next;
        sequence = frame["sequence"].as_i64().unwrap();
        if version == newest {
            assert_eq!(frame["state"]["role"], current["role"]);
            assert_eq!(frame["state"]["permissions"], current["permissions"]);
        }
    }
    assert_eq!(version, newest);
    nothing_more(&mut socket).await;
}

#[tokio::test]
async fn other_connections_hear_of_sessions_that_begin_and_end() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let (_, first) = hub.signed_in(ADA, "user").await;
    let (mut socket, ready) = hub.open(&first.access).await;
    let body = json!({ "email": ADA, "password": crate::support::people::PASSWORD, "device": "a telephone" });
    let second = crate::support::Pair::of(&hub.post("/api/auth", body).await.expect(200));
    let created = socket.frame("event").await;
    assert_eq!(created["name"], "session.created");
    assert_eq!(
        created["data"],
        json!({ "session_id": second.session, "device": "a telephone" })
    );
    assert!(created["sequence"].as_i64() > ready["sequence"].as_i64());
    let (mut other, _) = hub.open(&second.access).await;
    nothing_more(&mut other).await;

    hub.revoke_session(&key, &second.session).await;
    let revoked = socket.frame("event").await;
    assert_eq!(revoked["name"], "session.revoked");
    assert_eq!(
        revoked["data"],
        json!({ "session_id": second.session, "reason": "revoked" })
    );
    assert!(revoked["sequence"].as_i64() > created["sequence"].as_i64());
    other.signed_out("revoked").await;
    nothing_more(&mut socket).await;
}

#[tokio::test]
async fn a_socket_mints_access_tokens_that_cannot_open_further_sockets() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let (mut socket, _) = hub.open(&pair.access).await;
    socket.say(json!({ "type": "token", "id": "a-1" })).await;
    let answer = socket.frame("token").await;
    assert_eq!(
        (&answer["id"], &answer["expires_in"]),
        (&json!("a-1"), &json!(300))
    );
    let token = answer["access_token"].as_str().unwrap();
    let minted = claims(token);
    assert_eq!(
        (&minted["src"], &minted["sid"]),
        (&json!("socket"), &json!(pair.session))
    );
    assert!(claims(&pair.access).get("src").is_none());
    hub.get_as(token, "/api/auth/site_role").await.expect(200);
    hub.get_as(token, "/api/auth/socket")
        .await
        .problem(403, "refresh_required");
    assert_eq!(answer.as_object().unwrap().len(), 4, "{answer}");
    socket.say(json!({ "type": "token", "id": 7 })).await;
    assert_eq!(socket.frame("token").await["id"], 7);
    socket.say(json!({ "type": "token" })).await;
    assert_eq!(socket.closed().await, 4301);
}

#[tokio::test]
async fn after_twelve_hours_a_connection_mints_no_more() {
    let configured = Tuning::new().manual_clock().configure(|config| {
        // Nothing else ends with the hours that pass.
        config.hub.lease = 1e6;
    });
    let hub = configured.spawn().await;
    let clock = hub.clock.clone().unwrap();
    let key = hub.backend().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let (mut socket, _) = hub.open(&pair.access).await;
    clock.advance(Duration::from_secs(12 * 3600 - 1));
    socket.say(json!({ "type": "token", "id": 1 })).await;
    socket.frame("token").await;
    hub.assign(&key, &ada.id, "moderator").await;
    assert!(socket.frame("state").await["access_token"].is_string());

    clock.advance(Duration::from_secs(1));
    socket.say(json!({ "type": "token", "id": 2 })).await;
    let refused = socket.frame("error").await;
    assert_eq!(
        (&refused["id"], &refused["code"]),
        (&json!(2), &json!("refresh_required"))
    );
    hub.assign(&key, &ada.id, "user").await;
    let state = socket.frame("state").await;
    assert_eq!(state["state"]["role"], "user");
    assert!(
        state.get("access_token").is_none() && state.get("expires_in").is_none(),
        "{state}"
    );

    // A new connection, with an access token from a refresh, mints again.
    let fresh = crate::support::Pair::of(&hub.try_refresh(&pair.refresh).await.expect(200));
    let (mut socket, _) = hub.open(&fresh.access).await;
    socket.say(json!({ "type": "token", "id": 3 })).await;
    socket.frame("token").await;
}

#[tokio::test]
async fn an_unknown_type_is_answered_and_its_id_echoed() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let (mut socket, _) = hub.open(&pair.access).await;
    for (frame, id) in [
        (json!({ "type": "dance", "id": "x", "more": {} }), json!("x")),
        (json!({ "type": "dance", "id": 5 }), json!(5)),
        (json!({ "type": "dance" }), Value::Null),
        (json!({ "type": "dance", "id": { "a": 1 } }), Value::Null),
        (json!({ "type": "dance", "id": "x".repeat(65) }), Value::Null),
        (json!({ "type": "ready" }), Value::Null),
        (json!({ "type": "PONG", "version": 1 }), Value::Null),
    ] {
        socket.say(frame.clone()).await;
        let error = socket.frame("error").await;
        assert_eq!(error["code"], "unknown_type", "{frame}");
        assert_eq!(error["id"], id, "{frame}");
        assert_eq!(error.get("id").is_some(), !id.is_null());
        assert!(error["detail"].is_string() && error.get("retry_after_ms").is_none());
    }
}

#[tokio::test]
async fn a_pong_with_another_version_is_told_the_state_again() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let (mut socket, ready) = hub.open(&pair.access).await;
    let version = ready["state"]["version"].as_i64().unwrap();
    socket.say(json!({ "type": "pong", "version": version })).await;
    socket.say(json!({ "type": "pong" })).await;
    nothing_more(&mut socket).await;
    for other in [version - 1, version + 1, 0, -5] {
        socket.say(json!({ "type": "pong", "version": other })).await;
        let frame = socket.frame("state").await;
        assert_eq!(frame["state"], ready["state"]);
        assert_eq!(frame["reason"], "refreshed");
        assert!(frame["access_token"].is_string());
    }
}

#[tokio::test]
async fn what_has_no_place_after_ready_closes() {
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let no_text = Frame::message(vec![b'"', 0xff, b'"'], OpCode::Data(Data::Text), true);
    for (frame, code) in [
        (Message::text(r#"{"type":"hello","token":"x"}"#), 4302),
        (Message::binary(vec![1]), 4301),
        (Message::text("not json"), 4301),
        (Message::text("[]"), 4301),
        (Message::text(r#"{"type":7}"#), 4301),
        (Message::text(r#"{"type":"pong","version":"1"}"#), 4301),
        (Message::Frame(no_text), 4301),
    ] {
        let (mut socket, _) = hub.open(&pair.access).await;
        let shown = format!("{frame:?}");
        futures_util::SinkExt::send(&mut socket.wire, frame)
            .await
            .unwrap();
        assert_eq!(socket.hear().await, Heard::Closed(code), "{shown}");
    }
    // None of them has cost the session.
    hub.open(&pair.access).await;
}
