//! The life of a signing key: published, then signing, then verifying what it signed, or withdrawn at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use portcullis::audit::{Actor, Origin};
use portcullis::hub::bus::Bus;
use portcullis::hub::journal::Tail;
use portcullis::hub::presence::Presence;
use portcullis::hub::{Hub, Parts};
use portcullis::ids::NodeId;
use portcullis::sessions::{Rotation, Withdrawal};
use portcullis::store::signing_keys::KeyStatus;
use portcullis::store::{Db, Error};

use crate::support::app::{TestApp, Tuning};
use crate::support::database::{self, Folder};
use crate::support::eventually;
use crate::support::jwt::kid;

const ADA: &str = "ada@example.org";
const ROUTE: &str = "/api/users/me";
/// What a retired key verifies beyond the life of a token: `hub.lease`, leeway, and a minute.
const OVERLAP: u64 = 86_400 + 300 + 5 + 60;

fn operator() -> Origin {
    Origin::local(Actor::Operator)
}

impl TestApp {
    async fn rotate(&self) -> Rotation {
        self.app.sessions.rotate_keys(&operator()).await.unwrap()
    }

    async fn withdraw(&self, kid: &str) -> Withdrawal {
        let done = self.app.sessions.withdraw_key(kid, &operator()).await;
        done.unwrap().expect("the key is known")
    }

    /// The status of each key.
    async fn keys(&self) -> BTreeMap<String, &'static str> {
        let keys = self.app.sessions.signing_keys().await.unwrap();
        keys.into_iter()
            .map(|key| (key.kid, key.status.as_str()))
            .collect()
    }

    async fn key_that_is(&self, status: &str) -> String {
        let keys = self.keys().await;
        let mut found = keys.into_iter().filter(|(_, other)| *other == status);
        let (kid, _) = found.next().unwrap();
        assert!(found.next().is_none(), "one key is {status}");
        kid
    }

    /// The ids of the published keys.
    async fn published(&self) -> BTreeSet<String> {
        let set = self.get("/.well-known/jwks.json").await.expect(200).json();
        let keys = set["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }

    async fn accepts(&self, access: &str) {
        self.get_as(access, ROUTE).await.expect(200);
    }

    async fn refuses(&self, access: &str) {
        self.get_as(access, ROUTE).await.problem(401, "invalid_token");
    }

    /// Waits until this server refuses what it accepts now.
    async fn comes_to_refuse(&self, access: &str) {
        eventually("the token is refused", || async {
            (self.get_as(access, ROUTE).await.status == 401).then_some(())
        })
        .await;
        self.refuses(access).await;
    }
}

fn set<const N: usize>(kids: [&String; N]) -> BTreeSet<String> {
    kids.into_iter().cloned().collect()
}

/// Two servers of one hub on one database, without a bus.
async fn two(folder: &Folder) -> [TestApp; 2] {
    let url = database::fresh(folder).await;
    let node = || {
        Tuning::new().database(url.clone()).configure(|config| {
            config.public_url = Some("http://127.0.0.1:9".parse().unwrap());
        })
    };
    [node().spawn().await, node().spawn().await]
}

#[tokio::test]
async fn c17_a_key_is_published_before_it_signs_and_verifies_until_what_it_signed_is_over() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, old) = hub.signed_in(ADA, "user").await;
    let first = kid(&old.access);
    let second = hub.key_that_is("next").await;
    assert_eq!(hub.published().await, set([&first, &second]));

    let done = hub.rotate().await;
    assert_eq!((&done.active.kid, &done.retired.kid), (&second, &first));
    let new = hub.sign_in(ADA).await;
    assert_eq!(kid(&new.access), second, "it was published, and signs now");
    hub.accepts(&old.access).await;
    hub.accepts(&new.access).await;
    let third = hub.key_that_is("next").await;
    assert_eq!(hub.published().await, set([&first, &second, &third]));

    let clock = hub.clock.as_ref().unwrap();
    clock.advance(Duration::from_secs(304));
    hub.accepts(&old.access).await;
    clock.advance(Duration::from_secs(OVERLAP - 305));
    assert!(hub.published().await.contains(&first));
    clock.advance(Duration::from_secs(1));
    assert_eq!(hub.published().await, set([&second, &third]));
}

