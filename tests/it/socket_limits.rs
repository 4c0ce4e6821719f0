//! How much a client may say.

use futures_util::SinkExt;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::app::TestApp;
use crate::support::socket::{Heard, TestSocket};

/// A frame of an unknown type, of exactly `bytes` bytes.
fn frame_of(bytes: usize) -> String {
    let frame = r#"{"type":"x","pad":""}"#;
    frame.replace(
        r#""pad":""#,
        &format!(r#""pad":"{}"#, "x".repeat(bytes - frame.len())),
    )
}

async fn open(hub: &TestApp) -> TestSocket {
    let pair = hub.sign_in("ada@example.org").await;
    hub.open(&pair.access).await.0
}

async fn hub() -> TestApp {
    let hub = TestApp::spawn().await;
    hub.person("ada@example.org", "user").await;
    hub
}

#[tokio::test]
async fn t26_a_frame_has_at_most_eight_kibibytes() {
    let hub = hub().await;
    let mut socket = open(&hub).await;
    socket.say_text(&frame_of(8 * 1024)).await;
    assert_eq!(socket.frame("error").await["code"], "unknown_type");
    socket.say_text(&frame_of(8 * 1024 + 1)).await;
    assert_eq!(socket.hear().await, Heard::Closed(4303));

    // Far too large: it may be said to its end, and the client sees why it was for nothing.
    let mut socket = open(&hub).await;
    let taken = socket.wire.send(Message::text(frame_of(8 * 1024 * 1024))).await;
    assert!(taken.is_ok(), "the connection was reset: {taken:?}");
    assert_eq!(socket.hear().await, Heard::Closed(4303));
}

#[tokio::test]
async fn t26_fragments_count_together() {
    let hub = hub().await;
    let mut socket = open(&hub).await;
    let piece = |code, text: &str, last| {
        Message::Frame(Frame::message(text.as_bytes().to_vec(), OpCode::Data(code), last))
    };
    let whole = frame_of(8 * 1024);
    socket
        .wire
        .send(piece(Data::Text, &whole[..4000], false))
        .await
        .unwrap();
    socket.wire.send(Message::Ping(Vec::new().into())).await.unwrap();
    socket
        .wire
        .send(piece(Data::Continue, &whole[4000..], true))
        .await
        .unwrap();
    assert_eq!(socket.frame("error").await["code"], "unknown_type");
    socket.wire.send(piece(Data::Text, &whole, false)).await.unwrap();
    let _taken = socket.wire.send(piece(Data::Continue, "x", true)).await;
    assert_eq!(socket.hear().await, Heard::Closed(4303));
}

#[tokio::test]
async fn t26_fragments_without_an_end_close_the_socket() {
    let hub = hub().await;
    let mut socket = open(&hub).await;
    let begun = Frame::message(Vec::new(), OpCode::Data(Data::Text), false);
    socket.wire.send(Message::Frame(begun)).await.unwrap();
    // Continuations of nothing, masked with zeros: each is whole, and no message ever comes of them.
    let empty = [0x00, 0x80, 0, 0, 0, 0];
    let flood = empty.repeat(50_000);
    socket.wire.get_mut().write_all(&flood).await.unwrap();
    assert_eq!(socket.hear().await, Heard::Closed(4304));
}

#[tokio::test]
async fn t26_the_twenty_first_frame_in_ten_seconds_closes() {
    let hub = hub().await;
    let mut socket = open(&hub).await;
    for at in 0..20 {
        socket.say(json!({ "type": "x", "id": at })).await;
        // Pongs are not counted.
        if at % 3 == 0 {
            socket.say(json!({ "type": "pong" })).await;
        }
    }
    for at in 0..20 {
        assert_eq!(socket.frame("error").await["id"], at);
    }
    socket.say(json!({ "type": "x" })).await;
    assert_eq!(socket.hear().await, Heard::Closed(4304));
}

/// The server closes while most of what was sent is unread: a reset would take the close frame with it.
#[tokio::test]
async fn t26_a_flood_is_told_why_it_ends() {
    let hub = hub().await;
    let mut socket = open(&hub).await;
    let text = frame_of(4096);
    for _ in 0..400 {
        let _taken = socket.wire.feed(Message::text(&text)).await;
    }
    let _taken = socket.wire.flush().await;
    let (frames, code) = socket.read_to_the_end().await;
    assert_eq!((frames.len(), code), (20, Some(4304)));
}

#[tokio::test]
async fn t26_a_flood_of_control_frames_closes() {
    let hub = hub().await;
    let ping = Message::Ping(vec![7; 100].into());
    let answer = Message::Pong(Vec::new().into());
    let said = Message::text(r#"{"type":"pong"}"#);
    for frame in [ping, answer, said] {
        let mut socket = open(&hub).await;
        for _ in 0..200 {
            let _taken = socket.wire.send(frame.clone()).await;
        }
        let (frames, code) = socket.read_to_the_end().await;
        assert_eq!((frames.len(), code), (0, Some(4304)), "{frame:?}");
    }
    hub.sockets_become(0).await;
}

#[tokio::test]
async fn the_eleventh_token_in_a_minute_is_refused_and_the_socket_stays() {
    let hub = hub().await;
    let mut socket = open(&hub).await;
    for id in 1..=10 {
        socket.say(json!({ "type": "token", "id": id })).await;
        assert_eq!(socket.frame("token").await["id"], id);
    }
    for id in [11, 12] {
        socket.say(json!({ "type": "token", "id": id })).await;
        let refused = socket.frame("error").await;
        assert_eq!(
            (&refused["id"], &refused["code"]),
            (&json!(id), &json!("rate_limited"))
        );
        let wait = refused["retry_after_ms"].as_u64().unwrap();
        assert!((30_000..=60_000).contains(&wait), "{wait}");
    }
    socket.say(json!({ "type": "x" })).await;
    socket.frame("error").await;
}
