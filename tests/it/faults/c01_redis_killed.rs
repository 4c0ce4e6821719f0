//! C01: Redis is killed and comes back, again and again. It is a fast path: no logout waits for it, and
//! nobody is turned away without it.

use std::time::Duration;

use super::actor::Rates;
use super::nemesis::Break;
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_logout_arrives_without_redis() {
    let run = Run::start("C01", Setup::nodes(2)).await;
    let scale = run.scale;
    run.gather(scale.count(40, 10_000), Manner::default()).await;
    run.act(Rates {
        revocations: if scale.long { 50.0 } else { 15.0 },
        roles: 3.0,
        ..Rates::default()
    });
    for _ in 0..scale.count(2, 20) {
        run.breaks(Break::RedisKilled, scale.seconds(2.0, 10.0)).await;
        tokio::time::sleep(scale.seconds(1.0, 5.0)).await;
    }
    let logs = run.judge().await.clean(scale.count(40, 10_000));
    let refused = logs.acts.iter().filter(|act| act.status >= 500).count();
    assert_eq!(refused, 0, "requests were refused because Redis was away");
}

/// The journal alone needs half of `hub.poll`; the bus, some milliseconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_is_fast_before_and_after() {
    let run = Run::start("C01, the bus", Setup::nodes(2)).await;
    run.gather(30, Manner::default()).await;
    let most = Duration::from_millis(200);
    let before = run.node_to_node(9).await;
    assert!(before < most, "a healthy bus takes {before:?}");
    run.breaks(Break::RedisKilled, Duration::from_secs(1)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = run.node_to_node(9).await;
    assert!(after < most, "a bus that came back takes {after:?}");
    run.judge().await.clean(18);
}
