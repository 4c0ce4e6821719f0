//! C09: a node is stopped for longer than a lease, then goes on: a zombie. Its first act is to look at its
//! leases: no frame leaves it for a session that was ended meanwhile.

use std::time::Duration;

use super::ledger::Fault;
use super::nemesis::Break;
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thawed_node_says_nothing_to_who_was_signed_out() {
    let run = Run::start("C09", Setup::nodes(2)).await;
    let scale = run.scale;
    run.gather(
        scale.count(40, 10_000),
        Manner {
            talks: true,
            ..Manner::default()
        },
    )
    .await;
    // For less than a lease: nobody loses a socket by it.
    run.breaks(Break::NodeFrozen(1), scale.lease() / 5).await;
    tokio::time::sleep(scale.seconds(1.0, 5.0)).await;
    let closed = run
        .ledger
        .write()
        .sockets
        .iter()
        .filter(|socket| socket.closed.is_some())
        .count();
    assert_eq!(closed, 0, "a short stop closed sockets");

    let frozen = run.during(Fault::Frozen, Some(1), async {
        run.nodes[1].freeze();
        let from = run.ledger.now();
        for _ in 0..10 {
            let session = run.somebody_on(1);
            // What the zombie would like to tell them.
            run.actor.assign(0, &session.user, "moderator").await;
            run.actor.end(&session, 0, "all").await;
            run.actor.assign(0, &session.user, "user").await;
        }
        let spent = run.ledger.now().saturating_sub(from);
        let rest = (scale.lease() + Duration::from_secs(3)).max(scale.seconds(0.0, 60.0));
        tokio::time::sleep(rest.saturating_sub(spent)).await;
        // Now the lease has run out for certain: a receipt may say so, and must be true.
        for _ in 0..3 {
            let session = run.somebody_on(1);
            run.actor.end(&session, 0, "all").await;
        }
        // Requests wait for the zombie, which could answer them without asking anybody.
        run.swarm.speak();
        tokio::time::sleep(Duration::from_millis(200)).await;
        run.nodes[1].thaw();
    });
    frozen.await;
    let logs = run.judge().await.clean(10);
    let others = logs
        .sockets
        .iter()
        .filter(|socket| socket.node == 1 && socket.code == Some(4101));
    assert!(others.count() > 0, "no lease ran out");
}
