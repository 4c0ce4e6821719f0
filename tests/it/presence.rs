//! Who is connected, as several nodes know it by way of Redis; and that losing, forging and garbling what
//! stands there ends no connection. Each node is a hub of its own on one database; the caps that real
//! sockets run into are in `presence_caps`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use portcullis::hub::bus::Bus;
use portcullis::hub::presence::{self, IsLive, Live, Presence};
use portcullis::hub::redis::Link;
use portcullis::hub::registry::{Registered, Socket};
use portcullis::hub::{Hub, Opening, Parts};
use portcullis::ids::{ConnectionId, NodeId, SessionId, UserId};
use redis::aio::MultiplexedConnection;
use tokio_util::sync::CancellationToken;

use crate::support::app::{TestApp, Tuning};
use crate::support::eventually;
use crate::support::proxy::{self, Line};
use crate::support::redis::{fresh_prefix, patient, shared};

/// A database with one user, and a corner of Redis.
struct Ground {
    app: TestApp,
    user: UserId,
    session: SessionId,
    prefix: String,
    redis: MultiplexedConnection,
}

struct Node {
    hub: Hub,
    stop: CancellationToken,
}

fn everyone() -> IsLive {
    Arc::new(|_| true)
}

impl Ground {
    async fn new() -> Self {
        let app = Tuning::new().manual_clock().spawn().await;
        let (person, pair) = app.signed_in("ada@example.org", "user").await;
        Self {
            user: person.id.parse().unwrap(),
            session: pair.session.parse().unwrap(),
            prefix: fresh_prefix(),
            redis: patient().await,
            app,
        }
    }

    /// A node that goes by `url` and believes `is_live`.
    fn node_by(&self, url: &str, is_live: IsLive) -> Node {
        let cx = &self.app.app.cx;
        let id = NodeId::generate(&cx.clock, &cx.rng);
        let link = Link::new(url, &self.prefix, cx.master.clone()).unwrap();
        let mut limits = *cx.hub.limits();
        (limits.per_session, limits.per_user) = (3, 3);
        let presence = Presence::new(Some(link.clone()), id);
        let hub = Hub::new(Parts {
            node: id,
            address: String::new(),
            db: cx.db.clone(),
            clock: cx.clock.clone(),
            rng: cx.rng.clone(),
            bus: Bus::Local,
            presence,
            limits,
        });
        let stop = CancellationToken::new();
        tokio::spawn(link.run(stop.clone()));
        tokio::spawn(presence::run(hub.clone(), is_live, stop.clone()));
        Node { hub, stop }
    }

    fn node(&self) -> Node {
        self.node_by(&shared(), everyone())
    }

    async fn open_as(&self, node: &Node, connection: ConnectionId) -> Registered {
        let ip = Some("192.0.2.7".parse().unwrap());
        let socket = Socket::new(connection, self.user, self.session, self.app.now(), ip);
        match node.hub.open(socket, None, None).await.unwrap() {
            Opening::Opened(opened) => opened.place,
            other => panic!("{other:?}"),
        }
    }

    /// Opens a connection; it is younger than those before it.
    async fn open(&self, node: &Node) -> Registered {
        let cx = &self.app.app.cx;
        self.app.clock.as_ref().unwrap().advance(Duration::from_millis(1));
        self.open_as(node, ConnectionId::generate(&cx.clock, &cx.rng))
            .await
    }

    /// Waits until `node` sees exactly these connections.
    async fn seen(&self, node: &Node, places: &[&Registered]) -> Vec<Live> {
        let wanted: BTreeSet<_> = places.iter().map(|place| place.socket().connection_id).collect();
        eventually("the connections are seen", || async {
            let seen = node.hub.presence().of(&node.hub, self.user, &everyone()).await;
            let ids: BTreeSet<_> = seen.iter().map(|live| live.connection).collect();
            (ids == wanted).then_some(seen)
        })
        .await
    }

    fn list(&self) -> String {
        format!("{}:presence:user:{}", self.prefix, self.user)
    }

    async fn command<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let mut call = redis::cmd(command[0]);
        call.arg(&command[1..]);
        call.query_async(&mut self.redis.clone()).await.unwrap()
    }

    async fn fields(&self) -> Vec<String> {
        self.command(&["HKEYS", &self.list()]).await
    }

    /// Waits until the list in Redis holds exactly these connections.
    async fn listed(&self, places: &[&Registered]) {
        let wanted: BTreeSet<_> = places
            .iter()
            .map(|place| place.socket().connection_id.to_string())
            .collect();
        eventually("the list is true", || async {
            let fields: BTreeSet<_> = self.fields().await.into_iter().collect();
            (fields == wanted).then_some(())
        })
        .await;
    }

    /// Loses everything that Redis has of this test, as `FLUSHALL` would.
    async fn flush(&self) {
        let keys: Vec<String> = self.command(&["KEYS", &format!("{}:*", self.prefix)]).await;
        assert!(!keys.is_empty());
        for key in keys {
            let _gone: i64 = self.command(&["DEL", &key]).await;
        }
    }
}

