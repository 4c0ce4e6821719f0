//! What a socket answers: to the frames of its client, and with its auth state. Decides, and leaves the
//! writing to the loop.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{Connection, MINTS_FOR, PING_EVERY, Timer, millis};
use crate::error::Code;
use crate::hub::frame::{Frame, StateFrames};
use crate::sessions::AccessToken;
use crate::socket::close::CloseCode;
use crate::socket::pace::Pace;
use crate::socket::protocol::{ClientFrame, ServerFrame};
use crate::socket::wire::End;
use crate::store::journal::StateReason;
use crate::store::users::AuthState;

/// What to write, if anything.
type Answer = Result<Option<Frame>, End>;

impl<W> Connection<'_, W> {
    /// The whole state, unless the client knows one that is as new. Versions never go back.
    pub(super) fn tell_state(
        &mut self,
        sequence: Option<i64>,
        reason: StateReason,
        state: &Arc<AuthState>,
        frames: &StateFrames,
    ) -> Answer {
        if state.version <= self.version {
            return Ok(None);
        }
        // What this socket would say is what any other of its session says, unless it has read a later
        // number of the journal, or may mint no more.
        let same_for_all = sequence.is_some_and(|row| row >= self.sequence) && self.may_mint();
        self.sequence = self.sequence.max(sequence.unwrap_or(self.sequence));
        self.version = state.version;
        self.session.state = Arc::clone(state);
        self.place.socket().told_version(state.version);
        if !same_for_all {
            return self.state(reason, true);
        }
        let now = self.app.cx.clock.since_boot();
        if let Some(made) = frames.of(self.session.id, now) {
            return Ok(Some(made));
        }
        let frame = self.state(reason, true)?;
        if let Some(frame) = &frame {
            frames.leave(self.session.id, now, frame);
        }
        Ok(frame)
    }

    pub(super) fn hear(&mut self, message: Message) -> Answer {
        // Any frame shows that the client is there.
        if let Timer::Silence(_) = self.timer {
            self.timer = Timer::Ping(Instant::now() + PING_EVERY);
        }
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(End::Closed(CloseCode::BadFrame)),
            Message::Close(_) => return Err(End::Gone),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                count(&mut self.controls)?;
                return Ok(None);
            }
        };
        match ClientFrame::parse(&text).map_err(End::Closed)? {
            ClientFrame::Pong { version } => self.hear_pong(version),
            ClientFrame::Hello(_) => Err(End::Closed(CloseCode::UnexpectedType)),
            ClientFrame::Token { id } => {
                count(&mut self.frames)?;
                self.answer_token(&id)
            }
            ClientFrame::Unknown { id, kind } => {
                count(&mut self.frames)?;
                let detail = format!("there is no frame of type `{kind}`; known are pong and token");
                Ok(Some(refusal(id.as_ref(), Code::UnknownType, &detail, None)))
            }
        }
    }

    /// A client that knows another version than this side is told again.
    fn hear_pong(&mut self, version: Option<i64>) -> Answer {
        // Pongs are free, but not without end.
        count(&mut self.controls)?;
        if version.is_none_or(|version| version == self.version) {
            return Ok(None);
        }
        // Minting has its own pace: who keeps answering with a wrong version gets the state alone.
        let paced = self.tokens.count(Instant::now().into_std()).is_ok();
        self.state(StateReason::Refreshed, paced)
    }

    fn answer_token(&mut self, id: &Value) -> Answer {
        if let Err(wait) = self.tokens.count(Instant::now().into_std()) {
            let detail = "at most 10 tokens a minute; wait before you ask again";
            return Ok(Some(refusal(
                Some(id),
                Code::RateLimited,
                detail,
                Some(millis(wait)),
            )));
        }
        if !self.may_mint() {
            let detail = "this connection is 12 hours old; refresh over HTTP and reconnect";
            return Ok(Some(refusal(Some(id), Code::RefreshRequired, detail, None)));
        }
        let AccessToken { token, expires_in } = self.mint()?;
        let frame = ServerFrame::Token {
            id,
            access_token: token,
            expires_in: expires_in.as_secs(),
        };
        Ok(Some(frame.text().into()))
    }

    /// The present state, with a fresh access token that carries it where one may be minted.
    fn state(&self, reason: StateReason, with_token: bool) -> Answer {
        let token = (with_token && self.may_mint()).then(|| self.mint()).transpose()?;
        let frame = ServerFrame::State {
            sequence: self.sequence,
            reason,
            state: &self.session.state,
            expires_in: token.as_ref().map(|token| token.expires_in.as_secs()),
            access_token: token.map(|token| token.token),
        };
        Ok(Some(frame.text().into()))
    }

    fn may_mint(&self) -> bool {
        self.app.cx.clock.since_boot().saturating_sub(self.ready_at) < MINTS_FOR
    }

    /// Signs an access token for the session. The lease answers for its being alive.
    fn mint(&self) -> Result<AccessToken, End> {
        let ends_at = self.place.socket().session_ends_at();
        let sessions = &self.app.sessions;
        let token = sessions.mint_over_socket(&self.session, ends_at, &self.session.state);
        token.map_err(|error| {
            tracing::error!(%error, "an access token could not be signed");
            End::Closed(CloseCode::Internal)
        })
    }
}

/// Counts one frame; too many end the socket.
fn count(pace: &mut Pace) -> Result<(), End> {
    let counted = pace.count(Instant::now().into_std());
    counted.map_err(|_| End::Closed(CloseCode::TooManyFrames))
}

fn refusal(id: Option<&Value>, code: Code, detail: &str, retry_after_ms: Option<u64>) -> Frame {
    let frame = ServerFrame::Error {
        id,
        code,
        detail,
        retry_after_ms,
    };
    frame.text().into()
}
