//! The journal's tail: reads every committed row, in order, and applies it to this node's sockets.
//!
//! It runs every `hub.poll`, and at once when something was announced. Applying is idempotent. Where it stands
//! is not a number but what its last read has seen, so that a late commit is found (see
//! [`read_after`](crate::store::journal::read_after)).

mod cursor;
mod line;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::frame::Frame;
use super::outbox::Push;
use super::progress::Applied;
use super::{Hub, Tally};
use crate::ids::{SessionId, UserId};
use crate::metric;
use crate::store::journal::{Batch, Change, Entry, Snapshot, StateReason};
use crate::store::{self, users};

pub use cursor::Cursor;
use line::Line;

/// How often the journal is read while the bus is away, at least.
const WITHOUT_BUS: Duration = Duration::from_millis(250);
/// How soon a read that was refused twice is tried again.
const AFTER_A_REFUSAL: Duration = Duration::from_millis(500);
/// The most rows of one read, and of one behind a read that took too long: the line may be slow.
const MOST: i64 = 1_000;
const FEW: i64 = 100;
/// By how much a hint waits longer than the one before, after some that led to nothing.
const IN_VAIN: Duration = Duration::from_millis(10);
/// For how long rows are kept that nobody may have read, and a little less.
pub(super) const KEPT: Duration = Duration::from_hours(23);

/// The reading of this node.
#[derive(Debug)]
pub struct Tail {
    hub: Hub,
    line: Line,
    cursor: Cursor,
    /// When the journal was last read, since boot.
    read_at: Duration,
    /// How many rows the next read takes.
    most: i64,
}

impl Tail {
    /// A tail that begins at the journal's present end, and this node's first report. Call it before the first
    /// socket opens.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn begin(hub: &Hub) -> Result<Self, store::Error> {
        let asked = hub.0.clock.since_boot();
        let mut line = Line::new(&hub.0.db);
        let mut cursor = line
            .ask(move |tx| Box::pin(Cursor::at_the_end(tx, asked)))
            .await?;
        hub.0.progress.begin(Applied {
            epoch: cursor.epoch().to_owned(),
            snapshot: cursor.seen().clone(),
            firm: Snapshot::NOTHING,
            asked,
            newest: None,
        });
        // It waits for the disk.
        hub.report().await?;
        cursor.flushed();
        Ok(Self {
            hub: hub.clone(),
            line,
            cursor,
            read_at: asked,
            most: MOST,
        })
    }

    /// Reads and applies until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.keep_reading() => {}
        }
    }

    async fn keep_reading(&mut self) {
        let hub = self.hub.clone();
        let poll = hub.0.limits.poll;
        // How often in a row a hint led to nothing, and a read failed.
        let (mut in_vain, mut failures) = (0_u32, 0_u32);
        loop {
            // While the bus is away, only looking tells that others wrote.
            let up = hub.0.bus.is_up();
            let pause = if up { poll } else { poll.min(WITHOUT_BUS) };
            let hinted = tokio::select! {
                () = std::future::ready(()), if failures > 0 => false,
                () = hub.0.bus.until(!up) => false,
                () = hub.0.hint.notified() => true,
                () = tokio::time::sleep(pause) => false,
            };
            match self.catch_up().await {
                // Somebody may repeat old messages: they cost a read each, but not one after the other.
                Ok(false) if hinted => {
                    (in_vain, failures) = (in_vain.saturating_add(1), 0);
                    tokio::time::sleep(IN_VAIN * in_vain.saturating_sub(3).min(5)).await;
                }
                Ok(_) => (in_vain, failures) = (0, 0),
                // Tried again from where it stands, over another connection.
                Err(error) => {
                    tracing::warn!(%error, "the journal could not be read");
                    failures = failures.saturating_add(1);
                    if matches!(error, store::Error::Silent) {
                        self.most = FEW;
                    } else if failures > 1 {
                        // Not in a frenzy: a refusal comes at once.
                        tokio::time::sleep(AFTER_A_REFUSAL.min(poll)).await;
                    }
                }
            }
        }
    }

    /// Applies every row that is visible now. Answers whether there were any.
    ///
    /// # Errors
    /// When storage fails. What was not applied is given again.
    pub async fn catch_up(&mut self) -> Result<bool, store::Error> {
        let mut found = false;
        loop {
            let asked = self.hub.0.clock.since_boot();
            let mut batch = self.read().await?;
            if self.may_follow_a_crash(&batch) {
                if self.cursor.step_back() {
                    continue;
                }
                // Nothing is older: what a crash may have hidden is found by looking at the sockets.
                self.hub.sweep(&Tally::begin()).await?;
            }
            // Rows are kept for a day: what was not read for longer may be gone.
            let stale = asked.saturating_sub(self.read_at) > KEPT;
            if batch.snapshot.is_behind(self.cursor.seen()) && batch.epoch == self.cursor.epoch() {
                // Transactions do not go back: this is another database, which nobody has noticed yet.
                self.hub.begin_epoch(&batch.epoch, None).await?;
                continue;
            }
            if stale || batch.epoch != self.cursor.epoch() {
                self.hub.enter_epoch(&batch, asked).await?;
                self.cursor = Cursor::new(batch.epoch, batch.snapshot, asked);
                self.read_at = asked;
                continue;
            }
            // Sequences of one user are taken in the order of their commits; transaction ids are not.
            batch.entries.sort_by_key(|entry| entry.position.sequence);
            let lag = batch.entries.iter().map(|entry| entry.at).min();
            let lag = lag.map_or(0.0, |oldest| self.hub.0.clock.now().since(oldest).as_secs_f64());
            metrics::gauge!(metric::JOURNAL_LAG).set(lag);
            let tally = self.apply(&batch.entries).await?;
            self.cursor.advance(&batch, asked);
            self.read_at = asked;
            self.note(&batch, asked, tally);
            found |= !batch.entries.is_empty();
            if !batch.full {
                self.most = MOST;
                return Ok(found);
            }
        }
    }

    /// What is visible now and was not given before.
    async fn read(&mut self) -> Result<Batch, store::Error> {
        let (cursor, most) = (self.cursor.clone(), self.most);
        self.line
            .ask(move |tx| Box::pin(async move { cursor.read(tx, most).await }))
            .await
    }

    /// Whether the database may have crashed between what was seen and this read: then other rows may be
    /// included in what was seen.
    fn may_follow_a_crash(&self, batch: &Batch) -> bool {
        let (Some(backend), Some(since)) = (&batch.backend, self.cursor.holds_since()) else {
            return false;
        };
        let backends = &self.hub.0.backends;
        let there = backends.was_there(backend, since);
        backends.note(backend, self.hub.0.clock.since_boot());
        !there
    }

    /// Notes how far this node has come; where that is news for others, its row is written at once.
    fn note(&self, batch: &Batch, asked: Duration, tally: Arc<Tally>) {
        let hub = &self.hub.0;
        let read = Applied {
            epoch: self.cursor.epoch().to_owned(),
            snapshot: self.cursor.seen().clone(),
            firm: self.cursor.firm(),
            asked,
            newest: None,
        };
        hub.progress.applied(read, &batch.entries, tally);
        if !batch.entries.is_empty() || hub.backends.take_doubt() {
            hub.report.notify_one();
        }
    }

    /// Sign-outs first: no read that fails or takes its time may hold them up. The tally counts their sockets.
    async fn apply(&mut self, entries: &[Entry]) -> Result<Arc<Tally>, store::Error> {
        let hub = self.hub.clone();
        let tally = Tally::begin();
        if entries.iter().any(|entry| entry.change == Change::SigningKeys) {
            hub.0.signing_keys.notify_one();
        }
        for entry in entries {
            hub.sign_out(entry, &tally);
        }
        if entries.iter().any(|entry| entry.change == Change::Bulk) {
            hub.sweep(&tally).await?;
        }
        for (at, entry) in entries.iter().enumerate() {
            if let Change::RoleUpdated { role } = &entry.change {
                hub.push_to_holders(role, entry.position.sequence).await?;
            }
            let Some(user) = entry.user_id.filter(|user| hub.0.registry.has(*user)) else {
                continue;
            };
            match &entry.change {
                // A later row of the batch brings the newest state anyway.
                Change::State { .. } if changes_again(&entries[at + 1..], user) => {}
                Change::State { reason } => {
                    self.push_state(user, entry.position.sequence, *reason).await?;
                }
                _ => hub.push_event(entry, user),
            }
        }
        Ok(tally)
    }

    /// Reads the user's auth state and gives it to those sockets that know an older one.
    async fn push_state(
        &mut self,
        user: UserId,
        sequence: i64,
        reason: StateReason,
    ) -> Result<(), store::Error> {
        let state = self
            .line
            .ask(move |tx| Box::pin(async move { users::auth_state(tx, user).await }))
            .await?;
        if let Some(state) = state {
            let push = Push::state(Some(sequence), reason, Arc::new(state));
            let registry = &self.hub.0.registry;
            registry.for_user(user, |socket| socket.outbox.push(push.clone()));
        }
        Ok(())
    }
}

