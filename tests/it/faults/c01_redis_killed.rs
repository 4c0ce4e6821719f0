//! C01: Redis is killed and comes back, again and again. It is a fast path: no logout waits for it, and
//! nobody is turned away without it.

use super::actor::Rates;
use super::nemesis::Break;
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_logout_arrives_without_redis() {
    let run = Run::start("C01", Setup::nodes(2)).await;
    let scale = run.scale;
    run.gather(scale.count(60, 10_000), Manner::default()).await;
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
