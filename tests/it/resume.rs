//! Coming back after a gap: events that were missed are given again, or `resumed` is false.

use std::time::Duration;

use portcullis::store::journal::{self, Change, NewEntry};
use portcullis::store::users;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::people::Person;
use crate::support::socket::TestSocket;
use crate::support::{DEADLINE, Pair};

const ADA: &str = "ada@example.org";

/// Says hello with `resume`; gives the socket and `ready`.
async fn come_back(hub: &TestApp, pair: &Pair, epoch: &Value, sequence: i64) -> (TestSocket, Value) {
    let token = hub.socket_token(&pair.access).await;
    let mut socket = hub.connect().await;
    let resume = json!({ "epoch": epoch, "sequence": sequence });
    socket
        .say(json!({ "type": "hello", "token": token, "resume": resume }))
        .await;
    let ready = socket.frame("ready").await;
    (socket, ready)
}

/// Everything that is said until the answer to a marker.
async fn said(socket: &mut TestSocket) -> Vec<Value> {
    socket.say(json!({ "type": "marker" })).await;
    let mut frames = Vec::new();
    let until_marker = async {
        loop {
            match socket.hear().await {
                crate::support::socket::Heard::Frame(frame) if frame["type"] == "error" => return,
                crate::support::socket::Heard::Frame(frame) => frames.push(frame),
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(DEADLINE, until_marker).await.unwrap();
    frames
}

/// Writes `count` journal rows of sessions that began.
async fn write_events(hub: &TestApp, person: &Person, count: usize) {
    let user = person.id.parse().unwrap();
    let mut tx = hub.app.cx.db.begin().await.unwrap();
    users::lock(&mut tx, user).await.unwrap();
    for at in 0..count {
        let change = Change::SessionCreated {
            device: Some(at.to_string()),
        };
        let entry = NewEntry {
            user_id: Some(user),
            session_id: None,
            version: None,
            change,
        };
        journal::append(&mut tx, entry, hub.now()).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn missed_events_are_given_again_in_order_and_once() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let (socket, ready) = hub.open(&pair.access).await;
    drop(socket);
    let (epoch, first) = (&ready["epoch"], ready["sequence"].as_i64().unwrap());
    let (_, bob) = hub.signed_in("bob@example.org", "user").await;
    let second = hub.sign_in(ADA).await;
    hub.assign(&key, &ada.id, "moderator").await;
    hub.revoke_session(&key, &second.session).await;
    hub.revoke_session(&key, &bob.session).await;

    let (mut socket, back) = come_back(&hub, &pair, epoch, first).await;
    assert_eq!((&back["resumed"], &back["epoch"]), (&json!(true), epoch));
    // The state is in `ready`, so that change is no event.
    assert_eq!(back["state"]["role"], "moderator");
    let events = said(&mut socket).await;
    let names: Vec<_> = events
        .iter()
        .map(|event| (&event["type"], &event["name"]))
        .collect();
    let event = json!("event");
    let (created, revoked) = (json!("session.created"), json!("session.revoked"));
    assert_eq!(names, [(&event, &created), (&event, &revoked)]);
    assert!(
        events
            .iter()
            .all(|event| event["data"]["session_id"] == second.session.as_str())
    );
    let sequences: Vec<_> = events
        .iter()
        .map(|event| event["sequence"].as_i64().unwrap())
        .collect();
    assert!(
        first < sequences[0] && sequences[0] < sequences[1],
        "{sequences:?}"
    );
    // The client goes on from where it was: sequences never go back.
    assert_eq!(back["sequence"], first);

    // From the sequence of an event: what came after it.
    let (mut socket, back) = come_back(&hub, &pair, epoch, sequences[0]).await;
    assert_eq!(back["resumed"], true);
    let again = said(&mut socket).await;
    assert_eq!(again, events[1..]);
    // Nothing missed is resumed too. What comes now follows.
    let (mut socket, back) = come_back(&hub, &pair, epoch, sequences[1]).await;
    assert_eq!(
        (&back["resumed"], said(&mut socket).await.len()),
        (&json!(true), 0)
    );
    let third = hub.sign_in(ADA).await;
    assert_eq!(
        socket.frame("event").await["data"]["session_id"],
        third.session.as_str()
    );
}

#[tokio::test]
async fn what_cannot_be_resumed_is_said_so() {
    let hub = TestApp::spawn().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let (_, ready) = hub.open(&pair.access).await;
    assert_eq!(ready["resumed"], false, "nothing was asked for");
    let (epoch, first) = (&ready["epoch"], ready["sequence"].as_i64().unwrap());
    for (epoch, sequence, resumed) in [
        (epoch, first, true),
        (&json!("another epoch"), first, false),
        (&json!(""), first, false),
        (epoch, first + 1, false),
        (epoch, i64::MAX, false),
    ] {
        let (mut socket, back) = come_back(&hub, &pair, epoch, sequence).await;
        assert_eq!(back["resumed"], resumed, "{epoch} {sequence}");
        assert!(said(&mut socket).await.is_empty());
    }
    write_events(&hub, &ada, 64).await;
    let (mut socket, back) = come_back(&hub, &pair, epoch, first).await;
    assert_eq!(
        (&back["resumed"], said(&mut socket).await.len()),
        (&json!(true), 64)
    );
    write_events(&hub, &ada, 1).await;
    let (mut socket, back) = come_back(&hub, &pair, epoch, first).await;
    assert_eq!(
        (&back["resumed"], said(&mut socket).await.len()),
        (&json!(false), 0)
    );
}

#[tokio::test]
async fn events_are_resumed_for_ten_minutes() {
    let configured = Tuning::new().manual_clock().configure(|config| {
        config.hub.lease = 1e6;
        config.tokens.access_ttl = 86_400 * 7;
    });
    let hub = configured.spawn().await;
    let clock = hub.clock.clone().unwrap();
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let (_, ready) = hub.open(&pair.access).await;
    let (epoch, first) = (&ready["epoch"], ready["sequence"].as_i64().unwrap());
    write_events(&hub, &ada, 1).await;
    clock.advance(Duration::from_mins(10));
    let (mut socket, back) = come_back(&hub, &pair, epoch, first).await;
    assert_eq!(
        (&back["resumed"], said(&mut socket).await.len()),
        (&json!(true), 1)
    );
    clock.advance(Duration::from_secs(1));
    let (mut socket, back) = come_back(&hub, &pair, epoch, first).await;
    assert_eq!(
        (&back["resumed"], said(&mut socket).await.len()),
        (&json!(false), 0)
    );

    // Once the rows are gone, nobody can tell whether there were any.
    clock.advance(Duration::from_hours(25));
    write_events(&hub, &ada, 1).await;
    let mut tx = hub.app.cx.db.begin().await.unwrap();
    let yesterday = hub.now() - Duration::from_hours(24);
    assert!(journal::purge(&mut tx, yesterday).await.unwrap() > 0);
    tx.commit().await.unwrap();
    let (mut socket, back) = come_back(&hub, &pair, epoch, first).await;
    assert_eq!(
        (&back["resumed"], said(&mut socket).await.len()),
        (&json!(false), 0)
    );
}
