//! C00: nothing is broken, or Redis alone: how long a forced logout takes from node to node, one at a time,
//! while everybody else idles. What docs/OPERATIONS.md says of it was measured here.

use std::time::Duration;

use super::checker::Histogram;
use super::ledger::Fault;
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_hear_of_a_logout() {
    news_travels("C00, two nodes", 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_hear_of_a_logout() {
    news_travels("C00, three nodes", 3).await;
}

async fn news_travels(name: &'static str, nodes: usize) {
    let run = Run::start(name, Setup::nodes(nodes)).await;
    let scale = run.scale;
    run.gather(scale.count(60, 11_500), Manner::default()).await;
    run.bus_is_up().await;
    let (calm, broken) = (scale.count(10, 1_000), scale.count(4, 100));
    let took = run.node_to_node("with Redis", calm).await;
    within(&took, 99, scale.seconds(1.0, 0.05));
    let frozen = run.during(Fault::Redis, None, async {
        run.redis.lock().await.freeze();
        let took = run.node_to_node("Redis frozen", broken).await;
        run.redis.lock().await.thaw();
        took
    });
    within(&frozen.await, 100, Duration::from_secs(2));
    run.bus_is_up().await;
    let killed = run.during(Fault::Redis, None, async {
        run.redis.lock().await.kill().await;
        let took = run.node_to_node("Redis killed", broken).await;
        run.redis.lock().await.run().await;
        took
    });
    within(&killed.await, 100, Duration::from_secs(2));
    run.judge().await.clean(calm + 2 * broken);
}

/// That `share` of a hundred took at most so long.
#[track_caller]
fn within(took: &Histogram, share: usize, most: Duration) {
    assert!(
        took.percentile(share) <= most,
        "{share} % may take {most:?}: {took}"
    );
}
