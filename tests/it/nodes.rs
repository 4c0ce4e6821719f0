//! Several nodes on one PostgreSQL: receipts say which of them have applied a revocation, and are true for
//! those that are late, stopped, or cut off as well.

use portcullis::config::Config;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::support::app::{TestApp, Tuning};
use crate::support::proxy::{self, Line};
use crate::support::{database, eventually};

const ADA: &str = "ada@example.org";

/// A node on `url` that reads the journal every `poll` seconds. Nodes share their public address.
async fn node(url: &str, poll: f64, lease: f64) -> TestApp {
    let configure = move |config: &mut Config| {
        config.public_url = Some("http://127.0.0.1:9".parse().unwrap());
        (config.hub.poll, config.hub.lease) = (poll, lease);
        config.hub.sweep = lease / 2.0;
    };
    Tuning::new().database(url).configure(configure).spawn().await
}

/// Revokes `session` on `hub` and waits for all; gives the whole answer.
async fn revoke(hub: &TestApp, key: &str, session: &str, timeout_ms: u32) -> Value {
    let order = json!({ "session_id": session, "reason": "x" });
    let query = format!("?wait=all&timeout_ms={timeout_ms}");
    hub.try_revoke(key, &query, order).await.expect(200).json()
}

async fn receipt(hub: &TestApp, key: &str, answer: &Value) -> Value {
    let id = answer["id"].as_str().unwrap();
    let path = format!("/api/revocations/{id}");
    hub.get_as(key, &path).await.expect(200).json()
}

