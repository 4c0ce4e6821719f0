//! C01: Redis is killed and comes back, again and again. It is a fast path: no logout waits for it, and
//! nobody is turned away without it.

use std::time::Duration;

use super::actor::Rates;
use super::nemesis::Break;
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_logout_arrives_without_redis() {
    let run = Run::start("C01", Setup::nodes(2).unswept()).await;
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
    let turned_away = logs.turned_away();
    assert_eq!(turned_away, 0, "sockets were refused because Redis was away");
}

/// The journal alone would need half of `hub.poll`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_is_fast_before_and_after() {
    let setup = Setup::nodes(2).unswept().set("PORTCULLIS_HUB__POLL", "10");
    let run = Run::start("C01, the bus", setup).await;
    run.gather(30, Manner::default()).await;
    let most = run.scale.seconds(1.0, 0.2);
    run.bus_is_up().await;
    let before = run.node_to_node("before", 5).await.percentile(50);
    assert!(before < most, "a healthy bus takes {before:?}");
    run.breaks(Break::RedisKilled, Duration::from_secs(1)).await;
    run.bus_is_up().await;
    let after = run.node_to_node("after", 5).await.percentile(50);
    assert!(after < most, "a bus that came back takes {after:?}");
    run.judge().await.clean(10);
}
