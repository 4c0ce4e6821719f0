//! The bus by way of Redis: it carries hints from node to node, notices when it does not, and heals.
//!
//! Here the bus stands alone, without a hub: what a node hears is exactly what the test reads. `hubs`
//! has whole servers, `strangers` what others may write into the stream.

mod hubs;
mod strangers;

use std::time::Instant;

use metrics_exporter_prometheus::PrometheusBuilder;
use portcullis::clock::{Clock, Timestamp};
use portcullis::hub::bus::redis::RedisBus;
use portcullis::hub::bus::{Bus, News};
use portcullis::hub::redis::{Away, Link};
use portcullis::ids::NodeId;
use portcullis::secret::{MasterKey, Rng};
use portcullis::store::journal::{Change, Entry, Position};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::proxy::{Line, Proxy};
use crate::support::redis::{Redis, fresh_prefix, shared};
use crate::support::{DEADLINE, eventually};

const EPOCH: &str = "an epoch";

/// A node's end of the bus.
struct Node {
    id: NodeId,
    bus: Bus,
    link: Link,
    news: mpsc::Receiver<News>,
    _running: DropGuard,
}

impl Node {
    fn start(url: &str, prefix: &str) -> Self {
        Self::start_with(url, prefix, "a master secret for tests, long enough")
    }

    fn start_with(url: &str, prefix: &str, secret: &str) -> Self {
        let master = MasterKey::from_secret(&secret.to_owned().into());
        let link = Link::new(url, prefix, master).unwrap();
        let id = NodeId::generate(&Clock::System, &Rng::System);
        let bus = Bus::Redis(RedisBus::new(link.clone(), id));
        let (sender, news) = mpsc::channel(10_000);
        let stop = CancellationToken::new();
        tokio::spawn(link.clone().run(stop.clone()));
        let hear = move |news| sender.try_send(news).unwrap();
        tokio::spawn(bus.clone().run(hear, stop.clone()));
        let running = stop.drop_guard();
        Self {
            id,
            bus,
            link,
            news,
            _running: running,
        }
    }

    /// As [`start`](Self::start), connected and proved.
    async fn started(url: &str, prefix: &str) -> Self {
        let node = Self::start(url, prefix);
        node.becomes("up").await;
        node
    }

    async fn becomes(&self, state: &str) {
        let waiting = self.bus.until(state == "up");
        let in_time = tokio::time::timeout(DEADLINE, waiting).await;
        assert!(in_time.is_ok(), "the bus never was {state}");
    }

    /// A row of the journal has been committed here.
    fn commits(&self, sequence: i64) {
        self.bus.publish(&[entry(sequence)]);
    }

    async fn next(&mut self) -> News {
        let next = tokio::time::timeout(DEADLINE, self.news.recv());
        next.await.expect("nothing was heard").unwrap()
    }

    /// The next row that it hears of.
    async fn next_row(&mut self) -> i64 {
        loop {
            if let News::Journal { epoch, sequence } = self.next().await {
                assert_eq!(epoch, EPOCH);
                return sequence;
            }
        }
    }

    /// Forgets what it has heard so far.
    fn forget(&mut self) {
        while self.news.try_recv().is_ok() {}
    }

    /// Waits until it is told that something may have been missed.
    async fn reconnected(&mut self) {
        while self.next().await != News::Reconnected {}
    }
}

fn entry(sequence: i64) -> Entry {
    Entry {
        epoch: EPOCH.to_owned(),
        position: Position { xid: 0, sequence },
        at: Timestamp::default(),
        user_id: None,
        session_id: None,
        version: None,
        change: Change::Bulk,
    }
}

/// A Redis of its own behind a proxy, as one node sees it.
async fn behind_a_proxy(redis: &Redis) -> (Proxy, String) {
    let proxy = Proxy::before(redis.address).await;
    let url = format!("redis://{}/0", proxy.address);
    (proxy, url)
}

#[tokio::test]
async fn what_one_node_commits_every_other_hears_and_itself_not() {
    let (url, prefix) = (shared(), fresh_prefix());
    let (mut one, mut two, mut three) = (
        Node::started(&url, &prefix).await,
        Node::started(&url, &prefix).await,
        Node::started(&url, &prefix).await,
    );
    for sequence in [3, 1, 2] {
        one.commits(sequence);
    }
    for other in [&mut two, &mut three] {
        let heard = [
            other.next_row().await,
            other.next_row().await,
            other.next_row().await,
        ];
        assert_eq!(heard, [3, 1, 2]);
    }
    two.commits(4);
    assert_eq!(three.next_row().await, 4);
    // Its own come before it in the stream.
    assert_eq!(one.next_row().await, 4);
}

#[tokio::test]
async fn rows_of_one_announcement_are_one_message_with_the_newest() {
    let (url, prefix) = (shared(), fresh_prefix());
    let (one, mut two) = (
        Node::started(&url, &prefix).await,
        Node::started(&url, &prefix).await,
    );
    one.bus.publish(&[entry(7), entry(9), entry(8)]);
    one.bus.publish(&[]);
    one.commits(10);
    assert_eq!((two.next_row().await, two.next_row().await), (9, 10));
}

