//! C08: a node dies with all its sockets. They come back on the others, but for those whose session was
//! ended meanwhile; and a receipt does not wait for the dead for longer than a lease.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::actor::Rates;
use super::checker::Histogram;
use super::ledger::{At, Fault, Selector};
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_on_a_dead_node_comes_back_elsewhere() {
    let run = Run::start("C08", Setup::nodes(3)).await;
    let scale = run.scale;
    run.gather(
        scale.count(60, 10_000),
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
    println!("back elsewhere  {}", came_back(&run, died));
    tokio::time::sleep(scale.lease() + Duration::from_secs(2)).await;
    run.actor.rest().await;

    ghosts_are_gone(&run, died).await;

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

/// What the dead node had in Redis counts for nobody any more.
async fn ghosts_are_gone(run: &Run, died: At) {
    const COUNT: &str = "local n = 0
        for _, key in ipairs(redis.call('KEYS', 'portcullis:presence:user:*')) do n = n + redis.call('HLEN', key) end
        return n";
    loop {
        let said = run.redis.lock().await.say(&["EVAL", COUNT, "0"]).await;
        let open = run.swarm.open();
        let mut listed = said.lines().filter_map(|line| line.strip_prefix(':'));
        let listed: usize = listed.next_back().unwrap().parse().unwrap();
        let waited = run.ledger.now().saturating_sub(died);
        if listed == open {
            return println!("ghosts gone after {waited:?}");
        }
        let most = run.scale.seconds(30.0, 45.0);
        assert!(waited < most, "{listed} connections in Redis, {open} are open");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How long each client of the dead node was without a socket.
fn came_back(run: &Run, died: At) -> Histogram {
    let logs = run.ledger.write();
    let lost = logs.sockets.iter().filter(|socket| {
        let before = socket.ready.is_some_and(|ready| ready < died);
        let after = socket.closed.is_some_and(|closed| closed >= died);
        socket.node == 0 && before && after && socket.code.is_none()
    });
    let members: BTreeSet<usize> = lost.map(|socket| socket.member).collect();
    let mut times = Histogram::default();
    for member in members {
        let own = logs.sockets.iter().filter(|socket| socket.member == member);
        if let Some(ready) = own.filter_map(|socket| socket.ready).find(|ready| *ready > died) {
            times.note(ready.saturating_sub(died));
        }
    }
    times
}
