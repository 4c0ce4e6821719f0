//! The database is not what it was: restored, failed over, or loaded from a dump. Positions are void then, every
//! socket is compared, and clients begin anew.

use portcullis::config::Config;
use portcullis::store::journal::{self, Change, NewEntry};
use portcullis::store::meta;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::socket::{Heard, TestSocket};
use crate::support::{database, eventually, sql};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";

/// A node that reads the journal often, and sweeps of its own accord never.
async fn node() -> TestApp {
    let url = database::fresh_postgres().await;
    let configure = |config: &mut Config| {
        (config.hub.poll, config.hub.sweep, config.hub.lease) = (0.05, 3600.0, 7200.0);
        // The last one of several sockets is not asked to leave before the test is over.
        config.hub.drain = 3600.0;
    };
    Tuning::new().database(url).configure(configure).spawn().await
}

async fn epoch(hub: &TestApp) -> String {
    let epoch = hub.texts("select value from meta where key = 'epoch'").await;
    epoch[0].clone().unwrap()
}

async fn becomes_another(hub: &TestApp, old: &str) -> String {
    eventually("a new epoch begins", || async {
        let epoch = epoch(hub).await;
        (epoch != old).then_some(epoch)
    })
    .await
}

/// Skips frames until the one that asks to come back.
async fn asked_to_reconnect(socket: &mut TestSocket) {
    loop {
        match socket.hear().await {
            Heard::Frame(frame) if frame["type"] == "reconnect" => return,
            Heard::Frame(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn begins_a_new_epoch(hub: &TestApp, damage: &str) {
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let (_, gone) = hub.signed_in(BOB, "user").await;
    let (mut socket, ready) = hub.open(&pair.access).await;
    let (mut lost, _) = hub.open(&gone.access).await;
    let old = epoch(hub).await;
    assert_eq!(ready["epoch"], old);
    // As a restore does: a session that was begun since is not there any more.
    let session = &gone.session;
    let statements = format!("delete from sessions where id = '{session}'; {damage}");
    sql::execute(&hub.database_url, &statements).await;
    let new = becomes_another(hub, &old).await;

    lost.signed_out("revoked").await;
    asked_to_reconnect(&mut socket).await;
    let token = hub.socket_token(&pair.access).await;
    let mut again = hub.connect().await;
    let resume = json!({ "epoch": old, "sequence": ready["sequence"] });
    again
        .say(json!({ "type": "hello", "token": token, "resume": resume }))
        .await;
    let ready = again.frame("ready").await;
    assert_eq!((&ready["epoch"], &ready["resumed"]), (&json!(new), &json!(false)));
}

#[tokio::test]
async fn another_database_under_the_same_address_is_noticed() {
    // What `settle` kept is of the database that the dump was taken from.
    let damage = "update meta set value = 'another cluster' where key = 'identity'";
    begins_a_new_epoch(&node().await, damage).await;
}

#[tokio::test]
async fn a_row_that_was_applied_and_is_gone_is_noticed() {
    begins_a_new_epoch(&node().await, "delete from journal").await;
}

#[tokio::test]
async fn a_row_that_stands_under_the_number_of_another_is_noticed() {
    begins_a_new_epoch(&node().await, "update journal set at = at - 60000000").await;
}

#[tokio::test]
async fn sequences_that_begin_anew_spare_nobody() {
    let hub = node().await;
    let key = hub.backend().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    for role in ["moderator", "user", "moderator"] {
        hub.assign(&key, &ada.id, role).await;
    }
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(hub.open(&pair.access).await.0);
    }
    let old = epoch(&hub).await;
    let damage = "delete from journal; alter table journal alter column sequence restart with 1";
    sql::execute(&hub.database_url, damage).await;
    becomes_another(&hub, &old).await;
    let mut last = sockets.pop().unwrap();
    asked_to_reconnect(&mut last).await;
    // Its number is lower than the one that the socket was opened with.
    let order = json!({ "user_id": ada.id, "reason": "x" });
    let done = hub.try_revoke(&key, "", order).await.expect(200).json();
    assert_eq!(done["sequence"], 1);
    let complete: &Value = &done["receipt"]["complete"];
    assert_eq!(complete, true);
    last.signed_out("revoked").await;
}

#[tokio::test]
async fn an_epoch_that_another_node_began_is_followed() {
    let hub = node().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let (_first_to_leave, _) = hub.open(&pair.access).await;
    let (mut socket, _) = hub.open(&pair.access).await;
    let begun = "update meta set value = 'begun elsewhere' where key = 'epoch'";
    sql::execute(&hub.database_url, begun).await;
    asked_to_reconnect(&mut socket).await;
    assert_eq!(epoch(&hub).await, "begun elsewhere");
    // And the journal is read on: what comes in the new epoch arrives.
    let key = hub.backend().await;
    hub.revoke_session(&key, &pair.session).await;
    socket.signed_out("revoked").await;
}

#[tokio::test]
async fn a_start_on_the_same_database_goes_on_in_the_same_epoch() {
    let folder = database::Folder::new();
    let url = database::fresh(&folder).await;
    let first = Tuning::new().database(url.clone()).spawn().await;
    let before = epoch(&first).await;
    first.stop().await;
    let second = Tuning::new().database(url).spawn().await;
    assert_eq!(epoch(&second).await, before);
}

/// As after a dump was loaded elsewhere while no node ran.
#[tokio::test]
async fn a_start_on_another_database_begins_a_new_epoch() {
    let folder = database::Folder::new();
    let url = database::fresh(&folder).await;
    let first = Tuning::new().database(url.clone()).spawn().await;
    let before = epoch(&first).await;
    let mut tx = first.app.cx.db.begin().await.unwrap();
    meta::keep_identity(&mut tx, "another cluster").await.unwrap();
    tx.commit().await.unwrap();
    first.stop().await;
    let second = Tuning::new().database(url).spawn().await;
    assert_ne!(epoch(&second).await, before);
}

/// A row of a revocation that is not committed yet, in the epoch that there was when it was written.
fn a_row() -> NewEntry {
    NewEntry {
        user_id: None,
        session_id: None,
        version: None,
        change: Change::Bulk,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_epoch_begins_behind_every_row_of_the_one_before() {
    let hub = node().await;
    let (db, old) = (&hub.app.cx.db, epoch(&hub).await);
    let mut open = db.begin().await.unwrap();
    let row = journal::append(&mut open, a_row(), hub.now()).await.unwrap();
    let renewing = tokio::spawn({
        let (db, old) = (db.clone(), old.clone());
        async move {
            let mut tx = db.begin().await.unwrap();
            let renewed = meta::renew_epoch(&mut tx, &old, "new").await;
            tx.commit().await.unwrap();
            renewed
        }
    });
    eventually("the new epoch waits for the row", || async {
        let waits =
            "select query from pg_stat_activity where wait_event_type = 'Lock' and query like 'update meta%'
            and datname = current_database()";
        (hub.texts(waits).await.len() == 1).then_some(())
    })
    .await;
    assert_eq!(row.epoch, old);
    open.commit().await.unwrap();
    assert!(renewing.await.unwrap().unwrap());

    // The other way round: who waited for the new name has it.
    let mut renewing = db.begin().await.unwrap();
    meta::renew_epoch(&mut renewing, "new", "newer").await.unwrap();
    let writing = tokio::spawn({
        let (db, at) = (db.clone(), hub.now());
        async move {
            let mut tx = db.begin().await.unwrap();
            let row = journal::append(&mut tx, a_row(), at).await.unwrap();
            tx.commit().await.unwrap();
            row.epoch
        }
    });
    eventually("the row waits for the new epoch", || async {
        let waits = "select query from pg_stat_activity where wait_event_type = 'Lock'
            and query like 'insert into journal%' and datname = current_database()";
        (hub.texts(waits).await.len() == 1).then_some(())
    })
    .await;
    renewing.commit().await.unwrap();
    assert_eq!(writing.await.unwrap(), "newer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_waits_for_the_new_epoch_belongs_to_it() {
    let hub = std::sync::Arc::new(node().await);
    let key = hub.backend().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let (_first_to_leave, _) = hub.open(&pair.access).await;
    let (mut socket, _) = hub.open(&pair.access).await;
    let (db, old) = (&hub.app.cx.db, epoch(&hub).await);
    let mut renewing = db.begin().await.unwrap();
    meta::renew_epoch(&mut renewing, &old, "new").await.unwrap();
    let revoking = tokio::spawn({
        let (hub, key) = (hub.clone(), key.clone());
        async move { hub.revoke_session(&key, &pair.session).await }
    });
    eventually("the revocation waits for the new epoch", || async {
        let waits = "select query from pg_stat_activity where wait_event_type = 'Lock'
            and query like 'with ended as%' and datname = current_database()";
        (hub.texts(waits).await.len() == 1).then_some(())
    })
    .await;
    renewing.commit().await.unwrap();
    assert_eq!(revoking.await.unwrap()["sessions_revoked"], 1);
    let epochs =
        "select epoch from revocations union all select epoch from journal where kind = 'session_ended'";
    let both = Some("new".to_owned());
    assert_eq!(hub.texts(epochs).await, [both.clone(), both]);
    // Perhaps it was asked to come back first: the epoch is a new one.
    assert_eq!(socket.read_to_the_end().await.1, Some(4001));
}

#[tokio::test]
async fn a_node_that_has_not_entered_the_epoch_has_applied_nothing_of_it() {
    let url = database::fresh_postgres().await;
    let configure = |config: &mut Config| {
        config.public_url = Some("http://127.0.0.1:9".parse().unwrap());
        (config.hub.poll, config.hub.sweep, config.hub.lease) = (3600.0, 3600.0, 7200.0);
        config.hub.drain = 3600.0;
    };
    let here = Tuning::new()
        .database(url.clone())
        .configure(configure)
        .spawn()
        .await;
    let there = Tuning::new()
        .database(url.clone())
        .configure(configure)
        .spawn()
        .await;
    let key = here.backend().await;
    let (_, pair) = here.signed_in(ADA, "user").await;
    let (_first_to_leave, _) = there.open(&pair.access).await;
    let (mut socket, _) = there.open(&pair.access).await;
    let begun = "update meta set value = 'begun elsewhere' where key = 'epoch'";
    sql::execute(&url, begun).await;
    let order = json!({ "session_id": pair.session, "reason": "x" });
    let query = "?wait=all&timeout_ms=10000";
    let done = here.try_revoke(&key, query, order).await.expect(200).json();
    assert_eq!(done["receipt"]["acknowledged"], 2, "{done}");
    assert_eq!(there.sockets(), 0, "a receipt that is complete is true");
    socket.signed_out("revoked").await;
}