#[tokio::test]
async fn a_node_that_connects_is_told_to_look_into_the_journal_first() {
    let (url, prefix) = (shared(), fresh_prefix());
    let mut node = Node::started(&url, &prefix).await;
    assert_eq!(node.news.try_recv(), Ok(News::Reconnected));
    assert_eq!((node.bus.kind(), node.bus.state()), ("redis", "up"));
}

#[tokio::test]
async fn an_order_to_give_way_reaches_the_node_that_holds_the_connection_alone() {
    let (url, prefix) = (shared(), fresh_prefix());
    let (one, mut two, mut three) = (
        Node::started(&url, &prefix).await,
        Node::started(&url, &prefix).await,
        Node::started(&url, &prefix).await,
    );
    let (user, connection) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
    two.forget();
    three.forget();
    one.bus.shed(two.id, user, connection);
    assert_eq!(two.next().await, News::Shed { user, connection });
    two.commits(1);
    let epoch = EPOCH.to_owned();
    assert_eq!(three.next().await, News::Journal { epoch, sequence: 1 });
}

#[tokio::test]
async fn hubs_with_another_prefix_or_another_secret_are_not_heard() {
    let (url, prefix) = (shared(), fresh_prefix());
    let mut here = Node::started(&url, &prefix).await;
    let elsewhere = Node::started(&url, &fresh_prefix()).await;
    let foreign = Node::start_with(&url, &prefix, "another master secret, as long as that");
    foreign.becomes("up").await;
    elsewhere.commits(1);
    foreign.commits(2);
    // Once it has heard itself again, what it said before lies in the stream.
    foreign.becomes("up").await;
    let friend = Node::started(&url, &prefix).await;
    friend.commits(3);
    assert_eq!(here.next_row().await, 3);
}

#[tokio::test]
async fn a_cut_line_is_noticed_and_heals_and_what_came_meanwhile_is_asked_for() {
    let redis = Redis::start().await;
    let (proxy, through) = behind_a_proxy(&redis).await;
    for line in [Line::Cut, Line::Frozen, Line::Lossy] {
        let prefix = fresh_prefix();
        let mut far = Node::started(&through, &prefix).await;
        let near = Node::started(&redis.url(), &prefix).await;
        proxy.set(line);
        far.becomes("down").await;
        assert_eq!(far.bus.state(), "down");
        far.forget();
        proxy.set(Line::Whole);
        far.reconnected().await;
        far.becomes("up").await;
        near.commits(1);
        assert_eq!(far.next_row().await, 1, "{line:?}");
    }
}

#[tokio::test]
async fn rows_committed_while_redis_was_away_are_told_when_it_is_back_and_counted_as_failures() {
    let recorder = PrometheusBuilder::new().build_recorder();
    // This test's runtime has one thread, so all its tasks count here.
    let _here = metrics::set_default_local_recorder(&recorder);
    let failures = || {
        let page = recorder.handle().render();
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix("portcullis_bus_publish_failures_total "));
        line.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    let mut redis = Redis::start().await;
    let prefix = fresh_prefix();
    let one = Node::started(&redis.url(), &prefix).await;
    let mut two = Node::started(&redis.url(), &prefix).await;
    one.commits(1);
    assert_eq!((two.next_row().await, failures()), (1, 0));
    redis.kill().await;
    one.becomes("down").await;
    for sequence in 2..=4 {
        one.commits(sequence);
    }
    eventually("every failure is counted", || async {
        (failures() == 3).then_some(())
    })
    .await;
    redis.start_again().await;
    one.becomes("up").await;
    two.becomes("up").await;
    // It may have been told before the other listened: then that one has looked into the journal since.
    one.commits(5);
    let mut heard = two.next_row().await;
    assert!((2..=5).contains(&heard));
    while heard != 5 {
        let next = two.next_row().await;
        assert_eq!(next, heard + 1);
        heard = next;
    }
    assert_eq!(failures(), 3, "what is told late is not counted again");
}

#[tokio::test]
async fn what_one_node_could_not_tell_for_a_while_the_others_hear_later() {
    let redis = Redis::start().await;
    let (proxy, through) = behind_a_proxy(&redis).await;
    let prefix = fresh_prefix();
    let far = Node::started(&through, &prefix).await;
    let mut near = Node::started(&redis.url(), &prefix).await;
    near.forget();
    proxy.set(Line::Cut);
    far.becomes("down").await;
    far.commits(1);
    far.commits(2);
    proxy.set(Line::Whole);
    assert_eq!((near.next_row().await, near.next_row().await), (1, 2));
}

