//! How sockets of sessions that ended are told so: `signed_out`, then the close of the same code.

use std::time::Duration;

use futures_util::SinkExt;
use portcullis::store::sessions::{self, EndReason};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::Pair;
use crate::support::app::{TestApp, Tuning};
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";
const REASONS: [(EndReason, u16); 8] = [
    (EndReason::Revoked, 4001),
    (EndReason::RefreshReused, 4001),
    (EndReason::AccountDisabled, 4002),
    (EndReason::AccountDeleted, 4002),
    (EndReason::PasswordChanged, 4003),
    (EndReason::EmailChanged, 4003),
    (EndReason::Logout, 4005),
    (EndReason::Expired, 4006),
];

#[tokio::test]
async fn t04_a_good_token_of_a_dead_session_is_told_how_it_died() {
    let hub = TestApp::spawn().await;
    hub.person(ADA, "user").await;
    for (reason, code) in REASONS {
        let pair = hub.sign_in(ADA).await;
        let tokens = [
            hub.socket_token(&pair.access).await,
            hub.socket_token(&pair.access).await,
        ];
        hub.end_in_sql(&pair.session, reason).await;
        let [by_frame, by_protocol] = tokens;
        let mut first = hub.connect().await;
        first.hello(&by_frame).await;
        for mut socket in [first, hub.connect_with(&by_protocol).await] {
            let goodbye = socket.signed_out(reason.as_str()).await;
            assert_eq!(goodbye["code"], code);
            assert_eq!(goodbye["scope"], "session");
            assert_eq!(goodbye["message"], format!("because of {}", reason.as_str()));
        }
    }
    hub.sockets_become(0).await;
}

#[tokio::test]
async fn t04_a_session_that_is_not_there_counts_as_revoked() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let token = hub.socket_token(&pair.access).await;
    hub.end_in_sql(&pair.session, EndReason::Logout).await;
    let mut tx = hub.app.cx.db.begin().await.unwrap();
    let later = hub.now() + Duration::from_mins(1);
    sessions::purge(&mut tx, later, 1_000).await.unwrap();
    tx.commit().await.unwrap();
    let goodbye = hub.connect_with(&token).await.signed_out("revoked").await;
    assert_eq!(goodbye["code"], 4001);
}

#[tokio::test]
async fn a_session_expires_on_its_socket_too() {
    let configured = Tuning::new().manual_clock().configure(|config| {
        config.hub.sweep = 0.1;
        config.hub.lease = 1e6;
        config.tokens.refresh_absolute = 20;
    });
    let hub = configured.spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let token = hub.socket_token(&pair.access).await;
    let (mut open, _) = hub.open(&pair.access).await;
    hub.clock.as_ref().unwrap().advance(Duration::from_secs(21));
    for goodbye in [
        open.signed_out("expired").await,
        hub.connect_with(&token).await.signed_out("expired").await,
    ] {
        assert_eq!(goodbye["code"], 4006);
    }
}

/// Three sessions with a socket each.
async fn three(hub: &TestApp) -> ([Pair; 3], [crate::support::socket::TestSocket; 3]) {
    let pairs = [
        hub.sign_in(ADA).await,
        hub.sign_in(ADA).await,
        hub.sign_in(ADA).await,
    ];
    let [a, b, c] = &pairs;
    let sockets = [
        hub.open(&a.access).await.0,
        hub.open(&b.access).await.0,
        hub.open(&c.access).await.0,
    ];
    (pairs, sockets)
}

