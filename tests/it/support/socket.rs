//! A real WebSocket client that speaks `portcullis.v1`.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::DEADLINE;
use super::http::{Answer, Caller};

/// An open socket, seen from the client.
#[derive(Debug)]
pub struct TestSocket<S = MaybeTlsStream<TcpStream>> {
    pub wire: WebSocketStream<S>,
}

/// What a socket says next.
#[derive(Debug, PartialEq)]
pub enum Heard {
    Frame(Value),
    Closed(u16),
    /// The TCP connection ended without a close frame.
    Gone,
}

impl Caller {
    /// A socket token for the bearer of `access`.
    pub async fn socket_token(&self, access: &str) -> String {
        let answer = self.get_as(access, "/api/auth/socket").await.expect(200);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// The upgrade request that a client sends, with these subprotocols.
    pub fn upgrade_request(&self, protocols: &str) -> Request {
        let mut request = format!("ws://{}/ws", self.address).into_client_request().unwrap();
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", protocols.parse().unwrap());
        request
    }

    /// Sends an upgrade with these headers beside what RFC 6455 asks for; gives the answer, 101 included.
    pub async fn upgrade(&self, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request(reqwest::Method::GET, "/ws");
        let standard = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let given = |name: &str| headers.iter().any(|(given, _)| *given == name);
        for (name, value) in standard.iter().filter(|(name, _)| !given(name)).chain(headers) {
            request = request.header(*name, *value);
        }
        Answer::of(request).await
    }

    /// A socket whose token travels as a subprotocol.
    pub async fn connect_with(&self, token: &str) -> TestSocket {
        let protocols = format!("portcullis.v1, portcullis.token.{token}");
        self.try_connect(self.upgrade_request(&protocols)).await.unwrap()
    }

    /// A socket that has said nothing yet.
    pub async fn connect(&self) -> TestSocket {
        self.try_connect(self.upgrade_request("portcullis.v1"))
            .await
            .unwrap()
    }

    pub async fn try_connect(&self, request: Request) -> Result<TestSocket, Box<Error>> {
        let (wire, _) = connect_async(request).await.map_err(Box::new)?;
        Ok(TestSocket { wire })
    }

    /// Opens a socket for the bearer of `access`; gives it with its `ready` frame.
    pub async fn open(&self, access: &str) -> (TestSocket, Value) {
        let token = self.socket_token(access).await;
        let mut socket = self.connect().await;
        socket.say(json!({ "type": "hello", "token": token })).await;
        let ready = socket.frame("ready").await;
        (socket, ready)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TestSocket<S> {
    pub async fn say(&mut self, frame: Value) {
        self.say_text(&frame.to_string()).await;
    }

    pub async fn say_text(&mut self, text: &str) {
        self.wire.send(Message::text(text)).await.unwrap();
    }

    /// The next thing that happens; pings of the heartbeat are answered and passed over.
    pub async fn hear(&mut self) -> Heard {
        self.hear_within(DEADLINE).await
    }

    /// As [`hear`](Self::hear), from a socket that may be silent for as long as this.
    pub async fn hear_within(&mut self, patience: Duration) -> Heard {
        loop {
            let message = tokio::time::timeout(patience, self.wire.next())
                .await
                .expect("the socket is silent");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["type"] == "ping" {
                        self.say(json!({ "type": "pong", "version": frame["version"] }))
                            .await;
                        continue;
                    }
                    return Heard::Frame(frame);
                }
                Some(Ok(Message::Close(Some(close)))) => return Heard::Closed(close.code.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return Heard::Gone,
            }
        }
    }

    /// The next frame, which must be of this type.
    pub async fn frame(&mut self, kind: &str) -> Value {
        match self.hear().await {
            Heard::Frame(frame) if frame["type"] == kind => frame,
            other => panic!("expected a {kind} frame, heard {other:?}"),
        }
    }

    /// The next thing must be a close; gives its code.
    pub async fn closed(&mut self) -> u16 {
        match self.hear().await {
            Heard::Closed(code) => code,
            other => panic!("expected a close, heard {other:?}"),
        }
    }

    /// Says hello with `token`.
    pub async fn hello(&mut self, token: &str) {
        self.say(json!({ "type": "hello", "token": token })).await;
    }

    /// Everything up to the end: the frames, and the code of the close, or `None` without one.
    pub async fn read_to_the_end(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut frames = Vec::new();
        loop {
            match self.hear().await {
                Heard::Frame(frame) => frames.push(frame),
                Heard::Closed(code) => return (frames, Some(code)),
                Heard::Gone => return (frames, None),
            }
        }
    }

    /// Expects `signed_out` with `reason`, then the close with the same code; gives the frame.
    pub async fn signed_out(&mut self, reason: &str) -> Value {
        let frame = self.frame("signed_out").await;
        assert_eq!(frame["reason"], reason, "{frame}");
        assert_eq!(frame["code"], self.closed().await);
        frame
    }
}