fn changes_again(later: &[Entry], user: UserId) -> bool {
    later
        .iter()
        .any(|entry| entry.user_id == Some(user) && matches!(entry.change, Change::State { .. }))
}

impl Hub {
    /// Gives the event that `entry` makes to the user's sockets, but for those of the session it is about.
    fn push_event(&self, entry: &Entry, user: UserId) {
        let Some(frame) = frame_of(entry).map(Frame::from) else {
            return;
        };
        let sequence = entry.position.sequence;
        self.0.registry.for_user(user, |socket| {
            if concerns(entry, socket.session_id) {
                let frame = frame.clone();
                socket.outbox.push(Push::Event { sequence, frame });
            }
        });
    }
}

/// The `event` frame that a socket of `session` gets for `entry`, if any.
pub(super) fn event_frame(entry: &Entry, session: SessionId) -> Option<Arc<str>> {
    if concerns(entry, session) {
        frame_of(entry)
    } else {
        None
    }
}

/// Events about a session go to the person's other sockets; its own learn it otherwise.
fn concerns(entry: &Entry, session: SessionId) -> bool {
    match &entry.change {
        Change::SessionCreated { .. } | Change::SessionEnded { .. } => entry.session_id != Some(session),
        Change::UserSessionsEnded { except, .. } => *except == Some(session),
        Change::State { .. } | Change::RoleUpdated { .. } | Change::Bulk | Change::SigningKeys => false,
    }
}

fn frame_of(entry: &Entry) -> Option<Arc<str>> {
    let (name, data) = match &entry.change {
        Change::SessionCreated { device } => (
            "session.created",
            json!({ "session_id": entry.session_id, "device": device }),
        ),
        Change::SessionEnded { reason, .. } => (
            "session.revoked",
            json!({ "session_id": entry.session_id, "reason": reason }),
        ),
        // All others of the person: there is no one id to name.
        Change::UserSessionsEnded { reason, .. } => {
            ("session.revoked", json!({ "session_id": null, "reason": reason }))
        }
        Change::State { .. } | Change::RoleUpdated { .. } | Change::Bulk | Change::SigningKeys => {
            return None;
        }
    };
    let sequence = entry.position.sequence;
    Some(
        json!({ "type": "event", "sequence": sequence, "name": name, "data": data })
            .to_string()
            .into(),
    )
}
