//! A crowd of real WebSocket clients. Each notes all that it sees, and comes back as the contract's
//! client does: 40xx never, 41xx with a new token, everything else after a pause.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::clients::{Hub, Session};
use super::ledger::Kind;
use super::scale::Scale;

/// How long a client waits for the upgrade and for `ready`.
const OPENING: Duration = Duration::from_secs(10);
/// The shortest pause before another attempt.
const SHORTEST_RETRY: Duration = Duration::from_millis(100);
/// How many clients ask for their first socket at a time.
const AT_ONCE: usize = 32;

/// What is answered at once, without a look into the database.
const ASK: &str = r#"{"type":"token","id":"1"}"#;

const AWAY: u8 = 0;
const OPEN: u8 = 1;
const GONE: u8 = 2;

/// How clients behave beyond opening a socket and answering pings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Now and then they ask for an access token over the socket.
    pub talks: bool,
    /// Without a pause before the first attempt to come back.
    pub hasty: bool,
}

/// One client, as others see it.
#[derive(Clone, Debug)]
pub struct Member {
    pub session: Arc<Session>,
    state: Arc<AtomicU8>,
}

impl Member {
    pub fn is_open(&self) -> bool {
        self.state.load(Ordering::SeqCst) == OPEN
    }

    /// Whether it was signed out and stays away.
    pub fn is_gone(&self) -> bool {
        self.state.load(Ordering::SeqCst) == GONE
    }
}

/// The crowd.
#[derive(Debug)]
pub struct Swarm {
    hub: Arc<Hub>,
    scale: Scale,
    members: Mutex<Vec<Member>>,
    gate: Arc<Semaphore>,
    count: AtomicUsize,
    /// Grows whenever everybody is to say something.
    cue: watch::Sender<u64>,
    /// Whether nobody may come (back) now.
    held: watch::Sender<bool>,
    stop: CancellationToken,
}

/// What ended a socket.
struct End {
    code: Option<u16>,
    in_ms: Option<u64>,
}

impl Swarm {
    pub fn new(hub: Arc<Hub>, scale: Scale) -> Self {
        Self {
            hub,
            scale,
            members: Mutex::default(),
            gate: Arc::new(Semaphore::new(AT_ONCE)),
            count: AtomicUsize::new(0),
            cue: watch::Sender::new(0),
            held: watch::Sender::new(false),
            stop: CancellationToken::new(),
        }
    }

    /// A client with this session, whose first choice is `node`.
    pub fn join(&self, session: Arc<Session>, node: usize, manner: Manner) {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let state = Arc::new(AtomicU8::new(AWAY));
        let member = Member {
            session: Arc::clone(&session),
            state: Arc::clone(&state),
        };
        self.members.lock().unwrap().push(member);
        let seed = self.scale.seed.wrapping_add(number as u64);
        let client = Client {
            number,
            hub: Arc::clone(&self.hub),
            session,
            state,
            node,
            manner,
            longest: self.scale.longest_retry(),
            dice: StdRng::seed_from_u64(seed),
            spare: None,
            cue: self.cue.subscribe(),
            held: self.held.subscribe(),
        };
        let (stop, gate) = (self.stop.clone(), Arc::clone(&self.gate));
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = client.live(&gate) => {}
            }
        });
    }

    pub fn members(&self) -> Vec<Member> {
        self.members.lock().unwrap().clone()
    }

    /// Whether everybody who was not signed out has an open socket.
    pub fn is_complete(&self) -> bool {
        let members = self.members.lock().unwrap();
        members.iter().all(|member| member.is_open() || member.is_gone())
    }

    pub fn open(&self) -> usize {
        let members = self.members.lock().unwrap();
        members.iter().filter(|member| member.is_open()).count()
    }

    /// Everybody with an open socket asks for an access token over it, whether the hub reads or not.
    pub fn speak(&self) {
        self.cue.send_modify(|cue| *cue += 1);
    }

    /// As [`speak`](Self::speak), again and again until the guard is dropped.
    pub fn keep_speaking(&self, every: Duration) -> DropGuard {
        let (cue, over) = (self.cue.clone(), CancellationToken::new());
        let until = over.clone();
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(every);
            while until.run_until_cancelled(beat.tick()).await.is_some() {
                cue.send_modify(|cue| *cue += 1);
            }
        });
        over.drop_guard()
    }

    /// Who has no socket waits, whatever its manner.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// All who wait come in the same moment.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// Everybody leaves.
    pub fn leave(&self) {
        self.stop.cancel();
    }
}

struct Client {
    number: usize,
    hub: Arc<Hub>,
    session: Arc<Session>,
    state: Arc<AtomicU8>,
    node: usize,
    manner: Manner,
    longest: Duration,
    dice: StdRng,
    /// A socket token that nobody has used yet.
    spare: Option<String>,
    cue: watch::Receiver<u64>,
    held: watch::Receiver<bool>,
}

impl Client {
    async fn live(mut self, gate: &Semaphore) {
        let mut first = Some(gate.acquire().await.unwrap());
        let mut attempts = 0;
        loop {
            drop(self.held.wait_for(|held| !held).await);
            let end = self.one_socket(&mut first).await;
            self.state.store(AWAY, Ordering::SeqCst);
            first = None;
            match end {
                Some(End {
                    code: Some(4000..=4099),
                    ..
                }) => break self.state.store(GONE, Ordering::SeqCst),
                Some(End { code, in_ms }) => {
                    attempts = 0;
                    self.pause(code, in_ms).await;
                }
                None if self.is_signed_out().await => break self.state.store(GONE, Ordering::SeqCst),
                None => {
                    attempts += 1;
                    self.back_off(attempts).await;
                }
            }
        }
        self.try_as_a_thief().await;
    }

