//! One open socket: one loop in one task, which owns all its state.
//!
//! It waits for the hub's orders, the client's frames and the heartbeat's time. Each leads to a decision,
//! which is synchronous ([`answers`] has those about frames), and then perhaps to one write. Every path
//! out goes through [`End`].

mod answers;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::close::CloseCode;
use super::hello::{Greeted, end_of_error};
use super::pace::Pace;
use super::protocol::{Heartbeat, MAX_FRAME, Retry, ServerFrame};
use super::wire::{End, Wire, write};
use crate::app::App;
use crate::hub::Opened;
use crate::hub::frame::Frame;
use crate::hub::outbox::{Order, Push};
use crate::hub::registry::{Registered, Socket};
use crate::store::sessions::Checked;

/// How often the server asks whether the client is there.
const PING_EVERY: Duration = Duration::from_secs(25);
/// How long the client may be silent after that.
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// For how long after `ready` a connection mints access tokens. Then the client must refresh over
/// HTTP, so that a stolen access token cannot live on by sockets alone.
const MINTS_FOR: Duration = Duration::from_hours(12);
/// Between which bounds clients spread their return.
const RETRY: Retry = Retry {
    min_ms: 500,
    max_ms: 20_000,
};

/// An open socket.
struct Connection<'a, W> {
    app: &'a App,
    wire: &'a mut W,
    place: Registered,
    session: Checked,
    /// The journal's number of the newest frame that was written.
    sequence: i64,
    /// The version of the newest state that was written.
    version: i64,
    ready_at: Duration,
    timer: Timer,
    frames: Pace,
    tokens: Pace,
    controls: Pace,
}

/// What the one timer of a socket waits for.
#[derive(Clone, Copy)]
enum Timer {
    /// Time to ask whether the client is there.
    Ping(Instant),
    /// The client was asked; silent until then, it is gone.
    Silence(Instant),
    /// The client was told to reconnect; it is closed then.
    Drain(Instant),
}

impl Timer {
    const fn at(self) -> Instant {
        match self {
            Self::Ping(at) | Self::Silence(at) | Self::Drain(at) => at,
        }
    }
}

/// Says `ready` and serves the socket until its end. Gives back its place in the registry, to be kept
/// until the goodbye is written: a receipt counts the socket as closed when the place is given up.
pub async fn serve(app: &App, wire: &mut impl Wire, greeted: Greeted) -> (End, Registered) {
    let Greeted { opened, early } = greeted;
    let Opened {
        place,
        session,
        epoch,
        sequence,
        resumed_from,
        missed,
    } = *opened;
    let now = Instant::now();
    // The first ping comes at a random point of the second half: sockets that arrived together do not
    // stay together.
    let half = u64::try_from(PING_EVERY.as_millis() / 2).unwrap_or(0);
    let first = Duration::from_millis(half + app.cx.rng.below(half));
    let mut connection = Connection {
        app,
        wire,
        version: session.state.version,
        sequence,
        ready_at: app.cx.clock.since_boot(),
        timer: Timer::Ping(now + first),
        frames: Pace::new(20, Duration::from_secs(10)),
        tokens: Pace::new(10, Duration::from_mins(1)),
        controls: Pace::new(10, Duration::from_secs(1)),
        place,
        session,
    };
    let ready = connection.ready_text(&epoch, resumed_from);
    drop(epoch);
    match connection.run(ready, missed, early).await {
        Err(end) => (end, connection.place),
        Ok(never) => match never {},
    }
}

