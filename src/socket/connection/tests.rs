//! The loop of an open socket, over channels and in paused time.

use super::super::harness::{Client, Stage, line, near, state};
use super::super::wire::{Rest, finish};
use super::*;
use crate::hub::outbox::Leave;
use crate::ids::SessionId;
use crate::store::journal::StateReason;
use crate::store::sessions::{EndReason, EndScope, Ending};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

/// Everything that a finished connection shows.
struct Finished {
    end: End,
    after: Duration,
}

/// Serves one socket to a client that does as `script` does. The line holds `room` messages.
async fn played(stage: &Stage, room: usize, script: impl AsyncFnOnce(&mut Client, &Arc<Socket>)) -> Finished {
    let (mut wire, mut client) = line(room);
    let opened = stage.opened();
    let socket = Arc::clone(opened.place.socket());
    let began = Instant::now();
    let serving = async {
        let early = None;
        let (end, place) = serve(&stage.app, &mut wire, Greeted { opened, early }).await;
        drop(place);
        let after = began.elapsed();
        Finished { end, after }
    };
    let playing = async {
        script(&mut client, &socket).await;
        drop(client);
    };
    tokio::join!(serving, playing).0
}

fn push(socket: &Socket, version: i64) {
    let (reason, state) = (StateReason::RoleChanged, Arc::new(state(version)));
    let sequence = Some(version + 100);
    socket.outbox.push(Push::state(sequence, reason, state));
}

fn revoked() -> Ending {
    Ending {
        reason: EndReason::Revoked,
        scope: EndScope::Session,
        message: Some("Bye".to_owned()),
    }
}

fn closed_with(end: &End) -> Option<CloseCode> {
    match end {
        End::Closed(code) => Some(*code),
        _ => None,
    }
}

#[tokio::test]
async fn the_first_ping_comes_at_a_random_point_of_the_second_half() {
    let stage = Stage::set().await;
    let mut first = Vec::new();
    for _ in 0..64 {
        played(&stage, 8, async |client, _| {
            let began = Instant::now();
            client.frame("ready").await;
            assert_eq!(client.frame("ping").await["version"], 5);
            first.push(began.elapsed());
        })
        .await;
    }
    let half = PING_EVERY / 2;
    assert!(
        first.iter().all(|at| (half..=PING_EVERY).contains(at)),
        "{first:?}"
    );
    // That 64 of them miss a third of the range by chance is a matter of 1 in 10^11.
    assert!(first.iter().any(|at| *at < half + half / 3), "{first:?}");
    assert!(
        first.iter().any(|at| *at > PING_EVERY.saturating_sub(half / 3)),
        "{first:?}"
    );
}

#[tokio::test]
async fn ten_seconds_of_silence_after_a_ping_close() {
    let stage = Stage::set().await;
    let mut pinged = Duration::ZERO;
    let Finished { end, after } = played(&stage, 8, async |client, _| {
        let began = Instant::now();
        client.frame("ready").await;
        client.frame("ping").await;
        pinged = began.elapsed();
        client.stay().await;
    })
    .await;
    assert_eq!(closed_with(&end), Some(CloseCode::HeartbeatMissed));
    assert!(near(after.saturating_sub(pinged), PONG_WITHIN), "{after:?}");
}

