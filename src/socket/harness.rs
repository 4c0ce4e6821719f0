//! What drives the socket's loop in its unit tests: two channels in place of a WebSocket, and time that
//! stands still until everybody waits.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, Stream};
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_util::sync::PollSender;

use crate::app::{Ambient, App};
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::config::Config;
use crate::hub::Opened;
use crate::hub::registry::Socket;
use crate::ids::{ConnectionId, NodeId, SessionId, UserId};
use crate::store::sessions::Checked;
use crate::store::users::{AuthState, Status};

/// The server's end of a line.
pub struct TestWire {
    heard: mpsc::Receiver<Message>,
    said: PollSender<Message>,
}

/// The client's end.
pub struct Client {
    to_server: mpsc::Sender<Message>,
    from_server: mpsc::Receiver<Message>,
}

/// A line that holds `room` messages of the server before its writes hang.
pub fn line(room: usize) -> (TestWire, Client) {
    let (to_server, heard) = mpsc::channel(64);
    let (said, from_server) = mpsc::channel(room);
    let said = PollSender::new(said);
    (
        TestWire { heard, said },
        Client {
            to_server,
            from_server,
        },
    )
}

impl Stream for TestWire {
    type Item = Result<Message, WsError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.heard.poll_recv(cx).map(|message| message.map(Ok))
    }
}

impl Sink<Message> for TestWire {
    type Error = WsError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        self.said.poll_reserve(cx).map_err(|_| WsError::ConnectionClosed)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), WsError> {
        self.said
            .send_item(message)
            .map_err(|_| WsError::ConnectionClosed)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), WsError>> {
        Poll::Ready(Ok(()))
    }
}

impl Client {
    pub async fn send(&self, message: Message) {
        // Nobody may listen any more, which the test learns otherwise.
        let _gone = self.to_server.send(message).await;
    }

    pub async fn say(&self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// The next message.
    pub async fn hear(&mut self) -> Message {
        self.from_server.recv().await.expect("the server has gone")
    }

    /// The next frame, which must be of this type.
    pub async fn frame(&mut self, kind: &str) -> Value {
        let message = self.hear().await;
        let frame: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// Whether the server has written nothing more up to now.
    pub fn is_silent(&mut self) -> bool {
        self.from_server.try_recv().is_err()
    }

    /// Stays connected, says nothing and reads nothing, for longer than anything takes.
    pub async fn stay(&mut self) {
        tokio::time::sleep(Duration::from_mins(5)).await;
    }
}

/// An [`App`] that serves nobody, on time that the tests move.
pub struct Stage {
    pub app: App,
    pub clock: ManualClock,
    folder: PathBuf,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

impl Stage {
    /// Builds it in real time, for databases know no other, then pauses time. Nothing that the loop of
    /// an open socket does asks the database.
    pub async fn set() -> Self {
        let clock = ManualClock::starting_at(Timestamp::from_micros(1_700_000_000_000_000));
        let ambient = Ambient {
            clock: Clock::Manual(clock.clone()),
            ..Ambient::default()
        };
        let name = NodeId::generate(&Clock::System, &ambient.rng);
        let folder = std::env::temp_dir().join(format!("portcullis-unit-{name}"));
        let mut config = Config::for_development();
        config.data_dir.clone_from(&folder);
        config.secrets.master = Some(SecretString::from("a master secret for tests, long enough"));
        let bound = "127.0.0.1:9".parse().unwrap();
        let app = App::build_with(Arc::new(config), bound, true, ambient)
            .await
            .unwrap();
        tokio::time::pause();
        Self { app, clock, folder }
    }

    /// A socket that may say `ready`, of a session that was just checked.
    pub fn opened(&self) -> Box<Opened> {
        let cx = &self.app.cx;
        let user_id = UserId::generate(&cx.clock, &cx.rng);
        let id = SessionId::generate(&cx.clock, &cx.rng);
        let connection_id = ConnectionId::generate(&cx.clock, &cx.rng);
        let place = cx
            .hub
            .register(Socket::new(connection_id, user_id, id, cx.now(), None));
        place
            .socket()
            .renew_lease(cx.clock.since_boot(), Duration::from_secs(30));
        let later = cx.now() + Duration::from_hours(24);
        let session = Checked {
            id,
            user_id,
            authenticated_at: cx.now(),
            amr: vec!["pwd".to_owned()],
            generation: 1,
            used_generation: 0,
            idle_expires_at: later,
            expires_at: later,
            revoked_at: None,
            ending: None,
            state: Arc::new(state(5)),
        };
        let epoch = "an epoch".to_owned();
        let (sequence, resumed_from, missed) = (10, None, Vec::new());
        Box::new(Opened {
            place,
            session,
            epoch,
            sequence,
            resumed_from,
            missed,
        })
    }
}

pub fn state(version: i64) -> AuthState {
    AuthState {
        version,
        role: "user".to_owned(),
        permissions: Vec::new(),
        status: Status::Active,
        email_verified: true,
    }
}

/// Whether two spans are the same, as far as timers are exact.
pub fn near(one: Duration, other: Duration) -> bool {
    one.abs_diff(other) < Duration::from_millis(10)
}
