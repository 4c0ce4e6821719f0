//! C20: everybody wants the same thing in the same second: all refresh at once, and many tabs refresh with
//! one and the same token. All are answered, and each session keeps one line of tokens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use tokio::task::JoinSet;

use super::ledger::{Fault, What};
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_refresh_in_the_same_second() {
    let run = Run::start("C20", Setup::nodes(2)).await;
    let count = run.scale.count(150, 10_000);
    run.gather(count, Manner::default()).await;
    let mut asking = JoinSet::new();
    for (number, session) in run.actor.living().into_iter().enumerate() {
        let hub = Arc::clone(&run.hub);
        asking.spawn(async move {
            // 503 says: in a moment. Nobody is refused for good.
            for _ in 0..100 {
                match hub.refresh(&session, number % 2).await.status {
                    200 => return true,
                    0 | 503 => tokio::time::sleep(Duration::from_millis(200)).await,
                    _ => return false,
                }
            }
            false
        });
    }
    assert!(asking.join_all().await.into_iter().all(|refreshed| refreshed));
    run.judge().await.clean(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tabs_refresh_with_one_token() {
    let run = Run::start("C20, tabs", Setup::nodes(2)).await;
    run.gather(4, Manner::default()).await;
    for session in run.actor.living() {
        let token = session.refresh.lock().await.clone();
        let mut asking = JoinSet::new();
        for tab in 0..24 {
            let (hub, token, id) = (Arc::clone(&run.hub), token.clone(), session.id.clone());
            asking.spawn(async move {
                let body = serde_json::json!({ "refresh_token": token });
                let reply = hub.post(tab % 2, "/api/auth/refresh", "", &body).await;
                let given = reply.text("refresh_token");
                hub.ledger.act(reply.act(What::Refresh {
                    session: id,
                    presented: token,
                    given: given.clone(),
                }));
                given
            });
        }
        let given: BTreeSet<Option<String>> = asking.join_all().await.into_iter().collect();
        assert_eq!(given.len(), 1, "{given:?}");
        assert!(!given.contains(&None), "a tab was refused");
    }
    run.judge().await.clean(0);
}

/// While the database holds its breath, many ask the same of it: it is asked for all of them together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_checks_are_one_query() {
    const EACH: usize = 200;
    let run = Run::start("C20, checks", Setup::nodes(2).own_postgres().unswept()).await;
    run.gather(20, Manner::default()).await;
    let sql = run.postgres.as_ref().unwrap();
    let before = commits(&run).await;
    let asked = run.during(Fault::Sql, None, async {
        sql.freeze();
        let mut asking = JoinSet::new();
        for (number, session) in run.actor.living().into_iter().cycle().take(2 * EACH).enumerate() {
            let hub = Arc::clone(&run.hub);
            asking.spawn(async move { hub.ticket(&session, number % 2).await.status });
        }
        tokio::time::sleep(Duration::from_millis(800)).await;
        sql.thaw();
        asking.join_all().await
    });
    let statuses = asked.await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let queries = commits(&run).await - before;
    println!("{queries} transactions for {} requests", 2 * EACH);
    // What the nodes do by themselves is among them, too.
    assert!(
        queries < i64::try_from(2 * EACH).unwrap(),
        "{queries} transactions"
    );
    run.judge().await.clean(0);
}

/// How many transactions the database has seen. It counts what each connection did within the last second.
async fn commits(run: &Run) -> i64 {
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let count = "select xact_commit from pg_stat_database where datname = current_database()";
    sqlx::query(count)
        .fetch_one(&mut run.sql().await)
        .await
        .unwrap()
        .get(0)
}
