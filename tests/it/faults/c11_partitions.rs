//! C11: a node is cut from Redis, from SQL, from both; one way; again and again. Each has its bound: M, N,
//! L. And whoever is cut off does not hammer at the door.

use std::time::Duration;

use super::actor::Rates;
use super::ledger::Fault;
use super::nemesis::{Break, To};
use super::run::{Run, Setup};
use super::swarm::Manner;
use crate::support::proxy::Line;

const RATES: Rates = Rates {
    revocations: 10.0,
    roles: 4.0,
    refreshes: 4.0,
    registrations: 0.0,
};

async fn started(name: &'static str, setup: Setup) -> Run {
    let run = Run::start(name, setup).await;
    let manner = Manner {
        talks: true,
        ..Manner::default()
    };
    // Of ten thousand half come back at once, again and again, and two processors that carry the clients as well
    // cannot answer all of them in time.
    run.gather(run.scale.count(40, 2_000), manner).await;
    run.act(RATES);
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_cut_has_its_bound() {
    let run = started("C11", Setup::nodes(2).unswept()).await;
    let scale = run.scale;
    run.breaks(Break::Flapping(1, To::Both), scale.seconds(2.0, 300.0))
        .await;
    // The worst comes last: of connections to SQL that swallow what is said nobody is told, nor rid by a later
    // cut. The node gives them up by itself.
    for to in [To::Redis, To::Both, To::Sql] {
        for line in [Line::Cut, Line::Frozen, Line::Deaf, Line::Mute, Line::HalfOpen] {
            run.breaks(Break::Line(1, to, line), scale.seconds(0.4, 10.0))
                .await;
            tokio::time::sleep(scale.seconds(0.1, 3.0)).await;
        }
    }
    run.judge().await.clean(scale.count(20, 500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_cut_from_all_closes_its_sockets_by_itself() {
    let run = started("C11, the lease", Setup::nodes(2)).await;
    let long = run.scale.lease() + Duration::from_secs(3);
    // Its sockets go on asking, and it answers without asking anybody: no receipt may say otherwise (I6).
    let asking = async {
        let until = run.ledger.now() + long;
        while run.ledger.now() < until {
            run.swarm.speak();
            tokio::time::sleep(Duration::from_millis(800)).await;
        }
    };
    run.on_the_line(1, To::Both, Line::Frozen, asking).await;
    let logs = run.judge().await.clean(20);
    let leases = logs
        .sockets
        .iter()
        .filter(|socket| socket.node == 1 && socket.code == Some(4101));
    assert!(leases.count() > 0, "no lease ran out");
}

/// The journal was asked for a moment before the heal, over a line whose other end is gone: no answer comes, and
/// the node has its two seconds all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_never_comes_is_not_waited_for() {
    let run = started("C11, no answer", Setup::nodes(2).unswept()).await;
    let line = &run.nodes[1].to_sql;
    for _ in 0..run.scale.count(3, 10) {
        run.during(Fault::Sql, Some(1), async {
            line.set(Line::Deaf);
            // Somebody is signed out meanwhile, and the bus tells of it.
            tokio::time::sleep(Duration::from_millis(100)).await;
            line.lose_connections();
            line.set(Line::Whole);
        })
        .await;
        tokio::time::sleep(run.scale.seconds(3.0, 8.0)).await;
    }
    run.judge().await.clean(run.scale.count(20, 200));
}

/// Twice a second at most, whatever the cut is like.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hammers_at_a_closed_door() {
    let run = started("C11, attempts", Setup::nodes(2)).await;
    let long = run.scale.seconds(2.0, 60.0);
    for line in [Line::Cut, Line::Frozen] {
        let before = run.nodes[1].to_redis.accepted();
        run.breaks(Break::Line(1, To::Redis, line), long).await;
        let attempts = run.nodes[1].to_redis.accepted() - before;
        // A link and a reader of the stream: each tries twice a second at most, and once at once.
        let seconds = usize::try_from(long.as_secs()).unwrap() + 1;
        let most = 2 * 2 * seconds + 8;
        assert!(attempts <= most, "{attempts} attempts in {long:?} at {line:?}");
        println!("{attempts} attempts in {long:?} at {line:?}");
        let looks = attempts > 0 || line == Line::Frozen;
        assert!(looks, "nobody looks whether Redis is back");
    }
    run.judge().await.clean(20);
}
