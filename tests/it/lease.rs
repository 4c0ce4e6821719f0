//! The lease: a socket whose session cannot be checked any more closes by itself, and hears nothing.

use std::time::Duration;

use serde_json::json;

use crate::support::app::{TestApp, Tuning};
use crate::support::socket::Heard;

const ADA: &str = "ada@example.org";

/// A server whose time stands still, and which never sweeps by itself.
async fn hub() -> TestApp {
    let configured = Tuning::new().manual_clock().configure(|config| {
        (config.hub.poll, config.hub.sweep, config.hub.lease) = (3600.0, 3600.0, 30.0);
    });
    configured.spawn().await
}

#[tokio::test]
async fn a_socket_that_could_not_be_checked_in_time_closes() {
    let hub = hub().await;
    let clock = hub.clock.clone().unwrap();
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let (mut socket, _) = hub.open(&pair.access).await;
    // With PostgreSQL a node keeps a second of its lease to itself.
    clock.advance(Duration::from_millis(28_999));
    hub.app.cx.hub.end_expired_leases();
    socket.say(json!({ "type": "token", "id": 1 })).await;
    socket.frame("token").await;
    clock.advance(Duration::from_millis(1_001));
    // Long before anything would be written.
    let noticed = tokio::time::timeout(Duration::from_secs(5), socket.closed()).await;
    assert_eq!(noticed, Ok(4101), "without signed_out");
    hub.sockets_become(0).await;
    // The session lives.
    let fresh = hub.socket_token(&pair.access).await;
    hub.connect_with(&fresh).await.frame("ready").await;
}

#[tokio::test]
async fn a_sweep_renews_the_lease() {
    let hub = hub().await;
    let clock = hub.clock.clone().unwrap();
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let key = hub.backend().await;
    let (mut socket, _) = hub.open(&pair.access).await;
    for _ in 0..4 {
        clock.advance(Duration::from_secs(20));
        // The lease of the node, which real time renews, is not what is asked about.
        hub.app.cx.hub.report().await.unwrap();
        // Whoever ends sessions of a role compares all sockets.
        let order = json!({ "role": "moderator", "reason": "x" });
        hub.signed_in(&format!("m{}@example.org", clock_micros(&hub)), "moderator")
            .await;
        hub.try_revoke(&key, "", order).await.expect(200);
    }
    hub.app.cx.hub.end_expired_leases();
    hub.assign(&key, &ada.id, "moderator").await;
    socket.frame("state").await;
    clock.advance(Duration::from_secs(31));
    assert_eq!(socket.closed().await, 4101);
}

fn clock_micros(hub: &TestApp) -> i64 {
    hub.now().micros()
}

/// As a process finds itself that was frozen: time has passed, and nothing of it was noticed yet.
#[tokio::test]
async fn nothing_is_written_to_a_socket_whose_lease_has_run_out() {
    let hub = hub().await;
    let clock = hub.clock.clone().unwrap();
    let key = hub.backend().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    // Each is the first to notice: a push, an answer to the client, a pong.
    for at in 0..3 {
        let fresh = hub.sign_in(ADA).await;
        let (mut socket, ready) = hub.open(&fresh.access).await;
        clock.advance(Duration::from_secs(31));
        match at {
            0 => {
                hub.assign(&key, &ada.id, "moderator").await;
            }
            1 => socket.say(json!({ "type": "token", "id": 1 })).await,
            _ => {
                let version = ready["state"]["version"].as_i64().unwrap() - 1;
                socket.say(json!({ "type": "pong", "version": version })).await;
            }
        }
        assert_eq!(socket.hear().await, Heard::Closed(4101), "{at}");
    }
    drop(pair);
}
