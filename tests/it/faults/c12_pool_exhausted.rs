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
    blocker
        .execute("lock table refresh_tokens in access exclusive mode")
        .await
        .unwrap();
    let full = run.during(Fault::Slow, None, async {
        let mut waiting = JoinSet::new();
        for number in 0..80 {
            let hub = Arc::clone(&run.hub);
            // A sign-in may hold its user's row: those who are signed out are others.
            let email = run.actor.users()[20 + number % 20].email.clone();
            waiting.spawn(async move {
                let body = serde_json::json!({ "email": email, "password": PASSWORD });
                hub.post(number % 2, "/api/auth", "", &body).await
            });
        }
        let others: Vec<&str> = run.actor.users()[..20]
            .iter()
            .map(|user| user.id.as_str())
            .collect();
        let mut living = run.actor.living();
        living.retain(|session| others.contains(&session.user.as_str()));
        for (number, session) in living.iter().take(10).enumerate() {
            run.actor.end(session, number % 2, "none").await;
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
