//! One WebSocket client, as light as it can be: it answers heartbeats and notes when it hears what.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::{SinkExt, StreamExt};
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::member::{Heard, Invitation};

/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Nanoseconds on the machine's monotonic clock, which all processes share.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let [seconds, nanos] = [time.tv_sec, time.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    seconds * 1_000_000_000 + nanos
}

/// What all clients of a process have heard since the mark.
#[derive(Default)]
pub struct Seen(Mutex<Heard>);

impl Seen {
    fn note(&self, note: impl FnOnce(&mut Heard)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub fn forget(&self) {
        self.note(|heard| *heard = Heard::default());
    }

    /// What was heard, once it is so much.
    pub async fn wait(&self, frames: usize, closes: usize) -> anyhow::Result<Heard> {
        let enough = async {
            loop {
                let mut all = None;
                self.note(|heard| {
                    if heard.frames.len() >= frames && heard.closes.len() >= closes {
                        all = Some(std::mem::take(heard));
                    }
                });
                if let Some(all) = all {
                    return all;
                }
                // When it happened was noted by who heard it: how often one asks changes nothing.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let heard = tokio::time::timeout(PATIENCE, enough).await;
        heard.with_context(|| format!("not heard in time: {frames} frames, {closes} closes"))
    }
}

/// A connected client; its task lives until the socket closes or it [leaves](Self::leave).
pub struct Client {
    pub session: String,
    closed: oneshot::Receiver<u64>,
    task: AbortHandle,
}

impl Client {
    /// Connects, and waits for the first frame: `ready`, or what the bare server says.
    pub async fn connect(
        at: SocketAddr,
        path: &str,
        guest: Invitation,
        seen: Arc<Seen>,
    ) -> anyhow::Result<Self> {
        let mut request = format!("ws://{at}{path}").into_client_request()?;
        if !guest.protocols.is_empty() {
            let protocols = guest.protocols.parse()?;
            request.headers_mut().insert("Sec-WebSocket-Protocol", protocols);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(1024)
            .write_buffer_size(0);
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        let (mut wire, _) = client_async_with_config(request, stream, Some(config)).await?;
        let first = wire.next().await.context("closed before the first frame")??;
        anyhow::ensure!(first.to_text()?.contains("ready"), "not ready: {first}");
        let (told, closed) = oneshot::channel();
        #[expect(clippy::disallowed_methods, reason = "clients live as long as the process")]
        let task = tokio::spawn(live(wire, told, seen)).abort_handle();
        Ok(Self {
            session: guest.session,
            closed,
            task,
        })
    }

    /// When the close frame was read.
    pub async fn closed(self) -> anyhow::Result<u64> {
        self.closed.await.context("it ended without a close frame")
    }

    /// Drops the connection.
    pub fn leave(self) {
        self.task.abort();
    }
}

async fn live(mut wire: WebSocketStream<TcpStream>, told: oneshot::Sender<u64>, seen: Arc<Seen>) {
    let mut told = Some(told);
    while let Some(Ok(message)) = wire.next().await {
        match message {
            Message::Text(text) if text.starts_with(r#"{"type":"ping""#) => {
                let pong = text.replacen("ping", "pong", 1);
                if wire.send(Message::text(pong)).await.is_err() {
                    return;
                }
            }
            // Its close follows and is what counts.
            Message::Text(text) if text.starts_with(r#"{"type":"signed_out""#) => {}
            Message::Text(text) => {
                let at = now();
                seen.note(|heard| {
                    heard.frames.push(at);
                    heard.length = text.len();
                });
            }
            Message::Close(_) => {
                let at = now();
                seen.note(|heard| heard.closes.push(at));
                if let Some(told) = told.take() {
                    let _nobody_asked = told.send(at);
                }
            }
            _ => {}
        }
    }
}
