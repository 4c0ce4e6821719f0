//! More clients come than can be served soon: those who would wait too long come back later, with the same
//! token.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use portcullis::hub::admission::Turn;
use portcullis::store::Db;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::app::{TestApp, Tuning};
use crate::support::eventually;
use crate::support::http::{Answer, Caller};
use crate::support::proxy::Line;
use crate::support::socket::{Heard, TestSocket};

const ADA: &str = "ada@example.org";
/// More than a slow line can open within the time that anybody waits.
const CROWD: usize = 400;

fn tuning() -> Tuning {
    Tuning::new().configure(|config| {
        (config.hub.per_session, config.hub.per_user) = (1_000, 1_000);
        config.tokens.socket_ttl = 300;
    })
}

/// How an attempt to open a socket ended.
#[derive(Debug)]
enum Attempt {
    Ready(Box<TestSocket>),
    /// With 4206, or with 503 before the upgrade.
    Shed,
    Other(Heard),
}

async fn attempt(caller: &Caller, token: &str) -> Attempt {
    let protocols = format!("portcullis.v1, portcullis.token.{token}");
    let Ok(mut socket) = caller.try_connect(caller.upgrade_request(&protocols)).await else {
        return Attempt::Shed;
    };
    match socket.hear().await {
        Heard::Frame(frame) if frame["type"] == "ready" => Attempt::Ready(Box::new(socket)),
        Heard::Closed(4206) => Attempt::Shed,
        other => Attempt::Other(other),
    }
}

async fn tokens(hub: &TestApp, access: &str, count: usize) -> Vec<String> {
    let mut tokens = Vec::new();
    for _ in 0..count {
        tokens.push(hub.socket_token(access).await);
    }
    tokens
}

/// Everybody at once; gives how many sockets opened, and the tokens of those who shall come back.
async fn storm(hub: &TestApp, tokens: Vec<String>) -> (usize, Vec<String>) {
    let mut attempts = JoinSet::new();
    for token in tokens {
        let caller = hub.caller.clone();
        attempts.spawn(async move { (attempt(&caller, &token).await, token) });
    }
    let (mut opened, mut shed) = (Vec::new(), Vec::new());
    for (attempt, token) in attempts.join_all().await {
        match attempt {
            Attempt::Ready(socket) => opened.push(socket),
            Attempt::Shed => shed.push(token),
            Attempt::Other(heard) => panic!("neither in nor shed: {heard:?}"),
        }
    }
    (opened.len(), shed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_on_a_slow_line_is_shed_and_gets_in_after_it_with_the_same_tokens() {
    let (hub, proxy) = tuning().spawn_behind_a_proxy().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let tokens = tokens(&hub, &pair.access, CROWD).await;
    let Db::Postgres { requests, .. } = &hub.app.cx.db else {
        panic!("PostgreSQL was asked for");
    };
    // A new connection takes many round trips, and the storm is not about them.
    drop(join_all((0..16).map(|_| hub.app.cx.db.single())).await);
    eventually("all connections are given back", || async {
        (requests.num_idle() == 16).then_some(())
    })
    .await;
    let (least, jitter) = (Duration::from_millis(100), Duration::ZERO);
    proxy.set(Line::Slow { least, jitter });
    let (opened, shed) = storm(&hub, tokens).await;
    assert!(
        shed.len() > CROWD / 10,
        "the others need not wait: {}",
        shed.len()
    );

    proxy.set(Line::Whole);
    // Where a statement got no answer in time, its token may be spent. On a loaded machine a few are.
    let mut lost = 0;
    let mut back = Vec::new();
    for token in &shed {
        let returned = eventually("who was shed is let in", || async {
            match attempt(&hub.caller, token).await {
                Attempt::Ready(socket) => Some(Ok(socket)),
                Attempt::Shed => None,
                Attempt::Other(heard) => Some(Err(heard)),
            }
        });
        match returned.await {
            Ok(socket) => back.push(socket),
            Err(Heard::Closed(4103)) => lost += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(lost < shed.len() / 2, "{lost} tokens of {} are spent", shed.len());
    assert_eq!(opened + back.len() + lost, CROWD);
}

/// Takes all turns, and keeps them until the server knows that nothing moves.
async fn stuck(hub: &TestApp) -> Vec<Turn> {
    let mut turns = Vec::new();
    while let Some(turn) = hub.app.cx.hub.admission().turn().now_or_never() {
        turns.push(turn.unwrap());
    }
    crowd(hub).await.shutdown().await;
    turns
}

/// Has so many wait for a turn that no more may.
async fn crowd(hub: &TestApp) -> JoinSet<()> {
    let mut crowd = JoinSet::new();
    let door = hub.app.cx.hub.admission();
    for _ in 0..256 {
        let door = door.clone();
        crowd.spawn(async move {
            loop {
                let _shed = door.turn().await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    eventually("nobody else may wait", || async { door.check().err() }).await;
    crowd
}

#[track_caller]
fn comes_back_within_ten_seconds(answer: &Answer) -> u64 {
    answer.problem(503, "overloaded");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
    seconds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_to_a_crowd_is_sent_away_before_the_upgrade_each_for_a_time_of_its_own() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let token = hub.socket_token(&pair.access).await;
    let turns = stuck(&hub).await;
    let mut crowd = crowd(&hub).await;
    let plain = ("Sec-WebSocket-Protocol", "portcullis.v1");
    let protocols = format!("portcullis.v1, portcullis.token.{token}");
    let with_token = ("Sec-WebSocket-Protocol", protocols.as_str());
    let asked = join_all((0..20).map(|at| {
        let header = if at % 2 == 0 { plain } else { with_token };
        let hub = &hub;
        async move { hub.upgrade(&[header]).await }
    }));
    let times: Vec<u64> = asked.await.iter().map(comes_back_within_ten_seconds).collect();
    assert!(times.iter().any(|time| *time != times[0]), "{times:?}");
    crowd.shutdown().await;
    drop(turns);
    hub.connect_with(&token).await.frame("ready").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hello_in_a_crowd_is_closed_and_its_token_is_good_after_it() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let token = hub.socket_token(&pair.access).await;
    let turns = stuck(&hub).await;
    let (mut socket, mut stranger) = (hub.connect().await, hub.connect().await);
    let mut crowd = crowd(&hub).await;
    socket.hello(&token).await;
    assert_eq!(socket.closed().await, 4206);
    // To come back would not help.
    stranger.hello("no token").await;
    assert_eq!(stranger.closed().await, 4102);
    crowd.shutdown().await;
    drop(turns);
    hub.connect_with(&token).await.frame("ready").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_says_while_it_waits_for_its_turn_is_answered_after_it() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let token = hub.socket_token(&pair.access).await;
    let mut turns = Vec::new();
    while let Some(turn) = hub.app.cx.hub.admission().turn().now_or_never() {
        turns.push(turn.unwrap());
    }
    let mut socket = hub.connect().await;
    socket.hello(&token).await;
    for id in 1..=3 {
        socket.say(json!({ "type": "token", "id": id })).await;
    }
    // Most likely all that is read by then; where it is not, the answers are the same.
    hub.get("/healthz").await.expect(200);
    drop(turns);
    socket.frame("ready").await;
    for id in 1..=3 {
        assert_eq!(socket.frame("token").await["id"], id);
    }
}
