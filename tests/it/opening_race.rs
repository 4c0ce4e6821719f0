//! The race between opening a socket and revoking its session, run for real.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Barrier;

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Caller;
use crate::support::socket::TestSocket;

const ROUNDS: usize = 500;
const AT_ONCE: usize = 10;

/// How one round ended for the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// It was `ready`, then signed out.
    OpenedThenSignedOut,
    /// It was signed out instead of `ready`.
    NeverReady,
    /// The session was revoked before there was a socket token.
    NoToken,
    /// Ended in another way. Must not happen.
    Other(Option<u16>),
}

/// Opens a socket by a token that the session already has, `hesitation` after the start.
async fn open(caller: Caller, token: String, start: Arc<Barrier>, hesitation: Duration) -> Outcome {
    let mut socket = caller.connect().await;
    start.wait().await;
    tokio::time::sleep(hesitation).await;
    socket.hello(&token).await;
    judge(&mut socket).await
}

/// As [`open`], from the very beginning: the token too is asked for while the session ends.
async fn open_all_the_way(
    caller: Caller,
    access: String,
    start: Arc<Barrier>,
    hesitation: Duration,
) -> Outcome {
    start.wait().await;
    tokio::time::sleep(hesitation).await;
    let answer = caller.get_as(&access, "/api/auth/socket").await;
    if answer.status != 200 {
        answer.problem(401, "session_revoked");
        return Outcome::NoToken;
    }
    let body = answer.json();
    let mut socket = caller.connect_with(body["token"].as_str().unwrap()).await;
    judge(&mut socket).await
}

async fn judge(socket: &mut TestSocket) -> Outcome {
    let (frames, code) = socket.read_to_the_end().await;
    // Sessions of other rounds are heard of, where they are the same person's.
    let kinds = frames.iter().map(|frame| frame["type"].as_str().unwrap());
    let kinds: Vec<_> = kinds.filter(|kind| *kind != "event").collect();
    match (kinds.as_slice(), code) {
        (["ready", "signed_out"], Some(4001)) => Outcome::OpenedThenSignedOut,
        (["signed_out"], Some(4001)) => Outcome::NeverReady,
        _ => Outcome::Other(code),
    }
}

/// Of the rounds that run at once, each has a person of its own: none waits for another's lock.
fn person(at: usize) -> String {
    format!("ada-{}@example.org", at % AT_ONCE)
}

/// A round: both at once, and the receipt must be true when it comes.
async fn round(hub: Arc<TestApp>, key: String, at: usize) -> Outcome {
    let pair = hub.sign_in(&person(at)).await;
    let start = Arc::new(Barrier::new(2));
    // Whoever comes first is left to chance, around where the two really meet.
    let hesitation = Duration::from_micros(100 << (at / 4 % 10));
    let opener = if at % 4 == 3 {
        tokio::spawn(open_all_the_way(
            hub.caller.clone(),
            pair.access.clone(),
            start.clone(),
            hesitation,
        ))
    } else {
        let token = hub.socket_token(&pair.access).await;
        tokio::spawn(open(hub.caller.clone(), token, start.clone(), hesitation))
    };
    start.wait().await;
    let order = json!({ "session_id": pair.session, "reason": "a race" });
    let done = hub.try_revoke(&key, "", order).await.expect(200).json();
    assert_eq!(
        (&done["sessions_revoked"], &done["receipt"]["complete"]),
        (&json!(1), &json!(true))
    );
    // Would hang for good, and fail by its deadline, if the socket survived.
    opener.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t04_in_five_hundred_races_no_socket_outlives_its_session() {
    let configured = Tuning::new().configure(|config| {
        // The announcement, and the reading that it wakes, must be enough.
        (config.hub.poll, config.hub.sweep, config.hub.lease) = (3600.0, 3600.0, 7200.0);
        config.hub.per_user = 1000;
    });
    let hub = Arc::new(configured.spawn().await);
    let key = hub.backend().await;
    for at in 0..AT_ONCE {
        hub.person(&person(at), "user").await;
    }
    let mut outcomes = std::collections::BTreeMap::new();
    for batch in 0..ROUNDS / AT_ONCE {
        let rounds: Vec<_> = (0..AT_ONCE)
            .map(|at| tokio::spawn(round(Arc::clone(&hub), key.clone(), batch * AT_ONCE + at)))
            .collect();
        for round in rounds {
            *outcomes.entry(round.await.unwrap()).or_insert(0_usize) += 1;
        }
    }
    hub.sockets_become(0).await;
    println!("{outcomes:?}");
    let count = |outcome| outcomes.get(&outcome).copied().unwrap_or(0);
    let (opened, never) = (count(Outcome::OpenedThenSignedOut), count(Outcome::NeverReady));
    assert_eq!(opened + never + count(Outcome::NoToken), ROUNDS, "{outcomes:?}");
    assert!(opened > 0 && never > 0, "the race is real: {outcomes:?}");
}
