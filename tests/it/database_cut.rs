//! PostgreSQL is cut off from the server: nothing opens, nothing is acknowledged, leases run out.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::app::Tuning;
use crate::support::eventually;
use crate::support::proxy::Line;

const ADA: &str = "ada@example.org";

async fn survives(line: Line) {
    let tuning = Tuning::new().configure(|config| {
        (config.hub.lease, config.hub.sweep, config.hub.poll) = (3.0, 0.3, 0.2);
        config.tokens.socket_ttl = 60;
    });
    let (hub, proxy) = tuning.spawn_behind_a_proxy().await;
    let key = hub.backend().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let spare = [
        hub.socket_token(&pair.access).await,
        hub.socket_token(&pair.access).await,
    ];
    let (mut socket, _) = hub.open(&pair.access).await;
    let cut_at = Instant::now();
    proxy.set(line);

    // Nobody gets in, and no revocation is acknowledged.
    let order = json!({ "session_id": pair.session, "reason": "x" });
    let (refused, code) = tokio::join!(hub.try_revoke(&key, "", order), async {
        hub.connect_with(&spare[0]).await.closed().await
    });
    refused.problem(503, "unavailable");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(code / 100, 42);
    assert_eq!(socket.closed().await, 4101);
    let closed_after = cut_at.elapsed();
    assert!(
        closed_after > Duration::from_secs(1),
        "it stays while its lease holds: {closed_after:?}"
    );
    hub.get("/readyz").await.problem(503, "unavailable");

    let healed_at = Instant::now();
    proxy.set(Line::Whole);
    eventually("all works again", || async {
        let answer = hub.get("/readyz").await;
        (answer.status == 200).then_some(())
    })
    .await;
    let mut socket = eventually("sockets open again", || async {
        let fresh = hub.get_as(&pair.access, "/api/auth/socket").await;
        let token = (fresh.status == 200).then(|| fresh.json()["token"].as_str().unwrap().to_owned())?;
        let mut socket = hub.connect_with(&token).await;
        match socket.hear().await {
            crate::support::socket::Heard::Frame(frame) if frame["type"] == "ready" => Some(socket),
            _ => None,
        }
    })
    .await;
    hub.assign(&key, &ada.id, "moderator").await;
    socket.frame("state").await;
    // This machine may be slow: how soon it is, the scenarios of faults measure in full length.
    assert!(
        healed_at.elapsed() < Duration::from_secs(6),
        "{:?}",
        healed_at.elapsed()
    );
    hub.revoke_session(&key, &pair.session).await;
    let (_, code) = socket.read_to_the_end().await;
    assert_eq!(code, Some(4001));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_line_to_postgres_is_survived() {
    survives(Line::Cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_line_to_postgres_is_survived() {
    survives(Line::Frozen).await;
}