    /// Who was told to come back at a time does so; the others draw one.
    async fn pause(&mut self, code: Option<u16>, in_ms: Option<u64>) {
        if let Some(in_ms) = in_ms {
            self.next_node();
            tokio::time::sleep(Duration::from_millis(in_ms.min(1_000))).await;
        } else if !self.manner.hasty {
            if code.is_none() {
                self.next_node();
            }
            self.back_off(1).await;
        }
    }

    /// Full jitter.
    async fn back_off(&mut self, attempts: u32) {
        self.next_node();
        let most = SHORTEST_RETRY * 2_u32.saturating_pow(attempts.min(16));
        let most = most.min(self.longest);
        let pause = self.dice.random_range(Duration::ZERO..=most);
        tokio::time::sleep(pause.max(Duration::from_millis(20))).await;
    }

    fn next_node(&mut self) {
        self.node = (self.node + 1) % self.hub.nodes.len();
    }

    /// A refused token is refreshed once; only a refused refresh means signed out.
    async fn is_signed_out(&self) -> bool {
        let reply = self.hub.ticket(&self.session, self.node).await;
        reply.status == 401 && self.hub.refresh(&self.session, self.node).await.status == 401
    }

    /// One socket from its ticket to its end. `None`: it never was `ready`.
    async fn one_socket(&mut self, first: &mut Option<tokio::sync::SemaphorePermit<'_>>) -> Option<End> {
        let reply = self.hub.ticket(&self.session, self.node).await;
        if reply.status == 401 {
            self.hub.refresh(&self.session, self.node).await;
        }
        let ticket = reply.text("token")?;
        let socket = self.hub.ledger.attempt(self.number, &self.session.id, self.node);
        let opened = tokio::time::timeout(OPENING, self.open(socket, &ticket)).await;
        let Ok(Some(mut wire)) = opened else {
            self.hub.ledger.closed(socket, None);
            return None;
        };
        drop(first.take());
        if self.manner.talks && self.spare.is_none() {
            self.spare = self.hub.ticket(&self.session, self.node).await.text("token");
        }
        let end = self.listen(socket, &mut wire).await;
        self.hub.ledger.closed(socket, end.code);
        Some(end)
    }

    async fn open(&self, socket: usize, ticket: &str) -> Option<WebSocketStream<TcpStream>> {
        let mut wire = connect(&self.hub, self.node, ticket).await.ok()?;
        match wire.next().await? {
            Ok(Message::Text(text)) => {
                let frame: Value = serde_json::from_str(&text).unwrap_or_default();
                let kind = Kind::of(frame["type"].as_str().unwrap_or_default());
                self.hub
                    .ledger
                    .frame(socket, kind, frame["state"]["version"].as_i64());
                if kind == Kind::Ready {
                    self.state.store(OPEN, Ordering::SeqCst);
                    return Some(wire);
                }
                None
            }
            _ => None,
        }
    }

    async fn listen(&mut self, socket: usize, wire: &mut WebSocketStream<TcpStream>) -> End {
        let mut in_ms = None;
        let mut talk = tokio::time::interval(Duration::from_secs(8));
        talk.tick().await;
        self.cue.mark_unchanged();
        loop {
            let heard = tokio::select! {
                heard = wire.next() => heard,
                _ = talk.tick(), if self.manner.talks => {
                    let _gone = wire.send(Message::text(ASK)).await;
                    continue;
                }
                _ = self.cue.changed() => {
                    let _gone = wire.send(Message::text(ASK)).await;
                    continue;
                }
            };
            let text = match heard {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(Some(close)))) => {
                    let code = Some(close.code.into());
                    return End { code, in_ms };
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                _ => return End { code: None, in_ms },
            };
            let frame: Value = serde_json::from_str(&text).unwrap_or_default();
            let kind = Kind::of(frame["type"].as_str().unwrap_or_default());
            self.hub
                .ledger
                .frame(socket, kind, frame["state"]["version"].as_i64());
            if kind == Kind::Reconnect {
                in_ms = frame["in_ms"].as_u64();
            }
            if kind == Kind::Ping {
                let pong = serde_json::json!({ "type": "pong", "version": frame["version"] });
                let _gone = wire.send(Message::text(pong.to_string())).await;
            }
        }
    }

    /// Who was signed out may be somebody with a stolen token: they try again, on any node.
    async fn try_as_a_thief(mut self) {
        let node = self.dice.random_range(0..self.hub.nodes.len());
        let fresh = self.hub.ticket(&self.session, node).await.text("token");
        let Some(ticket) = fresh.or(self.spare.take()) else {
            return;
        };
        self.node = node;
        let socket = self.hub.ledger.attempt(self.number, &self.session.id, node);
        let _opened = tokio::time::timeout(OPENING, self.open(socket, &ticket)).await;
        self.state.store(GONE, Ordering::SeqCst);
        self.hub.ledger.closed(socket, None);
    }
}

/// An upgrade with small buffers: there may be ten thousand.
pub async fn connect(hub: &Hub, node: usize, ticket: &str) -> Result<WebSocketStream<TcpStream>, Box<Error>> {
    let address = hub.address(node);
    let mut request = format!("ws://{address}/ws")
        .into_client_request()
        .map_err(Box::new)?;
    let protocols = format!("portcullis.v1, portcullis.token.{ticket}");
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", protocols.parse().unwrap());
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| Box::new(error.into()))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .write_buffer_size(0);
    let (wire, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config))
        .await
        .map_err(Box::new)?;
    Ok(wire)
}
