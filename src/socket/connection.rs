//! One open socket: one loop in one task, which owns all its state.
//!
//! It waits for the hub's orders, the client's frames and the heartbeat's time, and does one thing at
//! a time. Every path out of it goes through [`End`].

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::close::CloseCode;
use super::hello::end_of_error;
use super::pace::Pace;
use super::protocol::{ClientFrame, Heartbeat, MAX_FRAME, Retry, ServerFrame};
use super::wire::{End, Wire, write};
use crate::app::App;
use crate::error::Code;
use crate::hub::Opened;
use crate::hub::outbox::{Order, Push};
use crate::hub::registry::{Registered, Socket};
use crate::sessions::AccessToken;
use crate::store::journal::StateReason;
use crate::store::sessions::Checked;
use crate::store::users::AuthState;

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
pub async fn serve(app: &App, wire: &mut impl Wire, opened: Box<Opened>) -> (End, Registered) {
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
    match connection.run(ready, missed).await {
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

    async fn run(&mut self, ready: String, missed: Vec<Arc<str>>) -> Result<std::convert::Infallible, End> {
        self.write(ready).await?;
        self.socket().told_version(self.version);
        for frame in missed {
            self.write(frame.to_string()).await?;
        }
        loop {
            while let Some(order) = self.socket().outbox.take() {
                self.obey(order).await?;
            }
            let socket = Arc::clone(self.place.socket());
            tokio::select! {
                // An order passes what the client says, and what the client says passes its silence.
                biased;
                () = self.app.lifecycle.stopped().cancelled() => {
                    return Err(End::Closed(CloseCode::ServiceRestart));
                }
                () = socket.outbox.changed() => {}
                message = self.wire.next() => match message {
                    Some(Ok(message)) => self.hear(message).await?,
                    Some(Err(error)) => return Err(end_of_error(&error)),
                    None => return Err(End::Gone),
                },
                () = tokio::time::sleep_until(self.timer.at()) => self.ring().await?,
            }
        }
    }

    /// Writes one frame, if the lease still holds: a process that was frozen says nothing more to a
    /// socket that it could not check.
    async fn write(&mut self, text: String) -> Result<(), End> {
        let socket = Arc::clone(self.place.socket());
        let clock = &self.app.cx.clock;
        let barred = || {
            let expired = socket.lease_expired(clock.since_boot());
            expired.then_some(End::Closed(CloseCode::LeaseExpired))
        };
        tokio::select! {
            biased;
            // Also a write that hangs must not hold up the end of the process.
            () = self.app.lifecycle.stopped().cancelled() => Err(End::Closed(CloseCode::ServiceRestart)),
            written = write(self.wire, &socket.outbox, barred, text) => written,
        }
    }

    async fn obey(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::SignOut(ending) => Err(End::SignedOut(ending)),
            Order::Leave(why) => Err(End::Closed(CloseCode::of_leave(why))),
            Order::Reconnect(after) => {
                self.timer = Timer::Drain(Instant::now() + after);
                let code = CloseCode::Draining.number();
                self.write(
                    ServerFrame::Reconnect {
                        in_ms: millis(after),
                        code,
                    }
                    .text(),
                )
                .await
            }
            Order::Write(Push::State {
                sequence,
                reason,
                state,
            }) => self.write_state(sequence, reason, &state).await,
            // What the client has read already, or was told by `ready`.
            Order::Write(Push::Event { sequence, .. }) if sequence <= self.sequence => Ok(()),
            Order::Write(Push::Event { sequence, frame }) => {
                self.sequence = sequence;
                self.write(frame.to_string()).await
            }
        }
    }

    /// Writes the whole state, unless the client knows one that is as new. Versions never go back.
    async fn write_state(
        &mut self,
        sequence: Option<i64>,
        reason: StateReason,
        state: &AuthState,
    ) -> Result<(), End> {
        if state.version <= self.version {
            return Ok(());
        }
        self.sequence = self.sequence.max(sequence.unwrap_or(self.sequence));
        self.version = state.version;
        self.session.state = state.clone();
        self.socket().told_version(state.version);
        self.send_state(reason, true).await
    }

    /// Writes the present state, with a fresh access token that carries it where one may be minted.
    async fn send_state(&mut self, reason: StateReason, with_token: bool) -> Result<(), End> {
        let token = if with_token && self.may_mint() {
            Some(self.mint(&self.session.state)?)
        } else {
            None
        };
        let expires_in = token.as_ref().map(|token| token.expires_in.as_secs());
        let access_token = token.map(|token| token.token);
        let state = &self.session.state;
        let frame = ServerFrame::State {
            sequence: self.sequence,
            reason,
            state,
            access_token,
            expires_in,
        };
        self.write(frame.text()).await
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        // Any frame shows that the client is there.
        if let Timer::Silence(_) = self.timer {
            self.timer = Timer::Ping(Instant::now() + PING_EVERY);
        }
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(End::Closed(CloseCode::BadFrame)),
            Message::Close(_) => return Err(End::Gone),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                let counted = self.controls.count(Instant::now().into_std());
                return counted.map_err(|_| End::Closed(CloseCode::TooManyFrames));
            }
        };
        let frame = ClientFrame::parse(&text).map_err(End::Closed)?;
        drop(text);
        if let ClientFrame::Pong { version } = frame {
            return self.heard_pong(version).await;
        }
        let counted = self.frames.count(Instant::now().into_std());
        counted.map_err(|_| End::Closed(CloseCode::TooManyFrames))?;
        match frame {
            ClientFrame::Token { id } => self.answer_token(&id).await,
            ClientFrame::Hello(_) => Err(End::Closed(CloseCode::UnexpectedType)),
            ClientFrame::Pong { .. } => Ok(()),
            ClientFrame::Unknown { id, kind } => {
                let detail = format!("there is no frame of type `{kind}`; known are pong and token");
                self.refuse(id.as_ref(), Code::UnknownType, &detail, None).await
            }
        }
    }

    /// A client that knows another version than this side is told again.
    async fn heard_pong(&mut self, version: Option<i64>) -> Result<(), End> {
        if version.is_none_or(|version| version == self.version) {
            // Pongs are free, but not without end.
            return self
                .controls
                .count(Instant::now().into_std())
                .map_err(|_| End::Closed(CloseCode::TooManyFrames));
        }
        let counted = self.frames.count(Instant::now().into_std());
        counted.map_err(|_| End::Closed(CloseCode::TooManyFrames))?;
        // Minting has its own pace: who keeps answering with a wrong version gets the state alone.
        let paced = self.tokens.count(Instant::now().into_std()).is_ok();
        self.send_state(StateReason::Refreshed, paced).await
    }

    async fn answer_token(&mut self, id: &Value) -> Result<(), End> {
        if let Err(wait) = self.tokens.count(Instant::now().into_std()) {
            let detail = "at most 10 tokens a minute; wait before you ask again";
            return self
                .refuse(Some(id), Code::RateLimited, detail, Some(millis(wait)))
                .await;
        }
        if !self.may_mint() {
            let detail = "this connection is 12 hours old; refresh over HTTP and reconnect";
            return self.refuse(Some(id), Code::RefreshRequired, detail, None).await;
        }
        let AccessToken { token, expires_in } = self.mint(&self.session.state)?;
        let frame = ServerFrame::Token {
            id,
            access_token: token,
            expires_in: expires_in.as_secs(),
        };
        self.write(frame.text()).await
    }

    async fn refuse(
        &mut self,
        id: Option<&Value>,
        code: Code,
        detail: &str,
        retry_after_ms: Option<u64>,
    ) -> Result<(), End> {
        self.write(
            ServerFrame::Error {
                id,
                code,
                detail,
                retry_after_ms,
            }
            .text(),
        )
        .await
    }

    async fn ring(&mut self) -> Result<(), End> {
        match self.timer {
            Timer::Drain(_) => Err(End::Closed(CloseCode::Draining)),
            Timer::Silence(_) => Err(End::Closed(CloseCode::HeartbeatMissed)),
            Timer::Ping(_) => {
                self.timer = Timer::Silence(Instant::now() + PONG_WITHIN);
                self.write(
                    ServerFrame::Ping {
                        version: self.version,
                    }
                    .text(),
                )
                .await
            }
        }
    }

    fn may_mint(&self) -> bool {
        self.app.cx.clock.since_boot().saturating_sub(self.ready_at) < MINTS_FOR
    }

    /// Signs an access token for the session. The lease answers for its being alive.
    fn mint(&self, state: &AuthState) -> Result<AccessToken, End> {
        let ends_at = self.socket().session_ends_at();
        self.app
            .sessions
            .mint_over_socket(&self.session, ends_at, state)
            .map_err(|error| {
                tracing::error!(%error, "an access token could not be signed");
                End::Closed(CloseCode::Internal)
            })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
