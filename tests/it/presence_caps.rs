//! How many sockets one session and one user may have: the oldest makes room, and its session lives.

use crate::support::Pair;
use crate::support::app::{TestApp, Tuning};
use crate::support::database::fresh_postgres;
use crate::support::eventually;
use crate::support::redis::{fresh_prefix, shared};
use crate::support::socket::{Heard, TestSocket};

const ADA: &str = "ada@example.org";

async fn hub(per_session: usize, per_user: usize) -> TestApp {
    let configured = Tuning::new().configure(move |config| {
        config.hub.per_session = per_session;
        config.hub.per_user = per_user;
    });
    let hub = configured.spawn().await;
    hub.person(ADA, "user").await;
    hub
}

async fn open(hub: &TestApp, pair: &Pair) -> TestSocket {
    hub.open(&pair.access).await.0
}

#[tokio::test]
async fn the_oldest_socket_of_a_session_makes_room() {
    let hub = hub(3, 64).await;
    let (one, two) = (hub.sign_in(ADA).await, hub.sign_in(ADA).await);
    let (mut a, mut b) = (open(&hub, &one).await, open(&hub, &one).await);
    let (_c, mut other) = (open(&hub, &one).await, open(&hub, &two).await);
    let _d = open(&hub, &one).await;
    assert_eq!(a.closed().await, 4306, "without signed_out");
    let _e = open(&hub, &one).await;
    assert_eq!(b.closed().await, 4306);
    hub.sockets_become(4).await;
    // The session lives, and so does the other one's socket.
    hub.get_as(&one.access, "/api/auth/site_role").await.expect(200);
    other.say(serde_json::json!({ "type": "x" })).await;
    other.frame("error").await;
}

#[tokio::test]
async fn the_oldest_socket_of_a_user_makes_room() {
    let hub = hub(16, 3).await;
    let (one, two) = (hub.sign_in(ADA).await, hub.sign_in(ADA).await);
    let mut a = open(&hub, &one).await;
    let _rest = (open(&hub, &two).await, open(&hub, &one).await);
    let (_, bob) = hub.signed_in("bob@example.org", "user").await;
    let _strangers = [
        open(&hub, &bob).await,
        open(&hub, &bob).await,
        open(&hub, &bob).await,
    ];
    let _new = open(&hub, &two).await;
    assert_eq!(a.closed().await, 4306);
    hub.sockets_become(6).await;
    hub.get_as(&one.access, "/api/auth/site_role").await.expect(200);
}

/// Each of a burst must send another one away, also while those before it are still leaving.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_does_not_get_past_the_caps() {
    for (per_session, per_user) in [(2, 64), (16, 2)] {
        let hub = hub(per_session, per_user).await;
        let pair = hub.sign_in(ADA).await;
        let mut tokens = Vec::new();
        for _ in 0..24 {
            tokens.push(hub.socket_token(&pair.access).await);
        }
        let opening: Vec<_> = tokens
            .into_iter()
            .map(|token| {
                let caller = hub.caller.clone();
                tokio::spawn(async move {
                    let mut socket = caller.connect_with(&token).await;
                    // A later one may have taken its place before it was ready.
                    let ready = matches!(socket.hear().await, Heard::Frame(_));
                    (socket, ready)
                })
            })
            .collect();
        let mut sockets = Vec::new();
        for socket in opening {
            sockets.push(socket.await.unwrap());
        }
        hub.sockets_become(2).await;
        let mut ended = 0;
        for (mut socket, ready) in sockets {
            if !ready {
                ended += 1;
                continue;
            }
            let quiet = std::time::Duration::from_millis(20);
            if let Ok((frames, code)) = tokio::time::timeout(quiet, socket.read_to_the_end()).await {
                assert_eq!((frames.len(), code), (0, Some(4306)));
                ended += 1;
            }
        }
        assert_eq!(ended, 22);
    }
}

/// Two servers on one database and one Redis. The oldest socket leaves, whichever server has it.
#[tokio::test]
async fn the_caps_hold_across_nodes() {
    let (database, prefix) = (fresh_postgres().await, fresh_prefix());
    let node = || {
        let tuning = Tuning::new().database(&database).redis(shared(), &prefix);
        let tuning = tuning.configure(|config| {
            config.public_url = Some("http://127.0.0.1:9".parse().unwrap());
            (config.hub.per_session, config.hub.per_user) = (3, 4);
        });
        tuning.spawn()
    };
    let (a, b) = (node().await, node().await);
    for node in [&a, &b] {
        eventually("the bus is up", || async {
            node.app.cx.hub.bus().is_up().then_some(())
        })
        .await;
    }
    a.person(ADA, "user").await;
    let (one, two) = (a.sign_in(ADA).await, a.sign_in(ADA).await);
    let mut first = open(&a, &one).await;
    let mut second = open(&b, &two).await;
    let (_third, _fourth) = (open(&b, &one).await, open(&b, &one).await);
    // The fourth of the session, on the other server.
    let _fifth = open(&b, &one).await;
    assert_eq!(first.closed().await, 4306, "without signed_out");
    a.sockets_become(0).await;
    // The fifth of the user.
    let _sixth = open(&a, &two).await;
    assert_eq!(second.closed().await, 4306);
    b.sockets_become(3).await;
    a.get_as(&one.access, "/api/auth/site_role").await.expect(200);
}