#[tokio::test]
async fn every_node_sees_the_connections_of_all_until_they_close() {
    let ground = Ground::new().await;
    let (a, b) = (ground.node(), ground.node());
    let (here, there) = (ground.open(&a).await, ground.open(&b).await);
    for node in [&a, &b] {
        let seen = ground.seen(node, &[&here, &there]).await;
        let socket = here.socket();
        let expected = Live {
            connection: socket.connection_id,
            session: ground.session,
            node: a.hub.node(),
            since: socket.since,
            ip: socket.ip,
        };
        assert_eq!(seen[0], expected, "the oldest first");
        assert_eq!(seen[1].node, b.hub.node());
    }
    drop(here);
    ground.seen(&b, &[&there]).await;
    drop(there);
    ground.listed(&[]).await;
}

#[tokio::test]
async fn an_entry_lives_for_90_seconds_and_is_renewed_every_30() {
    let ground = Ground::new().await;
    let a = ground.node();
    let place = ground.open(&a).await;
    ground.listed(&[&place]).await;
    let (list, field) = (ground.list(), place.socket().connection_id.to_string());
    let life: i64 = ground.command(&["PTTL", &list]).await;
    assert!((60_000..=90_000).contains(&life), "{life}");
    let written: String = ground.command(&["HGET", &list, &field]).await;
    ground
        .app
        .clock
        .as_ref()
        .unwrap()
        .advance(Duration::from_secs(31));
    eventually("the entry is renewed", || async {
        let now: String = ground.command(&["HGET", &list, &field]).await;
        (now != written).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_redis_has_lost_is_written_anew() {
    let ground = Ground::new().await;
    let (a, b) = (ground.node(), ground.node());
    let (here, there) = (ground.open(&a).await, ground.open(&b).await);
    ground.seen(&a, &[&here, &there]).await;
    ground.flush().await;
    for node in [&a, &b] {
        ground.seen(node, &[&here, &there]).await;
    }
    ground.listed(&[&here, &there]).await;
    assert!(!here.socket().outbox.is_leaving() && !there.socket().outbox.is_leaving());
}

#[tokio::test]
async fn what_changed_while_redis_was_away_is_set_right_when_it_is_back() {
    let ground = Ground::new().await;
    let (proxy, url) = proxy::through(&shared()).await;
    let (a, b) = (ground.node_by(&url, everyone()), ground.node());
    let old = ground.open(&a).await;
    ground.seen(&b, &[&old]).await;
    proxy.set(Line::Cut);
    let new = ground.open(&a).await;
    // The node alone knows it, and says so.
    ground.seen(&a, &[&old, &new]).await;
    drop(old);
    ground.seen(&a, &[&new]).await;
    proxy.set(Line::Whole);
    ground.seen(&b, &[&new]).await;
    ground.listed(&[&new]).await;
}

#[tokio::test]
async fn without_redis_a_node_keeps_the_caps_among_its_own() {
    let ground = Ground::new().await;
    // Nobody listens there.
    let a = ground.node_by("redis://127.0.0.1:1/0", everyone());
    let oldest = ground.open(&a).await;
    let rest = [ground.open(&a).await, ground.open(&a).await];
    assert!(!oldest.socket().outbox.is_leaving());
    let newest = ground.open(&a).await;
    assert!(oldest.socket().outbox.is_leaving(), "at once");
    assert!(
        rest.iter()
            .chain([&newest])
            .all(|place| !place.socket().outbox.is_leaving())
    );
}

/// The node that has the oldest need not be the one that is told of the newest.
#[tokio::test]
async fn the_oldest_of_all_nodes_gives_way() {
    let ground = Ground::new().await;
    let (a, b) = (ground.node(), ground.node());
    let elsewhere = [ground.open(&b).await, ground.open(&b).await];
    // Older than both, and alone on its node.
    let cx = &ground.app.app.cx;
    let id = ConnectionId::generate(&cx.clock, &cx.rng);
    let hands = ground.app.clock.as_ref().unwrap();
    let now = hands.clone();
    now.jump_to(ground.app.now() - Duration::from_mins(1));
    let oldest = ground.open_as(&a, id).await;
    now.jump_to(ground.app.now() + Duration::from_mins(1));
    // In Redis, where `a` will look: `b` sees its own before it has announced them.
    ground.listed(&[&oldest, &elsewhere[0], &elsewhere[1]]).await;
    assert!(!oldest.socket().outbox.is_leaving(), "three are allowed");
    let newest = ground.open(&a).await;
    eventually("the oldest is told to leave", || async {
        oldest.socket().outbox.is_leaving().then_some(())
    })
    .await;
    for place in elsewhere.iter().chain([&newest]) {
        assert!(!place.socket().outbox.is_leaving());
    }
}

#[tokio::test]
async fn forged_entries_push_nobody_out_and_are_removed() {
    let ground = Ground::new().await;
    let a = ground.node();
    let place = ground.open(&a).await;
    ground.listed(&[&place]).await;
    let (list, field) = (ground.list(), place.socket().connection_id.to_string());
    let real: String = ground.command(&["HGET", &list, &field]).await;
    // The same facts under other ids, under another user, with another expiry, and nothing of the kind.
    let cx = &ground.app.app.cx;
    for _ in 0..5 {
        let id = ConnectionId::generate(&cx.clock, &cx.rng).to_string();
        let _one: i64 = ground.command(&["HSET", &list, &id, &real]).await;
    }
    let longer = real.replacen('|', "|0", 1);
    for (field, text) in [("x", "y"), ("", "|||||"), ("one", &real), ("two", &longer)] {
        let _one: i64 = ground.command(&["HSET", &list, field, text]).await;
    }
    let newest = ground.open(&a).await;
    ground.listed(&[&place, &newest]).await;
    assert!(!place.socket().outbox.is_leaving());
    ground.seen(&a, &[&place, &newest]).await;
}

#[tokio::test]
async fn who_puts_something_else_in_the_place_of_a_list_disturbs_nobody() {
    let ground = Ground::new().await;
    let a = ground.node();
    let first = ground.open(&a).await;
    ground.listed(&[&first]).await;
    let _gone: i64 = ground.command(&["DEL", &ground.list()]).await;
    let node = format!("{}:presence:node:{}", ground.prefix, a.hub.node());
    for key in [&ground.list(), &node] {
        let _done: String = ground.command(&["SET", key, "a text"]).await;
    }
    let second = ground.open(&a).await;
    eventually("the list is one again", || async {
        let kind: String = ground.command(&["TYPE", &ground.list()]).await;
        (kind == "hash").then_some(())
    })
    .await;
    ground.seen(&a, &[&first, &second]).await;
}

#[tokio::test]
async fn what_a_dead_node_left_is_cleared_but_not_what_another_took_over() {
    let ground = Ground::new().await;
    let dead = ground.node();
    let (ghost, moved) = (ground.open(&dead).await, ground.open(&dead).await);
    ground.listed(&[&ghost, &moved]).await;
    dead.stop.cancel();
    let gone = dead.hub.node();
    let survivor = ground.node_by(&shared(), Arc::new(move |node| node != gone));
    let taken = ground.open_as(&survivor, moved.socket().connection_id).await;
    ground.listed(&[&taken]).await;
    eventually("the node is forgotten", || async {
        let nodes: Vec<String> = ground
            .command(&["SMEMBERS", &format!("{}:presence:nodes", ground.prefix)])
            .await;
        (nodes == [survivor.hub.node().to_string()]).then_some(())
    })
    .await;
    let seen = ground.seen(&survivor, &[&taken]).await;
    assert_eq!(seen[0].node, survivor.hub.node());
}

/// Before anybody has cleared up.
#[tokio::test]
async fn the_connections_of_a_dead_node_are_not_shown() {
    let ground = Ground::new().await;
    let (a, b) = (ground.node(), ground.node());
    let (here, there) = (ground.open(&a).await, ground.open(&b).await);
    ground.seen(&b, &[&here, &there]).await;
    let gone = a.hub.node();
    let only_b: IsLive = Arc::new(move |node| node != gone);
    let seen = b.hub.presence().of(&b.hub, ground.user, &only_b).await;
    let seen: Vec<_> = seen.iter().map(|live| live.connection).collect();
    assert_eq!(seen, [there.socket().connection_id]);
}

/// A stranger may keep what it has seen, and put it back.
#[tokio::test]
async fn an_entry_is_not_believed_outside_its_time() {
    let ground = Ground::new().await;
    let a = ground.node();
    let (list, user, session) = (ground.list(), ground.user, ground.session);
    let cx = &ground.app.app.cx;
    let node = NodeId::generate(&cx.clock, &cx.rng);
    let time: (i64, i64) = ground.command(&["TIME"]).await;
    // Genuine in all the rest; seconds from now.
    for (expiry, believed) in [(60, true), (-1, false), (3_600, false)] {
        let connection = ConnectionId::generate(&cx.clock, &cx.rng);
        let facts = format!("{session}|{node}|5|-|{}", (time.0 + expiry) * 1_000);
        let proof = cx.master.mac(
            "presence entry",
            format!("{user}|{connection}|{facts}").as_bytes(),
        );
        let entry = format!("{facts}|{}", BASE64URL_NOPAD.encode(&proof[..16]));
        let _one: i64 = ground
            .command(&["HSET", &list, &connection.to_string(), &entry])
            .await;
        let seen = eventually("Redis is asked", || async {
            let seen = a.hub.presence().of(&a.hub, user, &everyone()).await;
            (!seen.is_empty()).then_some(seen)
        })
        .await;
        let found = seen.iter().any(|live| live.connection == connection);
        assert_eq!(found, believed, "{expiry} s from now");
        assert_eq!(ground.fields().await.contains(&connection.to_string()), believed);
    }
}
