//! A process full of clients. It is told what to do by lines of JSON on standard input and answers each by
//! one on standard output: one process cannot open enough files for all clients of a measurement.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::client::{Client, Seen, now};
use super::http::{Line, post};
use super::measure::millis;

/// How many clients connect at a time.
const AT_ONCE: usize = 32;

/// What a member does.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Connects once for each token.
    Join {
        address: SocketAddr,
        path: String,
        invitations: Vec<Invitation>,
    },
    /// Forgets frames and closes heard so far.
    Mark,
    /// Waits until so many frames and so many closes were heard.
    Hear { frames: usize, closes: usize },
    /// Drops the youngest connections.
    Leave { count: usize },
    /// Signs the sessions of its sockets out, one after another.
    SignOut(SignOut),
}

/// To whom a socket belongs; by default to nobody, as the bare server takes it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Invitation {
    pub session: String,
    /// What is offered in `Sec-WebSocket-Protocol`; empty: nothing.
    pub protocols: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SignOut {
    /// The node that is asked; the sockets may be on another one.
    pub ask: SocketAddr,
    pub service_key: String,
    pub trials: usize,
    pub pause_ms: u64,
    /// The most time for all of them.
    pub seconds: f64,
}

/// What was heard since the mark.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Heard {
    /// When, on the clock that all processes share, in nanoseconds.
    pub frames: Vec<u64>,
    pub closes: Vec<u64>,
    /// Bytes of the newest frame.
    pub length: usize,
}

/// Milliseconds from each request.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SignedOut {
    /// Until the client had read the close frame.
    pub closed: Vec<f64>,
    /// Until the backend had its receipt.
    pub answered: Vec<f64>,
}

/// The member's life: until standard input ends.
pub async fn run() -> anyhow::Result<()> {
    let mut member = Member::default();
    while let Some(line) = next_line().await? {
        let answer = match serde_json::from_str(&line)? {
            Order::Join {
                address,
                path,
                invitations,
            } => json!(member.join(address, &path, invitations).await?),
            Order::Mark => {
                member.seen.forget();
                json!(null)
            }
            Order::Hear { frames, closes } => json!(member.seen.wait(frames, closes).await?),
            Order::Leave { count } => json!(member.leave(count)),
            Order::SignOut(order) => json!(member.sign_out(&order).await?),
        };
        println!("{answer}");
    }
    Ok(())
}

async fn next_line() -> anyhow::Result<Option<String>> {
    let line = tokio::task::spawn_blocking(|| std::io::stdin().lines().next().transpose());
    Ok(line.await??)
}

#[derive(Default)]
struct Member {
    clients: VecDeque<Client>,
    seen: Arc<Seen>,
}

impl Member {
    async fn join(&mut self, at: SocketAddr, path: &str, guests: Vec<Invitation>) -> anyhow::Result<usize> {
        let seen = &self.seen;
        let joining = stream::iter(guests).map(|guest| Client::connect(at, path, guest, Arc::clone(seen)));
        let joined: Vec<_> = joining.buffer_unordered(AT_ONCE).collect().await;
        for client in joined {
            self.clients.push_back(client?);
        }
        Ok(self.clients.len())
    }

    fn leave(&mut self, count: usize) -> usize {
        let stay = self.clients.len().saturating_sub(count);
        self.clients.drain(stay..).for_each(Client::leave);
        stay
    }

    async fn sign_out(&mut self, order: &SignOut) -> anyhow::Result<SignedOut> {
        let mut line = Line::open(order.ask).await?;
        let (began, mut times) = (Instant::now(), SignedOut::default());
        for _ in 0..order.trials {
            if began.elapsed().as_secs_f64() > order.seconds {
                break;
            }
            let client = self.clients.pop_front().context("nobody is connected")?;
            let body = json!({ "session_id": client.session, "reason": "measured" }).to_string();
            let request = post("/api/revocations", &order.service_key, &body);
            let asked = now();
            line.ask(&request).await?.expect(200)?;
            times.answered.push(millis(asked, now()));
            let closed = tokio::time::timeout(Duration::from_secs(15), client.closed());
            times
                .closed
                .push(millis(asked, closed.await.context("never closed")??));
            tokio::time::sleep(Duration::from_millis(order.pause_ms)).await;
        }
        Ok(times)
    }
}