#[tokio::test]
async fn a_receipt_for_all_is_complete_when_the_other_node_has_closed_its_sockets() {
    let url = database::fresh_postgres().await;
    let (here, there) = (node(&url, 0.05, 60.0).await, node(&url, 0.05, 60.0).await);
    let key = here.backend().await;
    let (_, pair) = here.signed_in(ADA, "user").await;
    let (mut socket, _) = there.open(&pair.access).await;
    let answer = revoke(&here, &key, &pair.session, 10_000).await;
    let expected = json!({
        "complete": true, "nodes": 2, "acknowledged": 2, "pending": [], "sockets_closed": 0, "slowest_ms": 0,
    });
    assert_eq!(answer["receipt"], expected);
    // Not merely told to: its place is given up.
    assert_eq!(there.sockets(), 0);
    socket.signed_out("revoked").await;
    assert_eq!(receipt(&here, &key, &answer).await, expected);
    // The other one goes by what the first has reported of itself, which nobody waited for.
    eventually("the other node says so, too", || async {
        (receipt(&there, &key, &answer).await == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_node_that_is_late_is_named_until_it_has_caught_up() {
    let url = database::fresh_postgres().await;
    let (here, there) = (node(&url, 0.05, 7200.0).await, node(&url, 3600.0, 7200.0).await);
    let key = here.backend().await;
    let (ada, pair) = here.signed_in(ADA, "user").await;
    let (mut socket, _) = there.open(&pair.access).await;
    let answer = revoke(&here, &key, &pair.session, 50).await;
    let late = there.app.cx.hub.node().to_string();
    assert_eq!(
        answer["receipt"],
        json!({
            "complete": false, "nodes": 2, "acknowledged": 1, "pending": [late], "sockets_closed": 0,
            "slowest_ms": 0,
        })
    );
    // What it does itself makes it read the journal.
    there.assign(&key, &ada.id, "moderator").await;
    socket.signed_out("revoked").await;
    eventually("the late node has caught up", || async {
        let now = receipt(&here, &key, &answer).await;
        (now["complete"] == true && now["pending"] == json!([])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_node_that_is_cut_off_counts_once_its_lease_has_run_out() {
    let direct = database::fresh_postgres().await;
    let (proxy, url) = proxy::through(&direct).await;
    // Long enough for a slow machine to ask before it has run out.
    let (here, there) = (node(&direct, 0.05, 60.0).await, node(&url, 0.05, 6.0).await);
    let key = here.backend().await;
    let (_, pair) = here.signed_in(ADA, "user").await;
    let (mut socket, _) = there.open(&pair.access).await;
    let other = here.sign_in(ADA).await;
    proxy.set(Line::Frozen);
    let answer = revoke(&here, &key, &pair.session, 1).await;
    let cut_off = there.app.cx.hub.node().to_string();
    assert_eq!(answer["receipt"]["pending"], json!([cut_off]));
    // Who waits is told as soon as its lease has run out.
    let waited = revoke(&here, &key, &other.session, 10_000).await;
    let told = &waited["receipt"];
    assert_eq!(
        (&told["complete"], &told["acknowledged"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(receipt(&here, &key, &answer).await["complete"], true);
    // Nobody could tell it, so it does not know that the session ended. Of the other it may have heard before.
    let (frames, code) = socket.read_to_the_end().await;
    assert!(frames.iter().all(|frame| frame["type"] == "event"), "{frames:?}");
    assert_eq!(code, Some(4101));
    proxy.set(Line::Whole);
}

#[tokio::test]
async fn a_transaction_left_open_elsewhere_holds_no_receipt_up() {
    let url = database::fresh_postgres().await;
    let (here, there) = (node(&url, 0.05, 60.0).await, node(&url, 0.05, 60.0).await);
    let key = here.backend().await;
    let mut elsewhere = PgConnection::connect(&url).await.unwrap();
    let mut open = elsewhere.begin().await.unwrap();
    sqlx::query("select pg_current_xact_id()")
        .execute(&mut *open)
        .await
        .unwrap();
    for _ in 0..3 {
        let pair = match here.try_sign_in(ADA, crate::support::people::PASSWORD).await {
            answer if answer.status == 200 => crate::support::Pair::of(&answer),
            _ => here.signed_in(ADA, "user").await.1,
        };
        let (mut socket, _) = there.open(&pair.access).await;
        let answer = revoke(&here, &key, &pair.session, 10_000).await;
        assert_eq!(answer["receipt"]["acknowledged"], 2, "{answer}");
        socket.signed_out("revoked").await;
    }
    open.rollback().await.unwrap();
}

#[tokio::test]
async fn the_hub_lists_its_nodes_until_they_sign_off() {
    let url = database::fresh_postgres().await;
    let (here, there) = (node(&url, 0.05, 60.0).await, node(&url, 0.05, 60.0).await);
    let key = here.backend().await;
    let (ada, pair) = here.signed_in(ADA, "user").await;
    let (_socket, _) = there.open(&pair.access).await;
    here.assign(&key, &ada.id, "moderator").await;
    let overview = || async { here.get_as(&key, "/api/hub").await.expect(200).json() };
    let seen = eventually("both have applied the newest row", || async {
        let seen = overview().await;
        let position = &seen["journal"]["position"];
        let nodes = seen["nodes"].as_array().unwrap();
        let applied = nodes.iter().filter(|node| node["position"] == *position).count();
        let told = nodes.iter().any(|node| node["connections"] == 1);
        (applied == 2 && told).then_some(seen)
    })
    .await;
    assert_eq!(seen["self"], here.app.cx.hub.node().to_string());
    assert_eq!(seen["bus"], json!({ "kind": "local", "state": "up" }));
    for node in seen["nodes"].as_array().unwrap() {
        let own = node["id"] == seen["self"];
        assert_eq!(node["connections"], i32::from(!own), "{node}");
        assert!(
            (1..=60_000).contains(&node["lease_ms"].as_i64().unwrap()),
            "{node}"
        );
        assert!(node["lag_ms"].as_i64().unwrap() >= 0, "{node}");
        assert!(
            node["address"].as_str().unwrap().starts_with("127.0.0.1:"),
            "{node}"
        );
    }
    there.stop().await;
    let left = overview().await;
    let ids: Vec<&Value> = left["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| &node["id"])
        .collect();
    assert_eq!(ids, [&seen["self"]]);
}

#[tokio::test]
async fn a_receipt_that_nobody_was_given_is_not_found() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    for id in ["0190163d-8694-739b-aea5-966c26f8ad91", "nonsense"] {
        let path = format!("/api/revocations/{id}");
        hub.get_as(&key, &path).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn with_one_node_the_receipt_for_all_is_its_own_and_can_be_asked_for_again() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let (mut socket, _) = hub.open(&pair.access).await;
    let answer = revoke(&hub, &key, &pair.session, 10_000).await;
    let given = &answer["receipt"];
    assert_eq!((&given["complete"], &given["nodes"]), (&json!(true), &json!(1)));
    assert_eq!(given["sockets_closed"], 1);
    socket.signed_out("revoked").await;
    assert_eq!(receipt(&hub, &key, &answer).await, *given);
}