impl<W: Wire> Connection<'_, W> {
    fn socket(&self) -> &Arc<Socket> {
        self.place.socket()
    }

    /// A client that resumes goes on from its own sequence: what it has missed follows.
    fn ready_text(&self, epoch: &str, resumed_from: Option<i64>) -> String {
        ServerFrame::Ready {
            connection_id: self.socket().connection_id,
            session_id: self.session.id,
            user_id: self.session.user_id,
            state: &self.session.state,
            heartbeat: Heartbeat {
                interval_ms: millis(PING_EVERY),
                timeout_ms: millis(PONG_WITHIN),
            },
            epoch,
            sequence: resumed_from.unwrap_or(self.sequence),
            resumed: resumed_from.is_some(),
            retry: RETRY,
            max_frame_bytes: MAX_FRAME,
        }
        .text()
    }

    async fn run(
        &mut self,
        ready: String,
        missed: Vec<Arc<str>>,
        early: Option<Message>,
    ) -> Result<Infallible, End> {
        self.write(ready).await?;
        self.socket().told_version(self.version);
        for frame in missed {
            self.write(frame).await?;
        }
        if let Some(early) = early
            && let Some(text) = self.hear(early)?
        {
            self.write(text).await?;
        }
        loop {
            if let Some(text) = self.next().await? {
                self.write(text).await?;
            }
        }
    }

    /// Waits for whatever comes first, and decides what to write about it, if anything.
    async fn next(&mut self) -> Result<Option<Frame>, End> {
        let socket = Arc::clone(self.place.socket());
        if let Some(order) = socket.outbox.take() {
            return self.obey(order);
        }
        tokio::select! {
            // An order passes what the client says, and what the client says passes its silence.
            biased;
            () = self.app.lifecycle.stopped().cancelled() => Err(End::Closed(CloseCode::ServiceRestart)),
            () = socket.outbox.changed() => Ok(None),
            message = self.wire.next() => match message {
                Some(Ok(message)) => self.hear(message),
                Some(Err(error)) => Err(end_of_error(&error)),
                None => Err(End::Gone),
            },
            () = tokio::time::sleep_until(self.timer.at()) => self.ring(),
        }
    }

    /// Writes one frame, if the lease still holds: a process that was frozen says nothing more to a
    /// socket that it could not check.
    async fn write(&mut self, text: impl Into<Frame>) -> Result<(), End> {
        let socket = Arc::clone(self.place.socket());
        let hub = &self.app.cx.hub;
        let barred = || {
            let expired = hub.lease_expired(&socket);
            expired.then_some(End::Closed(CloseCode::LeaseExpired))
        };
        tokio::select! {
            biased;
            // Also a write that hangs must not hold up the end of the process.
            () = self.app.lifecycle.stopped().cancelled() => Err(End::Closed(CloseCode::ServiceRestart)),
            written = write(self.wire, &socket.outbox, barred, text.into()) => written,
        }
    }

    fn obey(&mut self, order: Order) -> Result<Option<Frame>, End> {
        match order {
            Order::SignOut(ending) => Err(End::SignedOut(ending)),
            Order::Leave(why) => Err(End::Closed(CloseCode::of_leave(why))),
            Order::Reconnect(after) => {
                self.timer = Timer::Drain(Instant::now() + after);
                let (in_ms, code) = (millis(after), CloseCode::Draining.number());
                Ok(Some(ServerFrame::Reconnect { in_ms, code }.text().into()))
            }
            Order::Write(Push::State {
                sequence,
                reason,
                state,
                frames,
            }) => self.tell_state(sequence, reason, &state, &frames),
            // What the client has read already, or was told by `ready`.
            Order::Write(Push::Event { sequence, .. }) if sequence <= self.sequence => Ok(None),
            Order::Write(Push::Event { sequence, frame }) => {
                self.sequence = sequence;
                Ok(Some(frame))
            }
        }
    }

    fn ring(&mut self) -> Result<Option<Frame>, End> {
        match self.timer {
            Timer::Drain(_) => Err(End::Closed(CloseCode::Draining)),
            Timer::Silence(_) => Err(End::Closed(CloseCode::HeartbeatMissed)),
            Timer::Ping(_) => {
                self.timer = Timer::Silence(Instant::now() + PONG_WITHIN);
                let version = self.version;
                Ok(Some(ServerFrame::Ping { version }.text().into()))
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