#[tokio::test]
async fn too_many_rows_to_name_become_a_request_to_look() {
    let redis = Redis::start().await;
    let (proxy, through) = behind_a_proxy(&redis).await;
    let prefix = fresh_prefix();
    let far = Node::started(&through, &prefix).await;
    let mut near = Node::started(&redis.url(), &prefix).await;
    near.forget();
    proxy.set(Line::Cut);
    far.becomes("down").await;
    (0..5_000).for_each(|sequence| far.commits(sequence));
    proxy.set(Line::Whole);
    assert_eq!(near.next().await, News::Reconnected);
    far.becomes("up").await;
    far.commits(5_000);
    assert_eq!(near.next_row().await, 5_000);
}

/// Nothing is wrong with either connection, and calls are answered: only the probe can tell.
#[tokio::test]
async fn a_stream_that_begins_again_with_lower_ids_is_noticed() {
    let (url, prefix) = (shared(), fresh_prefix());
    let mut one = Node::started(&url, &prefix).await;
    let two = Node::started(&url, &prefix).await;
    let mut raw = crate::support::redis::connect(&url).await.unwrap();
    let stream = format!("{prefix}:journal");
    let far_ahead = ["XADD", &stream, "9999999999999-0", "a", "b"];
    let _: String = command(&far_ahead).query_async(&mut raw).await.unwrap();
    two.commits(1);
    assert_eq!(one.next_row().await, 1, "it reads beyond the far id");
    one.forget();
    let _: i64 = command(&["DEL", &stream]).query_async(&mut raw).await.unwrap();
    one.reconnected().await;
    one.becomes("up").await;
    two.commits(2);
    assert_eq!(one.next_row().await, 2);
}

#[tokio::test]
async fn an_emptied_redis_and_killed_clients_cost_nothing_that_comes_after() {
    let redis = Redis::start().await;
    let prefix = fresh_prefix();
    let mut one = Node::started(&redis.url(), &prefix).await;
    let two = Node::started(&redis.url(), &prefix).await;
    let mut raw = redis.connect().await;
    for (at, words) in (1..).zip([["FLUSHALL"].as_slice(), &["CLIENT", "KILL", "TYPE", "normal"]]) {
        // It answers nothing to a client that killed itself.
        let _answer = command(words).query_async::<redis::Value>(&mut raw).await;
        // Ids are milliseconds. A stream that begins anew within the one in which the old one ended gives
        // an id that was read already: that hint is lost, and the journal's poll finds the row.
        a_millisecond_passes(&redis).await;
        two.commits(at);
        // It is told, or had to connect again and has been told to look.
        match one.next().await {
            News::Reconnected => one.becomes("up").await,
            News::Journal { sequence, .. } => assert_eq!(sequence, at),
            News::Shed { .. } => panic!("nobody was shed"),
        }
        one.becomes("up").await;
        two.becomes("up").await;
        one.forget();
        two.commits(at + 10);
        // It hears of the row, or that it may have missed something: then the journal is read, and has it.
        loop {
            match one.next().await {
                News::Reconnected => break,
                News::Journal { sequence, .. } if sequence == at + 10 => break,
                _ => {}
            }
        }
        raw = redis.connect().await;
    }
}

#[tokio::test]
async fn calls_on_a_frozen_redis_fail_in_time_and_then_at_once() {
    let redis = Redis::start().await;
    let node = Node::started(&redis.url(), &fresh_prefix()).await;
    redis.freeze();
    let mut ping = redis::pipe();
    ping.cmd("PING");
    let first = tokio::time::timeout(DEADLINE, node.link.call::<redis::Value>(&ping)).await;
    assert_eq!(first, Ok(Err(Away)), "given up, not waited for");
    // One that waited for Redis would take minutes for all of them.
    let all = async {
        for _ in 0..10_000 {
            assert_eq!(node.link.call::<redis::Value>(&ping).await, Err(Away));
        }
    };
    assert!(tokio::time::timeout(DEADLINE, all).await.is_ok());
    assert!(!node.bus.is_up());
    redis.thaw();
    node.becomes("up").await;
    assert!(node.link.call::<redis::Value>(&ping).await.is_ok());
}

#[tokio::test]
async fn a_redis_that_is_away_is_asked_for_twice_a_second_at_most() {
    let redis = Redis::start().await;
    let (proxy, through) = behind_a_proxy(&redis).await;
    let begun = Instant::now();
    let node = Node::started(&through, &fresh_prefix()).await;
    proxy.set(Line::Cut);
    node.becomes("down").await;
    eventually("it tries again and again", || async {
        (proxy.accepted() >= 8).then_some(())
    })
    .await;
    let (tries, took) = (proxy.accepted(), begun.elapsed());
    // Two at once begin it; from then on each has its half second.
    let allowed = 2 + usize::try_from(took.as_millis() / 500).unwrap();
    assert!(tries <= allowed, "{tries} tries in {took:?}");
}

/// By the clock of Redis.
async fn a_millisecond_passes(redis: &Redis) {
    let mut raw = redis.connect().await;
    let mut millis = async || {
        let (seconds, micros): (u64, u64) = command(&["TIME"]).query_async(&mut raw).await.unwrap();
        seconds * 1000 + micros / 1000
    };
    let before = millis().await;
    while millis().await == before {}
}

fn command(words: &[&str]) -> redis::Cmd {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command
}
