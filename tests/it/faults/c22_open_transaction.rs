//! C22: somebody leaves a writing transaction open in another database of the same cluster. It holds back
//! the oldest transaction id that all readers of the journal go by; nothing is lost, and nothing waits.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};

use super::actor::Rates;
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_transaction_elsewhere_delays_nothing() {
    let run = Run::start("C22", Setup::nodes(2).own_postgres().unswept()).await;
    let scale = run.scale;
    run.gather(scale.count(40, 5_000), Manner::default()).await;
    let postgres = run.postgres.as_ref().unwrap();
    postgres.execute("create database elsewhere").await;
    let url = format!("{}/elsewhere", postgres.url().rsplit_once('/').unwrap().0);
    let mut idle = PgConnection::connect(&url).await.unwrap();
    for statement in ["create table t (n int)", "begin", "insert into t values (1)"] {
        idle.execute(statement).await.unwrap();
    }
    run.act(Rates {
        revocations: 15.0,
        roles: 5.0,
        ..Rates::default()
    });
    tokio::time::sleep(scale.seconds(3.5, 300.0)).await;
    run.actor.rest().await;
    // Through the journal and a receipt from every node, while it is still open.
    let session = run.somebody_on(1);
    let body = serde_json::json!({ "session_id": session.id, "reason": "faults" });
    let path = "/api/revocations?wait=all&timeout_ms=5000";
    let reply = run.hub.post(0, path, &run.hub.key, &body).await;
    assert_eq!(reply.body["receipt"]["complete"], true, "{:?}", reply.body);
    assert!(
        reply.took() < Duration::from_secs(3),
        "a receipt waits for it: {:?}",
        reply.took()
    );
    run.ledger.act(reply.act(super::ledger::What::Revoke {
        selector: super::ledger::Selector::Session(session.id.clone()),
        everywhere: true,
    }));
    run.judge().await.clean(25);
    idle.execute("rollback").await.unwrap();
}