#[tokio::test]
async fn c17_what_another_node_does_to_the_keys_is_known_here() {
    let folder = Folder::new();
    let [here, there] = two(&folder).await;
    let (_, first) = here.signed_in(ADA, "user").await;
    here.accepts(&first.access).await;
    there.accepts(&first.access).await;
    there.rotate().await;
    // Signed with a key that was known as the next one.
    let second = there.sign_in(ADA).await;
    here.accepts(&second.access).await;
    eventually("the new key signs here, too", || async {
        let pair = here.sign_in(ADA).await;
        (kid(&pair.access) == kid(&second.access)).then_some(())
    })
    .await;
    let withdrawn = kid(&second.access);
    let done = there.withdraw(&withdrawn).await;
    assert_eq!(done.was, KeyStatus::Active);
    there.refuses(&second.access).await;
    here.comes_to_refuse(&second.access).await;
    here.accepts(&first.access).await;
    assert!(!here.published().await.contains(&withdrawn));
    let third = here.sign_in(ADA).await;
    assert_eq!(kid(&third.access), done.active);
    there.accepts(&third.access).await;
}

/// A withdrawal that no journal tells of, as by hand in SQL: the keys are read every few seconds as well.
#[tokio::test]
async fn c17_a_withdrawal_that_nobody_tells_of_is_found() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    hub.rotate().await;
    hub.accepts(&pair.access).await;
    let withdraw = "update signing_keys set status = 'withdrawn' where status = 'retired' returning kid";
    assert_eq!(hub.texts(withdraw).await.len(), 1);
    hub.comes_to_refuse(&pair.access).await;
}

/// Reads to the end, whether there was anything. An answer that is not waited for any longer is asked for
/// again, as a node does.
async fn caught_up(tail: &mut Tail) -> bool {
    loop {
        match tail.catch_up().await {
            Err(Error::Silent) => {}
            read => return read.unwrap(),
        }
    }
}

/// What the journal's tail does, without the reading every few seconds beside it.
#[tokio::test]
async fn c17_the_journal_tells_of_every_change() {
    let hub = TestApp::spawn().await;
    let cx = &hub.app.cx;
    let node = NodeId::generate(&cx.clock, &cx.rng);
    let other = Hub::new(Parts {
        node,
        address: String::new(),
        // The one connection for a tail is held by that of the server.
        db: Db::connect(&hub.database_url).await.unwrap(),
        clock: cx.clock.clone(),
        rng: cx.rng.clone(),
        bus: Bus::Local,
        presence: Presence::new(None, node),
        limits: *cx.hub.limits(),
    });
    let mut tail = Tail::begin(&other).await.unwrap();
    for change in [true, false] {
        hub.person(&format!("{change}@example.org"), "user").await;
        caught_up(&mut tail).await;
        assert!(other.signing_keys_changed().now_or_never().is_none());
        if change {
            hub.rotate().await;
        } else {
            hub.withdraw(&hub.key_that_is("active").await).await;
        }
        assert!(caught_up(&mut tail).await);
        assert!(other.signing_keys_changed().now_or_never().is_some());
    }
}

#[tokio::test]
async fn c17_withdrawing_locks_nobody_out_whichever_key_it_is() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    hub.rotate().await;
    for status in ["active", "next", "retired"] {
        let (kid, active) = (hub.key_that_is(status).await, hub.key_that_is("active").await);
        let next = hub.key_that_is("next").await;
        let done = hub.withdraw(&kid).await;
        assert_eq!(done.was.as_str(), status);
        assert_eq!(done.active, if status == "active" { next } else { active });
        assert_eq!(hub.keys().await[&kid], "withdrawn");
        assert_eq!(hub.key_that_is("active").await, done.active);
        assert!(hub.published().await.contains(&hub.key_that_is("next").await));
        assert!(!hub.published().await.contains(&kid));
        let fresh = hub.sign_in(ADA).await;
        assert_eq!(self::kid(&fresh.access), done.active);
        hub.accepts(&fresh.access).await;
        // Again changes nothing.
        let before = hub.keys().await;
        assert_eq!(hub.withdraw(&kid).await.was, KeyStatus::Withdrawn);
        assert_eq!(hub.keys().await, before);
    }
    hub.refuses(&pair.access).await;
    hub.try_refresh(&pair.refresh).await.expect(200);
    let unknown = hub.app.sessions.withdraw_key("unknown", &operator()).await;
    assert!(unknown.unwrap().is_none());
    let erased = "select count(*) from signing_keys where status = 'withdrawn' and length(private_key) = 0";
    assert_eq!(hub.number(erased).await, 3, "nobody can sign with them again");
}

