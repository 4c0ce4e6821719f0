//! From the upgrade to `ready`: the first frame, and the socket token that it carries.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::app::{TestApp, Tuning};
use crate::support::database::{self, Folder};
use crate::support::socket::{Heard, TestSocket};

/// A hello of exactly `bytes` bytes, with a token that is none.
fn hello_of(bytes: usize) -> String {
    let frame = r#"{"type":"hello","token":""}"#;
    frame.replace(
        r#""token":""#,
        &format!(r#""token":"{}"#, "x".repeat(bytes - frame.len())),
    )
}

#[tokio::test]
async fn the_first_frame_is_a_hello_or_the_socket_closes() {
    let hub = TestApp::spawn().await;
    let text = |text: &str| Message::text(text);
    for (frame, code) in [
        (text(r#"{"type":"hello","token":"no token"}"#), 4102),
        (text(&hello_of(4 * 1024)), 4102),
        (text(&hello_of(4 * 1024 + 1)), 4303),
        (text(&hello_of(8 * 1024)), 4303),
        (text(&hello_of(64 * 1024)), 4303),
        (text(&hello_of(4 * 1024 * 1024)), 4303),
        (Message::binary(br#"{"type":"hello","token":"x"}"#.to_vec()), 4301),
        (Message::binary(Vec::new()), 4301),
        (text(""), 4301),
        (text("hello"), 4301),
        (text("[]"), 4301),
        (text("null"), 4301),
        (text(r#"["hello"]"#), 4301),
        (text("{}"), 4301),
        (text(r#"{"type":"hello"}"#), 4301),
        (text(r#"{"type":"hello","token":7}"#), 4301),
        (text(r#"{"type":"hello","token":"x","resume":{"epoch":1}}"#), 4301),
        (text(r#"{"type":"pong","version":1}"#), 4302),
        (text(r#"{"type":"token","id":1}"#), 4302),
        (text(r#"{"type":"ready"}"#), 4302),
        (text(r#"{"type":"Hello","token":"x"}"#), 4302),
    ] {
        let mut socket = hub.connect().await;
        let shown = frame
            .to_text()
            .map_or("binary".into(), |text| text[..text.len().min(60)].to_owned());
        // The server may close before it has taken all of a huge frame.
        let _taken = futures_util::SinkExt::send(&mut socket.wire, frame).await;
        assert_eq!(socket.hear().await, Heard::Closed(code), "{shown}");
    }
    hub.sockets_become(0).await;
}

#[tokio::test]
async fn a_hello_may_say_more_than_is_known() {
    let hub = TestApp::spawn().await;
    let (person, pair) = hub.signed_in("ada@example.org", "moderator").await;
    let token = hub.socket_token(&pair.access).await;
    let mut socket = hub.connect().await;
    let client = json!({ "name": "a test", "version": "1.2.3" });
    let hello = json!({ "type": "hello", "token": token, "client": client, "future": [1, { "a": null }] });
    socket.say(hello).await;
    let ready = socket.frame("ready").await;
    assert_eq!(ready["user_id"], person.id.as_str());
    assert_eq!(ready["session_id"], pair.session.as_str());
    insta::assert_json_snapshot!(ready, {
        ".connection_id" => "[id]", ".session_id" => "[id]", ".user_id" => "[id]",
        ".epoch" => "[text]", ".sequence" => "[number]", ".state.version" => "[number]",
    });
    assert!(ready["epoch"].is_string() && ready["sequence"].is_i64() && ready["state"]["version"].is_i64());
}

#[tokio::test]
async fn a_token_in_the_subprotocol_stands_for_the_hello() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in("ada@example.org", "user").await;
    let token = hub.socket_token(&pair.access).await;
    let mut socket = hub.connect_with(&token).await;
    assert_eq!(socket.frame("ready").await["session_id"], pair.session.as_str());
    for (bad, code) in [(token.as_str(), 4103), ("nonsense", 4102), (&pair.access, 4102)] {
        assert_eq!(hub.connect_with(bad).await.closed().await, code, "{bad}");
    }
    socket.hello("again").await;
    assert_eq!(socket.closed().await, 4302);
}

#[tokio::test]
async fn only_a_fresh_socket_token_of_this_hub_opens_a_socket() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, pair) = hub.signed_in("ada@example.org", "user").await;
    let good = hub.socket_token(&pair.access).await;
    let (head, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for bad in ["", "a.b.c", head, &forged, &pair.access, &pair.refresh] {
        let mut socket = hub.connect().await;
        socket.hello(bad).await;
        assert_eq!(socket.closed().await, 4102, "{bad}");
    }
    // Thirty seconds, and five for clocks that differ.
    hub.clock.as_ref().unwrap().advance(Duration::from_secs(29));
    let late = hub.socket_token(&pair.access).await;
    hub.connect_with(&good).await.frame("ready").await;
    hub.clock.as_ref().unwrap().advance(Duration::from_secs(36));
    assert_eq!(hub.connect_with(&late).await.closed().await, 4102);
}

#[tokio::test]
async fn t01_a_hundred_redemptions_of_one_token_open_one_socket() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in("ada@example.org", "user").await;
    for round in 0..5 {
        let token = hub.socket_token(&pair.access).await;
        let mut racers = tokio::task::JoinSet::new();
        let start = std::sync::Arc::new(tokio::sync::Barrier::new(100));
        for at in 0..100 {
            let (caller, token, start) = (hub.caller.clone(), token.clone(), start.clone());
            racers.spawn(async move {
                // Half by a frame, half by the subprotocol.
                let mut socket = None;
                if at % 2 == 0 {
                    socket = Some(caller.connect().await);
                }
                start.wait().await;
                let mut socket = match socket {
                    Some(mut socket) => {
                        socket.hello(&token).await;
                        socket
                    }
                    None => caller.connect_with(&token).await,
                };
                (socket.hear().await, socket)
            });
        }
        let heard = racers.join_all().await;
        let is_ready = |(heard, _): &&(Heard, TestSocket)| matches!(heard, Heard::Frame(frame) if frame["type"] == "ready");
        assert_eq!(heard.iter().filter(is_ready).count(), 1, "round {round}");
        let used = heard.iter().filter(|(heard, _)| *heard == Heard::Closed(4103));
        assert_eq!(used.count(), 99, "round {round}");
    }
}

/// SQLite serves one process, which forgets with its end what it handed out; PostgreSQL remembers.
#[tokio::test]
async fn t01_a_token_from_before_a_restart_is_never_redeemed_twice() {
    let folder = Folder::new();
    let url = database::fresh(&folder).await;
    let tuning = || {
        let site = "http://127.0.0.1:9";
        Tuning::new()
            .database(url.clone())
            .configure(move |config| config.public_url = Some(site.parse().unwrap()))
    };
    let before = tuning().spawn().await;
    let (_, pair) = before.signed_in("ada@example.org", "user").await;
    let spent = before.socket_token(&pair.access).await;
    let kept = before.socket_token(&pair.access).await;
    before.connect_with(&spent).await.frame("ready").await;
    before.stop().await;

    let after = tuning().spawn().await;
    let mut kept = after.connect_with(&kept).await;
    if database::is_postgres() {
        kept.frame("ready").await;
        assert_eq!(after.connect_with(&spent).await.closed().await, 4103);
    } else {
        assert_eq!(kept.closed().await, 4102);
        assert_eq!(after.connect_with(&spent).await.closed().await, 4102);
    }
    let fresh = after.socket_token(&pair.access).await;
    after.connect_with(&fresh).await.frame("ready").await;
}
