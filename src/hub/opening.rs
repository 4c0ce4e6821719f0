//! Opening a socket: register first, spend the token and read SQL second, be ready third.
//!
//! On the other side a revocation commits first and looks the registry up second. Whichever way the
//! two cross, one sees the other: either the read finds the session ended, or the look-up finds the
//! socket. `tests/it/opening_model.rs` walks all interleavings, and finds the loss when the order here
//! is swapped.

use std::sync::Arc;
use std::time::Duration;

use super::Hub;
use super::journal::event_frame;
use super::registry::{Registered, Socket};
use crate::store::sessions::{Checked, EndReason, EndScope, Ending, Unspent};
use crate::store::{self, journal, sessions};

/// How long an event can be resumed.
const RESUME_WINDOW: Duration = Duration::from_mins(10);
/// How many events can be resumed.
const RESUME_EVENTS: usize = 64;

/// Where a client that comes back stopped reading.
#[derive(Clone, Debug)]
pub struct Resume {
    pub epoch: String,
    pub sequence: i64,
}

/// A socket that may say `ready`.
#[derive(Debug)]
pub struct Opened {
    pub place: Registered,
    pub session: Checked,
    pub epoch: String,
    /// The newest row of the journal that concerns the user, as of the read.
    pub sequence: i64,
    /// Where the client goes on, if it can; otherwise it has to ask for everything anew.
    pub resumed_from: Option<i64>,
    /// Event frames that the client has missed.
    pub missed: Vec<Arc<str>>,
}

/// How an attempt to open ended.
#[derive(Debug)]
pub enum Opening {
    Opened(Box<Opened>),
    /// The session has ended.
    Ended(Ending),
    /// The token was spent before.
    Used,
}

impl Hub {
    /// Registers `socket`, then spends its token, where that is still to do, and reads its session.
    ///
    /// # Errors
    /// When storage fails: the socket must not open, and its token may be spent.
    pub async fn open(
        &self,
        socket: Socket,
        token: Option<Unspent>,
        resume: Option<Resume>,
    ) -> Result<Opening, store::Error> {
        self.admit(self.register(socket), token, resume).await
    }

    /// Gives `socket` its place: from now on it can be signed out.
    #[must_use]
    pub fn register(&self, socket: Socket) -> Registered {
        Registered::new(self, Arc::new(socket))
    }

    /// Reads the session of a socket that has its place: nobody can read first and register second.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn admit(
        &self,
        place: Registered,
        token: Option<Unspent>,
        resume: Option<Resume>,
    ) -> Result<Opening, store::Error> {
        let (user, session) = (place.socket().user_id, place.socket().session_id);
        self.live_again().await?;
        // The lease runs from before the query: what it finds is at least as new as that.
        let asked = self.0.clock.since_boot();
        let mut tx = self.0.db.read().await?;
        // State and sequence as of one moment: rows after it reach the socket through its registration.
        let found = sessions::open(&mut tx, user, session, token).await?;
        if !found.first {
            return Ok(Opening::Used);
        }
        let (epoch, sequence) = (found.epoch, found.sequence);
        let Some(checked) = found.session else {
            let (reason, scope) = (EndReason::Revoked, EndScope::Session);
            return Ok(Opening::Ended(Ending {
                reason,
                scope,
                message: None,
            }));
        };
        if let Some(ending) = checked.ended(self.0.clock.now()) {
            return Ok(Opening::Ended(ending));
        }
        let socket = place.socket();
        socket.renew_lease(asked, self.0.limits.lease);
        socket.session_ends(checked.expires_at.min(checked.idle_expires_at));
        // A number of another journal than the one that is followed would compare with nothing.
        if self.0.progress.follows(&epoch) {
            socket.outbox.opened(sequence);
        }
        self.0.registry.keep_caps(socket, &self.0.limits);
        self.0.presence.opened(socket);
        let missed = match resume {
            Some(resume) if resume.epoch == epoch => {
                let missed = self.missed(&mut tx, &checked, resume.sequence, sequence).await?;
                missed.map(|missed| (resume.sequence, missed))
            }
            _ => None,
        };
        let (resumed_from, missed) = missed.unzip();
        Ok(Opening::Opened(Box::new(Opened {
            place,
            session: checked,
            epoch,
            // What the client has seen of a row that concerns many is newer than its own newest row.
            sequence: sequence.max(resumed_from.unwrap_or(sequence)),
            resumed_from,
            missed: missed.unwrap_or_default(),
        })))
    }

    /// The events in `(after, until]`, or `None` when they are too many, too old, or gone.
    async fn missed(
        &self,
        tx: &mut store::Tx,
        session: &Checked,
        after: i64,
        until: i64,
    ) -> Result<Option<Vec<Arc<str>>>, store::Error> {
        // Beyond the user's own rows lie only those of a role, which name nobody.
        if after > until && !journal::is_of_role(tx, after).await? {
            return Ok(None);
        }
        // Where the rows behind it were erased, those after it may be gone as well.
        if !journal::reaches_back_to(tx, after).await? {
            return Ok(None);
        }
        let oldest = self.0.clock.now() - RESUME_WINDOW;
        // One more than can be resumed, to know that there were more.
        let limit = i64::try_from(RESUME_EVENTS).unwrap_or(i64::MAX) + 1;
        let rows = journal::read_for(tx, session.user_id, after, limit).await?;
        if rows.len() > RESUME_EVENTS || rows.first().is_some_and(|row| row.at < oldest) {
            return Ok(None);
        }
        let events = rows.iter().filter(|row| row.position.sequence <= until);
        Ok(Some(
            events.filter_map(|row| event_frame(row, session.id)).collect(),
        ))
    }
}
