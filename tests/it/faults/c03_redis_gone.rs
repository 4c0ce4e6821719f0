//! C03: Redis is gone while a great many sessions are ended. Each closes, nobody else does.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ledger::Fault;
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_many_close_without_redis() {
    let run = Run::start("C03", Setup::nodes(2).unswept().unpolled()).await;
    let scale = run.scale;
    let (ended, spared) = (scale.count(150, 10_000), scale.count(30, 500));
    run.gather(ended + spared, Manner::default()).await;
    run.redis.lock().await.kill().await;
    let meanwhile = async {
        let places = Arc::new(Semaphore::new(16));
        let mut tasks = JoinSet::new();
        for (number, session) in run.actor.take(ended).into_iter().enumerate() {
            let (actor, places) = (Arc::clone(&run.actor), Arc::clone(&places));
            tasks.spawn(async move {
                let _place = places.acquire().await;
                // All through one node: the other has nobody but the journal to tell it.
                actor.end(&session, 0, ["none", "local", "all"][number % 3]).await;
            });
        }
        tasks.join_all().await;
        // In full length Redis stays away as long as a bad night.
        tokio::time::sleep(scale.seconds(0.5, 480.0)).await;
    };
    run.during(Fault::Redis, None, meanwhile).await;
    run.redis.lock().await.run().await;
    let logs = run.judge().await.clean(ended);
    let open = logs
        .sockets
        .iter()
        .filter(|socket| socket.ready.is_some() && socket.closed.is_none());
    assert_eq!(open.count(), spared, "everybody else stays");
    let once = logs.sockets.len();
    assert_eq!(once, ended + spared, "somebody had to come back");
}