/// Whoever stole the key may have opened a socket with it, and would be given new tokens over that.
#[tokio::test]
async fn c17_sockets_are_asked_to_come_back_with_a_new_token_when_a_key_is_withdrawn() {
    let hub = Tuning::new()
        .configure(|config| config.hub.drain = 0.5)
        .spawn()
        .await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let stolen = hub.socket_token(&pair.access).await;
    let (mut socket, _) = hub.open(&pair.access).await;
    hub.rotate().await;
    hub.withdraw(&kid(&pair.access)).await;
    assert_eq!(socket.frame("reconnect").await["code"], 4201);
    assert_eq!(socket.closed().await, 4201);
    let mut late = hub.connect().await;
    late.hello(&stolen).await;
    let (frames, code) = late.read_to_the_end().await;
    assert!(frames.iter().all(|frame| frame["type"] != "ready"), "{frames:?}");
    assert_eq!(code, Some(4102));
}

#[tokio::test]
async fn c17_rotations_at_once_are_steps_of_one_chain() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let done = join_all((0..8).map(|_| hub.rotate())).await;
    let mut followed: BTreeMap<_, _> = done
        .iter()
        .map(|done| (done.retired.kid.clone(), done.active.kid.clone()))
        .collect();
    assert_eq!(followed.len(), 8, "each retired another key");
    let mut at = kid(&pair.access);
    while let Some(next) = followed.remove(&at) {
        at = next;
    }
    assert!(followed.is_empty(), "one chain");
    assert_eq!(hub.key_that_is("active").await, at);
    hub.key_that_is("next").await;
    hub.accepts(&pair.access).await;
}

#[tokio::test]
async fn keys_rotate_by_themselves_when_it_is_time_and_once_for_all_nodes() {
    const MONTH: u64 = 2_592_000;
    let folder = Folder::new();
    let url = database::fresh(&folder).await;
    let one = Tuning::new().database(&url).manual_clock().spawn().await;
    let two = Tuning::new().database(&url).manual_clock().spawn().await;
    let first = one.key_that_is("active").await;
    let log = "select count(*) from audit where action = 'signing_key.rotate' and actor = 'system'";
    for node in [&one, &two] {
        node.clock
            .as_ref()
            .unwrap()
            .advance(Duration::from_secs(MONTH - 60));
        assert!(!node.app.sessions.rotate_keys_when_due().await.unwrap());
    }
    for node in [&one, &two] {
        node.clock.as_ref().unwrap().advance(Duration::from_secs(61));
    }
    let due = join_all((0..8).map(|number| {
        let node = if number % 2 == 0 { &one } else { &two };
        node.app.sessions.rotate_keys_when_due()
    }));
    let done = due.await.into_iter().filter(|done| *done.as_ref().unwrap());
    assert!(done.count() <= 1, "or by the job in the background");
    assert_eq!(one.number(log).await, 1, "once");
    assert_eq!(one.keys().await[&first], "retired");
}

#[tokio::test]
async fn without_a_time_for_it_keys_do_not_rotate_by_themselves() {
    let hub = Tuning::new()
        .manual_clock()
        .configure(|config| config.tokens.key_rotation = 0)
        .spawn()
        .await;
    hub.clock
        .as_ref()
        .unwrap()
        .advance(Duration::from_hours(24 * 3650));
    assert!(!hub.app.sessions.rotate_keys_when_due().await.unwrap());
    assert_eq!(hub.keys().await.len(), 2);
}

#[tokio::test]
async fn t15_rotations_and_withdrawals_are_in_the_audit_log() {
    let hub = TestApp::spawn().await;
    let done = hub.rotate().await;
    hub.withdraw(&done.retired.kid).await;
    let unknown = hub.app.sessions.withdraw_key("nobodys", &operator()).await;
    assert!(unknown.unwrap().is_none());
    let log = "select action || ' ' || actor || ' ' || outcome || ' ' || details from audit
        where action like 'signing_key.%' order by id";
    let rows = hub.texts(log).await;
    let [rotated, withdrawn, unknown] = rows.try_into().unwrap();
    let (rotated, withdrawn) = (rotated.unwrap(), withdrawn.unwrap());
    assert_eq!(
        unknown.unwrap(),
        r#"signing_key.withdraw operator not_found {"withdrawn":"nobodys"}"#
    );
    assert!(
        rotated.starts_with("signing_key.rotate operator ok "),
        "{rotated}"
    );
    assert!(rotated.contains(&done.active.kid) && rotated.contains(&done.retired.kid));
    assert!(
        withdrawn.starts_with("signing_key.withdraw operator ok "),
        "{withdrawn}"
    );
    assert!(withdrawn.contains(&done.retired.kid) && withdrawn.contains("\"was\":\"retired\""));
}
