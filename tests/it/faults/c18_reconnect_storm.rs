//! C18: all nodes die at once and come back, and everybody is at the door in the same moment, without any
//! pause of their own. All get in, and PostgreSQL sees no more connections than the pools have.

use std::time::Duration;

use sqlx::Row;

use super::ledger::Fault;
use super::run::{Run, Setup};
use super::swarm::Manner;

/// Connections of one node's pools: requests, revocations, the watch, and one to open with.
const POOLS: i64 = 16 + 4 + 4 + 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_comes_back_at_once() {
    let run = Run::start("C18", Setup::nodes(2)).await;
    let hasty = Manner {
        hasty: true,
        ..Manner::default()
    };
    run.gather(run.scale.count(120, 10_000), hasty).await;
    let down = run.ledger.begins(Fault::Down, None);
    for node in &run.nodes {
        node.kill().await;
    }
    let mut sql = run.sql().await;
    let now = "select cast(clock_timestamp() as text)";
    let killed: String = sqlx::query(now).fetch_one(&mut sql).await.unwrap().get(0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    for node in &run.nodes {
        node.start_surely().await;
    }
    run.ledger.ends(down);
    let began = run.ledger.now();
    let patience = began + run.scale.seconds(45.0, 20.0);
    let count = "select count(*) from pg_stat_activity
        where application_name like 'portcullis%' and datname = current_database()
            and backend_start > cast($1 as timestamptz)";
    let mut most = 0;
    while !run.swarm.is_complete() {
        assert!(run.ledger.now() < patience, "only {} are back", run.swarm.open());
        let connections: i64 = sqlx::query(count)
            .bind(&killed)
            .fetch_one(&mut sql)
            .await
            .unwrap()
            .get(0);
        most = most.max(connections);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!(
        "all back after {:?}, {most} connections to SQL",
        run.ledger.now().saturating_sub(began)
    );
    assert!(most <= 2 * POOLS, "{most} connections to SQL");
    run.judge().await.clean(0);
}
