//! Whole servers on one database and one Redis. They read the journal by themselves once an hour, so
//! whatever arrives sooner has come by the bus.

use std::process::Stdio;

use serde_json::json;

use super::behind_a_proxy;
use crate::support::app::{TestApp, Tuning};
use crate::support::binary::Installation;
use crate::support::database::{self, Folder};
use crate::support::eventually;
use crate::support::proxy::Line;
use crate::support::redis::{Redis, fresh_prefix, shared};

const ADA: &str = "ada@example.org";

/// Servers on one database, each with its own way to one Redis, under one prefix; their buses are up.
pub async fn nodes<const N: usize>(folder: &Folder, urls: [&str; N]) -> [TestApp; N] {
    let (database, prefix) = (database::fresh(folder).await, fresh_prefix());
    let mut nodes = Vec::new();
    for url in urls {
        let tuning = Tuning::new().database(&database).redis(url, &prefix);
        let configured = tuning.configure(|config| {
            config.public_url = Some("http://127.0.0.1:9".parse().unwrap());
            (config.hub.poll, config.hub.sweep, config.hub.lease) = (3600.0, 3600.0, 7200.0);
        });
        nodes.push(configured.spawn().await);
    }
    for node in &nodes {
        bus_becomes(node, "up").await;
    }
    nodes.try_into().unwrap_or_else(|_| unreachable!())
}

pub async fn bus_becomes(node: &TestApp, state: &str) {
    eventually(&format!("the bus is {state}"), || async {
        (node.app.cx.hub.bus().state() == state).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_revocation_on_one_node_closes_the_socket_on_another() {
    let folder = Folder::new();
    let [one, two] = nodes(&folder, [&shared(), &shared()]).await;
    let key = one.backend().await;
    let (ada, pair) = one.signed_in(ADA, "user").await;
    let (mut socket, _) = two.open(&pair.access).await;
    let version = one.assign(&key, &ada.id, "moderator").await;
    assert_eq!(socket.frame("state").await["state"]["version"], version);
    one.revoke_session(&key, &pair.session).await;
    socket.signed_out("revoked").await;
    two.sockets_become(0).await;
    for node in [one, two] {
        node.stop().await;
    }
}

#[tokio::test]
async fn what_was_revoked_while_redis_was_cut_off_arrives_when_it_is_back() {
    for line in [Line::Cut, Line::Frozen, Line::Deaf] {
        let (folder, redis) = (Folder::new(), Redis::start().await);
        let (proxy, through) = behind_a_proxy(&redis).await;
        let [one, two] = nodes(&folder, [&redis.url(), &through]).await;
        let key = one.backend().await;
        let (_, pair) = one.signed_in(ADA, "user").await;
        let (mut socket, _) = two.open(&pair.access).await;
        proxy.set(line);
        bus_becomes(&two, "down").await;
        one.revoke_session(&key, &pair.session).await;
        // What lies in the stream is lost as well: only the journal has it.
        let mut raw = redis.connect().await;
        let _: redis::Value = redis::cmd("FLUSHALL").query_async(&mut raw).await.unwrap();
        proxy.set(Line::Whole);
        socket.signed_out("revoked").await;
    }
}

#[tokio::test]
async fn a_frozen_redis_holds_up_no_revocation() {
    let (folder, redis) = (Folder::new(), Redis::start().await);
    let [one, two] = nodes(&folder, [&redis.url(), &redis.url()]).await;
    let key = one.backend().await;
    let (_, here) = one.signed_in(ADA, "user").await;
    let there = one.sign_in(ADA).await;
    let (mut near, _) = one.open(&here.access).await;
    let (mut far, _) = two.open(&there.access).await;
    redis.freeze();
    // The first finds out, the others know. None of them waits until it is thawed.
    one.revoke_session(&key, &here.session).await;
    near.signed_out("revoked").await;
    one.revoke_session(&key, &there.session).await;
    redis.thaw();
    let (_, code) = far.read_to_the_end().await;
    assert_eq!(code, Some(4001));
}

#[tokio::test]
async fn servers_stop_at_once_while_redis_is_frozen() {
    let (folder, redis) = (Folder::new(), Redis::start().await);
    let [one, two] = nodes(&folder, [&redis.url(), &redis.url()]).await;
    redis.freeze();
    one.stop().await;
    bus_becomes(&two, "down").await;
    two.stop().await;
}

#[tokio::test]
async fn the_oldest_connection_on_another_node_gives_way() {
    let folder = Folder::new();
    let [one, two] = nodes(&folder, [&shared(), &shared()]).await;
    let (_, pair) = one.signed_in(ADA, "user").await;
    let (mut oldest, ready) = two.open(&pair.access).await;
    let (mut newer, _) = two.open(&pair.access).await;
    let id = |name: &str| ready[name].as_str().unwrap();
    let (user, connection) = (
        id("user_id").parse().unwrap(),
        id("connection_id").parse().unwrap(),
    );
    let hub = &one.app.cx.hub;
    hub.bus().shed(two.app.cx.hub.node(), user, connection);
    assert_eq!(oldest.closed().await, 4306);
    // Neither the other one nor the session.
    newer.say(json!({ "type": "token", "id": 1 })).await;
    newer.frame("token").await;
}

#[tokio::test]
async fn the_password_of_redis_is_in_no_log() {
    let mut redis = Redis::start().await;
    redis.kill().await;
    let mut installation = Installation::new().await;
    let url = format!("redis://default:canary-in-the-log@{}/0", redis.address);
    installation.set("REDIS_URL", &url);
    installation.set("RUST_LOG", "debug");
    let log = installation.folder.path().join("log");
    let _server = installation.serve_logging_to(&log).await;
    let text = eventually(
        "it says that Redis is away, once loudly and then at every try",
        || async {
            let text = std::fs::read_to_string(&log).unwrap();
            (text.matches("Redis cannot be reached").count() >= 3).then_some(text)
        },
    )
    .await;
    assert!(!text.contains("canary"), "{text}");
    // Nor where it is the URL itself that is wrong.
    installation.set("REDIS_URL", "redis://default:canary-in-the-log@host/database");
    let mut command = installation.command(&["serve"]);
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("redis.url"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}
