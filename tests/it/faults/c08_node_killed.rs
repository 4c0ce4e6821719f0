//! C08: a node dies with all its sockets. They come back on the others, but for those whose session was
//! ended meanwhile; and a receipt does not wait for the dead for longer than a lease.

use std::time::Duration;

use serde_json::json;

use super::actor::Rates;
use super::ledger::{Fault, Selector};
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_on_a_dead_node_comes_back_elsewhere() {
    let run = Run::start("C08", Setup::nodes(3)).await;
    let scale = run.scale;
    run.gather(
        scale.count(90, 10_000),
        Manner {
            talks: true,
            ..Manner::default()
        },
    )
    .await;
    run.act(Rates {
        revocations: 8.0,
        roles: 2.0,
        ..Rates::default()
    });
    let there = run.swarm.members();
    let doomed = run.somebody_on(0);
    let died = run.ledger.now();
    let dead = run.ledger.begins(Fault::Down, Some(0));
    run.nodes[0].kill().await;
    run.actor.end(&doomed, 1, "none").await;
    run.until("everybody is back", scale.seconds(20.0, 30.0), || {
        there.iter().all(|member| member.is_open() || member.is_gone())
    })
    .await;
    let back = run.ledger.now() - died;
    println!("everybody back after {back:?}");
    tokio::time::sleep(scale.lease() + Duration::from_secs(2)).await;
    run.actor.rest().await;

    // No lease of the dead node is left: it counts as having applied everything.
    let session = run.somebody_on(1);
    let body = json!({ "session_id": session.id, "reason": "faults" });
    let path = "/api/revocations?wait=all&timeout_ms=5000";
    let reply = run.hub.post(2, path, &run.hub.key, &body).await;
    let selector = Selector::Session(session.id.clone());
    run.ledger.act(reply.act(super::ledger::What::Revoke {
        selector,
        everywhere: true,
    }));
    assert_eq!(reply.body["receipt"]["complete"], true, "{:?}", reply.body);
    // I6 looks whether the receipt is true.
    run.nodes[0].start_surely().await;
    run.ledger.ends(dead);
    run.judge().await.clean(20);
}