#[tokio::test]
async fn any_frame_shows_that_the_client_is_there() {
    let stage = Stage::set().await;
    let frames = [
        Message::text(r#"{"type":"pong","version":5}"#),
        Message::text(r#"{"type":"pong"}"#),
        Message::text(r#"{"type":"token","id":1}"#),
        Message::text(r#"{"type":"unknown"}"#),
        Message::Ping(Vec::new().into()),
        Message::Pong(Vec::new().into()),
    ];
    let Finished { end, .. } = played(&stage, 8, async |client, _| {
        client.frame("ready").await;
        client.frame("ping").await;
        for frame in frames {
            tokio::time::sleep(PONG_WITHIN.saturating_sub(Duration::from_millis(2))).await;
            client.send(frame).await;
            let heard_at = Instant::now();
            // Answers come at once, the next ping a whole interval later.
            while !client
                .hear()
                .await
                .to_text()
                .unwrap()
                .contains(r#""type":"ping""#)
            {}
            let since = heard_at.elapsed();
            assert!(near(since, PING_EVERY), "{since:?}");
        }
    })
    .await;
    assert!(matches!(end, End::Gone), "{end:?}");
}

#[tokio::test]
async fn a_ping_carries_the_newest_version_and_a_wrong_pong_is_told_the_state() {
    let stage = Stage::set().await;
    played(&stage, 8, async |client, socket| {
        client.frame("ready").await;
        push(socket, 7);
        client.frame("state").await;
        assert_eq!(client.frame("ping").await["version"], 7);
        client.say(r#"{"type":"pong","version":5}"#).await;
        let again = client.frame("state").await;
        assert_eq!(
            (&again["state"]["version"], &again["reason"]),
            (&7.into(), &"refreshed".into())
        );
    })
    .await;
}

#[tokio::test]
async fn versions_and_sequences_never_go_back() {
    let stage = Stage::set().await;
    let event = |sequence| Push::Event {
        sequence,
        frame: format!(r#"{{"type":"event","sequence":{sequence}}}"#).into(),
    };
    played(&stage, 64, async |client, socket| {
        client.frame("ready").await;
        for old in [4, 5] {
            push(socket, old);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // What `ready` covers is known: its sequence is 10.
        socket.outbox.push(event(9));
        socket.outbox.push(event(10));
        socket.outbox.push(event(11));
        assert_eq!(client.frame("event").await["sequence"], 11);
        push(socket, 6);
        push(socket, 8);
        let frame = client.frame("state").await;
        assert_eq!(
            (&frame["state"]["version"], &frame["sequence"]),
            (&8.into(), &108.into())
        );
        push(socket, 7);
        socket.outbox.push(event(108));
        socket.outbox.push(event(109));
        assert_eq!(client.frame("event").await["sequence"], 109);
        // Found by the sweep: no row of the journal, and yet no step back.
        let found = Push::state(None, StateReason::Refreshed, Arc::new(state(9)));
        socket.outbox.push(found);
        assert_eq!(client.frame("state").await["sequence"], 109);
        assert!(client.is_silent());
    })
    .await;
}

/// What a socket says of version 6 and row `sequence`, where another of its session (or, `foreign`, of
/// another session) has left a frame of its own `age` ago.
async fn said_after(stage: &Stage, sequence: i64, age: Duration, foreign: bool) -> Value {
    let mut said = Value::Null;
    played(stage, 64, async |client, socket| {
        client.frame("ready").await;
        let push = Push::state(Some(sequence), StateReason::RoleChanged, Arc::new(state(6)));
        let Push::State { frames, .. } = &push else {
            return;
        };
        let cx = &stage.app.cx;
        let other = SessionId::generate(&cx.clock, &cx.rng);
        let session = if foreign { other } else { socket.session_id };
        let left = r#"{"type":"state","left":true}"#.to_owned().into();
        frames.leave(session, cx.clock.since_boot().saturating_sub(age), &left);
        socket.outbox.push(push.clone());
        said = client.frame("state").await;
    })
    .await;
    said
}

#[tokio::test]
async fn a_state_frame_is_finished_once_for_all_sockets_of_a_session() {
    let stage = Stage::set().await;
    let second = Duration::from_secs(1);
    let (row, older) = (106, 9);
    let shared = said_after(&stage, row, Duration::ZERO, false).await;
    assert_eq!(shared["left"], true);
    for (sequence, age, foreign) in [
        (row, Duration::ZERO, true),
        // What it says of its token's lifetime would not hold any more.
        (row, second, false),
        // `ready` has told a later row than this one: no sequence goes back.
        (older, Duration::ZERO, false),
    ] {
        let own = said_after(&stage, sequence, age, foreign).await;
        assert_eq!(own["left"], Value::Null, "{sequence} {age:?} {foreign}");
        assert_eq!(own["sequence"], sequence.max(10));
        assert!(own["access_token"].is_string());
    }
}

#[tokio::test]
async fn what_one_socket_has_finished_is_left_to_the_others() {
    let stage = Stage::set().await;
    played(&stage, 64, async |client, socket| {
        client.frame("ready").await;
        let push = Push::state(Some(106), StateReason::RoleChanged, Arc::new(state(6)));
        let Push::State { frames, .. } = &push else {
            return;
        };
        socket.outbox.push(push.clone());
        let said = client.frame("state").await;
        let left = frames.of(socket.session_id, stage.app.cx.clock.since_boot());
        let left = left.unwrap().into_bytes();
        assert_eq!(serde_json::from_slice::<Value>(&left).unwrap(), said);
    })
    .await;
}

#[tokio::test]
async fn after_twelve_hours_no_token_comes_with_a_state_whoever_has_one() {
    let stage = Stage::set().await;
    played(&stage, 64, async |client, socket| {
        client.frame("ready").await;
        stage.clock.advance(MINTS_FOR);
        let cx = &stage.app.cx;
        socket.renew_lease(cx.clock.since_boot(), Duration::from_secs(30));
        let push = Push::state(Some(106), StateReason::RoleChanged, Arc::new(state(6)));
        let Push::State { frames, .. } = &push else {
            return;
        };
        let left = r#"{"type":"state","left":true}"#.to_owned().into();
        frames.leave(socket.session_id, cx.clock.since_boot(), &left);
        socket.outbox.push(push.clone());
        let said = client.frame("state").await;
        assert_eq!(
            (&said["left"], &said["access_token"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(said["state"]["version"], 6);
    })
    .await;
}

#[tokio::test]
async fn a_window_of_frames_passes_with_its_ten_seconds() {
    let stage = Stage::set().await;
    let Finished { end, after } = played(&stage, 64, async |client, _| {
        client.frame("ready").await;
        for _ in 0..3 {
            for _ in 0..20 {
                client.say(r#"{"type":"x"}"#).await;
                client.frame("error").await;
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
            while !client.is_silent() {}
        }
        for _ in 0..21 {
            client.say(r#"{"type":"x"}"#).await;
        }
        client.stay().await;
    })
    .await;
    assert_eq!(closed_with(&end), Some(CloseCode::TooManyFrames));
    assert!(
        after >= Duration::from_secs(30) && after < Duration::from_secs(31),
        "{after:?}"
    );
}

#[tokio::test]
async fn a_write_that_hangs_is_given_eight_seconds() {
    let stage = Stage::set().await;
    let Finished { end, after } = played(&stage, 1, async |client, socket| {
        push(socket, 6);
        client.stay().await;
    })
    .await;
    assert_eq!(closed_with(&end), Some(CloseCode::TooSlow));
    assert!(near(after, Duration::from_secs(8)), "{after:?}");
}

#[tokio::test]
async fn orders_to_end_interrupt_a_write_that_hangs() {
    let stage = Stage::set().await;
    let a_moment = Duration::from_secs(1);
    let tally = crate::hub::Tally::begin();
    let Finished { end, after } = played(&stage, 1, async |client, socket| {
        push(socket, 6);
        tokio::time::sleep(a_moment).await;
        // These do not interrupt.
        push(socket, 7);
        socket.outbox.reconnect(Duration::ZERO);
        tokio::time::sleep(a_moment).await;
        socket.outbox.sign_out(&revoked(), None, tally.ticket());
        client.stay().await;
    })
    .await;
    assert!(matches!(end, End::SignedOut(ending) if ending == revoked()));
    assert!(near(after, 2 * a_moment), "{after:?}");
    assert_eq!(tally.closed(), 1);

    for (leave, code) in [
        (Leave::LeaseExpired, CloseCode::LeaseExpired),
        (Leave::TooMany, CloseCode::TooManyConnections),
    ] {
        let Finished { end, after } = played(&stage, 1, async |client, socket| {
            push(socket, 6);
            tokio::time::sleep(a_moment).await;
            socket.outbox.leave(leave);
            client.stay().await;
        })
        .await;
        assert_eq!(closed_with(&end), Some(code));
        assert!(near(after, a_moment), "{after:?}");
    }

    let Finished { end, after } = played(&stage, 1, async |client, socket| {
        push(socket, 6);
        tokio::time::sleep(a_moment).await;
        stage.app.lifecycle.stopped().cancel();
        client.stay().await;
    })
    .await;
    assert_eq!(closed_with(&end), Some(CloseCode::ServiceRestart));
    assert!(near(after, a_moment), "{after:?}");
}

#[tokio::test]
async fn a_drained_socket_closes_at_its_time_whatever_the_client_says() {
    let stage = Stage::set().await;
    let Finished { end, after } = played(&stage, 64, async |client, socket| {
        client.frame("ready").await;
        socket.outbox.reconnect(Duration::from_millis(7_300));
        let frame = client.frame("reconnect").await;
        assert_eq!((&frame["in_ms"], &frame["code"]), (&7_300.into(), &4201.into()));
        for _ in 0..10 {
            client.say(r#"{"type":"pong","version":5}"#).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert_eq!(closed_with(&end), Some(CloseCode::Draining));
    assert!(near(after, Duration::from_millis(7_300)), "{after:?}");
}

#[tokio::test]
async fn the_lease_is_looked_at_before_every_write() {
    let stage = Stage::set().await;
    let Finished { end, .. } = played(&stage, 64, async |client, socket| {
        client.frame("ready").await;
        stage.clock.advance(Duration::from_secs(30));
        push(socket, 6);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(client.is_silent());
    })
    .await;
    assert_eq!(closed_with(&end), Some(CloseCode::LeaseExpired));
}

#[tokio::test]
async fn the_goodbye_is_said_in_order_and_bounded_by_two_seconds() {
    tokio::time::pause();
    let (mut wire, mut client) = line(8);
    assert_eq!(finish(&mut wire, End::SignedOut(revoked())).await, Rest::Clean);
    let frame = client.frame("signed_out").await;
    assert_eq!((&frame["code"], &frame["message"]), (&4001.into(), &"Bye".into()));
    let Message::Close(Some(close)) = client.hear().await else {
        panic!("a close follows")
    };
    assert_eq!(u16::from(close.code), 4001);
    for end in [End::SignedOut(revoked()), End::Closed(CloseCode::TooSlow)] {
        let (mut wire, _client) = line(1);
        futures_util::SinkExt::send(&mut wire, Message::text("full"))
            .await
            .unwrap();
        let began = Instant::now();
        assert_eq!(finish(&mut wire, end).await, Rest::Stuck);
        assert!(near(began.elapsed(), Duration::from_millis(1_800)));
    }
}