#[tokio::test]
async fn t04_signing_out_reaches_the_sockets_that_it_ends_and_spares_the_others() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let ada = hub.person(ADA, "user").await;
    let out = async |pair: &Pair, scope: &str| {
        let answer = hub
            .post_as(&pair.access, "/api/auth/logout", json!({ "scope": scope }))
            .await;
        answer.expect(204);
    };

    let ([a, ..], [mut one, mut two, three_]) = three(&hub).await;
    out(&a, "session").await;
    let goodbye = one.signed_out("logout").await;
    assert_eq!(
        (&goodbye["code"], &goodbye["scope"]),
        (&json!(4005), &json!("session"))
    );
    assert_eq!(two.frame("event").await["name"], "session.revoked");
    drop((two, three_));

    let ([a, ..], [mut one, mut two, mut three_]) = three(&hub).await;
    out(&a, "others").await;
    for socket in [&mut two, &mut three_] {
        assert_eq!(socket.signed_out("logout").await["code"], 4005);
    }
    assert_eq!(one.frame("event").await["name"], "session.revoked");
    drop(one);

    let ([a, ..], sockets) = three(&hub).await;
    out(&a, "all").await;
    for mut socket in sockets {
        assert_eq!(socket.signed_out("logout").await["code"], 4005);
    }

    for order in [
        json!({ "user_id": ada.id, "reason": "x", "message": "Ask the front desk" }),
        json!({ "role": "user", "reason": "x", "message": "Ask the front desk" }),
        json!({ "all": true, "reason": "x", "message": "Ask the front desk" }),
    ] {
        let (_, sockets) = three(&hub).await;
        let done = hub.try_revoke(&key, "", order).await.expect(200).json();
        assert_eq!(done["receipt"]["complete"], true, "{done}");
        assert_eq!(done["receipt"]["sockets_closed"], 3, "{done}");
        // True at once: nothing has to be waited for.
        assert_eq!(hub.sockets(), 0);
        for mut socket in sockets {
            let goodbye = socket.signed_out("revoked").await;
            assert_eq!(
                (&goodbye["code"], &goodbye["message"]),
                (&json!(4001), &json!("Ask the front desk"))
            );
        }
    }

    let ([a, ..], [mut one, mut two, mut three_]) = three(&hub).await;
    let order = json!({ "user_id": ada.id, "except_session_id": a.session, "reason": "x" });
    hub.try_revoke(&key, "", order).await.expect(200);
    for socket in [&mut two, &mut three_] {
        assert!(socket.signed_out("revoked").await.get("message").is_none());
    }
    assert_eq!(one.frame("event").await["name"], "session.revoked");
}

#[tokio::test]
async fn t06_a_stolen_refresh_token_ends_the_socket_and_t07_a_recovery_does() {
    let hub = Tuning::new()
        .configure(|config| config.tokens.refresh_grace = 0)
        .spawn()
        .await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let (mut socket, _) = hub.open(&pair.access).await;
    hub.try_refresh(&pair.refresh).await.expect(200);
    hub.try_refresh(&pair.refresh)
        .await
        .problem(401, "refresh_reused");
    assert_eq!(socket.signed_out("refresh_reused").await["code"], 4001);

    let pair = hub.sign_in(ADA).await;
    let (mut socket, _) = hub.open(&pair.access).await;
    hub.post("/api/auth/recovery", json!({ "email": ADA }))
        .await
        .expect(202);
    let mail = crate::support::eventually("the recovery's mail", || async {
        let mails = hub.mails_to(ADA).await;
        mails
            .into_iter()
            .find(|mail| mail["links"].to_string().contains("/recovery/"))
    })
    .await;
    let path = format!("/api/auth/recovery/{}", mail["token"].as_str().unwrap());
    hub.post(&path, json!({ "password": format!("{PASSWORD} more") }))
        .await
        .expect(204);
    let goodbye = socket.signed_out("password_changed").await;
    assert_eq!(
        (&goodbye["code"], &goodbye["scope"]),
        (&json!(4003), &json!("user"))
    );
}

/// With input that nobody reads, a careless close resets the connection and takes the last frames with it.
#[tokio::test]
async fn t04_a_client_that_goes_on_sending_sees_why_it_was_signed_out() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let (mut socket, _) = hub.open(&pair.access).await;
    hub.revoke_session(&key, &pair.session).await;
    let text = json!({ "type": "x", "pad": "x".repeat(4000) }).to_string();
    for at in 0..400 {
        let sent = socket.wire.send(Message::text(&text)).await;
        assert!(
            sent.is_ok(),
            "the connection was reset after {at} frames: {sent:?}"
        );
    }
    socket.signed_out("revoked").await;
}

#[tokio::test]
async fn a_client_that_leaves_is_answered_and_forgotten() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let (mut polite, _) = hub.open(&pair.access).await;
    let (rude, _) = hub.open(&pair.access).await;
    assert_eq!(hub.sockets(), 2);
    let close = tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: 1000.into(),
        reason: "bye".into(),
    };
    polite.wire.send(Message::Close(Some(close))).await.unwrap();
    assert_eq!(polite.closed().await, 1000);
    hub.sockets_become(1).await;
    drop(rude);
    hub.sockets_become(0).await;
}
