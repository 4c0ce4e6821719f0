//! C02: Redis hangs. Connections to it are made and stay, and nothing is answered: the worst case. Each
//! call gives up after 250 ms, and a breaker spares the next ones even that.

use std::time::Duration;

use super::actor::Rates;
use super::checker::Histogram;
use super::ledger::{Fault, What};
use super::nemesis::Break;
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_redis_that_hangs() {
    let run = Run::start("C02", Setup::nodes(2).unswept()).await;
    let scale = run.scale;
    run.gather(scale.count(40, 10_000), Manner::default()).await;
    run.act(Rates {
        revocations: if scale.long { 50.0 } else { 10.0 },
        roles: 2.0,
        refreshes: 20.0,
        ..Rates::default()
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    run.breaks(Break::RedisFrozen, scale.seconds(4.0, 60.0)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let logs = run.judge().await.clean(scale.count(20, 2000));

    let mut took = Histogram::default();
    let frozen: Vec<_> = logs
        .phases
        .iter()
        .filter(|phase| phase.fault == Fault::Redis)
        .collect();
    for act in &logs.acts {
        // Who revokes may have asked to wait.
        let waits = matches!(act.what, What::Revoke { .. });
        let meanwhile = frozen.iter().any(|phase| phase.overlaps(act.sent, act.answered));
        if meanwhile && !waits {
            took.note(act.took());
            assert!(act.status < 500 && act.status > 0, "{act:?}");
        }
    }
    println!("REST while Redis hangs  {took}");
    assert!(took.count() > 50, "{took}");
    // Beside other tests some calls wait for a processor; none that waits for Redis is short.
    let (share, most) = if scale.long { (99, 300) } else { (75, 500) };
    assert!(took.percentile(share) <= Duration::from_millis(most), "{took}");
}

/// Limits are counted in Redis. Before the breaker each refresh would wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_counted_without_a_redis_that_hangs() {
    let setup = Setup::nodes(1).set("PORTCULLIS_LIMITS__ENABLED", "true");
    let run = Run::start("C02, limits", setup).await;
    run.gather(4, Manner::default()).await;
    run.bus_is_up().await;
    let calm = refreshes(&run).await;
    let hanging = run.during(Fault::Redis, None, async {
        let redis = run.redis.lock().await;
        redis.freeze();
        let took = refreshes(&run).await;
        redis.thaw();
        took
    });
    let hanging = hanging.await;
    println!("refreshes  calm {calm}\n           while Redis hangs {hanging}");
    let more = hanging.percentile(50).saturating_sub(calm.percentile(50));
    assert!(
        more < Duration::from_millis(200),
        "each waits for Redis: {more:?} more"
    );
    assert!(hanging.max() < Duration::from_secs(3), "{hanging}");
    run.judge().await.clean(0);
}

/// One after the other.
async fn refreshes(run: &Run) -> Histogram {
    let mut took = Histogram::default();
    for number in 0..20 {
        let session = &run.actor.living()[number % 4];
        let reply = run.hub.refresh(session, 0).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        took.note(reply.took());
    }
    took
}
