//! C10: a whole role is signed out, then everybody. One statement, one row of the journal, and all sockets
//! of all nodes close at once; nobody else notices.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Row;

use super::ledger::{Selector, What};
use super::run::{Run, Setup};
use super::swarm::Manner;

async fn rows(run: &Run) -> i64 {
    let count = sqlx::query("select count(*) from journal");
    count.fetch_one(&mut run.sql().await).await.unwrap().get(0)
}

async fn revoke(run: &Run, order: Value, selector: Selector) {
    let path = "/api/revocations?wait=all&timeout_ms=10000";
    let rows = rows(run).await;
    let reply = run.hub.post(0, path, &run.hub.key, &order).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    println!("{order}: {:?} after {:?}", reply.body["receipt"], reply.took());
    assert!(reply.took() < run.scale.seconds(5.0, 2.0), "{:?}", reply.took());
    assert_eq!(reply.body["receipt"]["complete"], true);
    assert_eq!(
        self::rows(run).await,
        rows + 1,
        "one row, however many it concerns"
    );
    run.ledger.act(reply.act(What::Revoke {
        selector,
        everywhere: true,
    }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_then_everybody() {
    let run = Run::start("C10", Setup::nodes(2).unswept()).await;
    let count = run.scale.count(200, 10_000);
    run.gather(count, Manner::default()).await;
    let users = run.actor.users();
    let chosen: BTreeSet<String> = users[..users.len() / 2]
        .iter()
        .map(|user| user.id.clone())
        .collect();
    for user in &chosen {
        assert!(run.actor.assign(0, user, "moderator").await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let order = json!({ "role": "moderator", "reason": "faults" });
    revoke(&run, order, Selector::Users(chosen)).await;
    run.until("the role is gone", Duration::from_secs(10), || {
        run.swarm.open() == count / 2
    })
    .await;
    // Nobody else left with them.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(run.swarm.open(), count / 2);
    let order = json!({ "all": true, "reason": "faults" });
    revoke(&run, order, Selector::All).await;
    let logs = run.judge().await.clean(count);
    assert!(
        logs.sockets
            .iter()
            .all(|socket| socket.ready.is_none() || socket.code == Some(4001))
    );
}
