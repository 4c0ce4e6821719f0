//! The database is not what it was: restored, failed over, or loaded from a dump. Positions are void then, every
//! socket is compared, and clients begin anew.

use portcullis::config::Config;
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
