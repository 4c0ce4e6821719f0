//! C12: every connection for requests waits for a lock that somebody sits on. Forced logouts, the journal
//! and the sweep have connections of their own; people are told to come again.

use std::sync::Arc;

use sqlx::Executor;
use tokio::task::JoinSet;

use super::checker::Histogram;
use super::ledger::Fault;
use super::run::{Run, Setup};
use super::swarm::Manner;
use crate::support::people::PASSWORD;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logouts_pass_a_pool_that_is_full() {
    let run = Run::start("C12", Setup::nodes(2)).await;
    run.gather(40, Manner::default()).await;
    let mut blocker = run.sql().await;
    blocker.execute("begin").await.unwrap();
    blocker.execute("lock table refresh_tokens in access exclusive mode").await.unwrap();
    let full = run.during(Fault::Slow, None, async {
        let mut waiting = JoinSet::new();
        for number in 0..80 {
            let hub = Arc::clone(&run.hub);
            let email = run.actor.users()[number % 40].email.clone();
            waiting.spawn(async move {
                let body = serde_json::json!({ "email": email, "password": PASSWORD });
                hub.post(number % 2, "/api/auth", "", &body).await
            });
        }
        for _ in 0..run.scale.count(8, 100) {
            let session = run.somebody_on(1);
            run.actor.end(&session, 0, "none").await;
        }
        waiting.join_all().await
    });
    let replies = full.await;
    blocker.execute("rollback").await.unwrap();
    let mut took = Histogram::default();
    for reply in &replies {
        assert_eq!(reply.status, 503, "{reply:?}");
        assert!(reply.retry_after);
        took.note(reply.took());
    }
    println!("refused  {took}");
    assert!(took.max() <= run.scale.seconds(8.0, 2.5), "{took}");
    run.judge().await.clean(8);
}
