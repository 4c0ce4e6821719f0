//! The journal's tail: reads every committed row, in order, and applies it to this node's sockets.
//!
//! It runs every `hub.poll`, and at once when something was announced. Applying is idempotent. The
//! position moves only over what can no longer be overtaken by a late commit (see
//! [`read_after`](crate::store::journal::read_after)).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::frame::Frame;
use super::outbox::Push;
use super::{Hub, Tally};
use crate::ids::{SessionId, UserId};
use crate::metric;
use crate::store::journal::{self, Batch, Change, Entry, Position, StateReason};
use crate::store::{self, Tx, users};

/// Where a reader of the journal stands.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    position: Position,
    /// Rows that were applied, but that the position may not pass yet.
    applied: BTreeSet<Position>,
}

impl Cursor {
    /// A reader that begins at the journal's present end.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn at_the_end(tx: &mut Tx) -> Result<Self, store::Error> {
        let (position, applied) = (journal::present_position(tx).await?, BTreeSet::new());
        Ok(Self { position, applied })
    }

    /// Every visible row that was not applied before.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn read(&self, tx: &mut Tx) -> Result<Batch, store::Error> {
        journal::read_after(tx, self.position, &self.applied).await
    }

    /// The batch was applied. The position moves over what nothing can appear below any more, but not
    /// beyond what was reached by a read that left rows behind.
    pub fn advance(&mut self, batch: &Batch) {
        let read = batch.entries.iter().map(|entry| entry.position);
        let reached = read.clone().max().filter(|_| batch.full);
        self.applied.extend(read);
        let passable =
            |first: &Position| first.xid < batch.horizon && reached.is_none_or(|reached| *first <= reached);
        while let Some(first) = self.applied.first().copied().filter(passable) {
            self.applied.remove(&first);
            self.position = self.position.max(first);
        }
    }
}

/// The reading of this node.
#[derive(Debug)]
pub struct Tail {
    hub: Hub,
    cursor: Cursor,
}

impl Tail {
    /// A tail that begins at the journal's present end. Call it before the first socket opens.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn begin(hub: &Hub) -> Result<Self, store::Error> {
        let cursor = Cursor::at_the_end(&mut hub.0.db.watch().await?).await?;
        Ok(Self {
            hub: hub.clone(),
            cursor,
        })
    }

    /// Reads and applies until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let hub = self.hub.clone();
        let mut ticks = tokio::time::interval(hub.0.limits.poll);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = hub.0.hint.notified() => {}
                _ = ticks.tick() => {}
            }
            match self.catch_up().await {
                Ok(()) => {}
                // The next tick tries again from the same position.
                Err(error) => tracing::warn!(%error, "the journal could not be read"),
            }
        }
    }

    /// Applies every row that is visible now.
    ///
    /// # Errors
    /// When storage fails. What was not applied stays after the position.
    pub async fn catch_up(&mut self) -> Result<(), store::Error> {
        loop {
            let (tx, cursor) = (self.hub.0.db.watch().await?, self.cursor.clone());
            let mut batch = tx
                .in_time(move |tx| Box::pin(async move { cursor.read(tx).await }))
                .await?;
            // Sequences of one user are taken in the order of their commits; transaction ids are not.
            batch.entries.sort_by_key(|entry| entry.position.sequence);
            let lag = batch.entries.iter().map(|entry| entry.at).min();
            let lag = lag.map_or(0.0, |oldest| self.hub.0.clock.now().since(oldest).as_secs_f64());
            metrics::gauge!(metric::JOURNAL_LAG).set(lag);
            self.apply(&batch.entries).await?;
            self.cursor.advance(&batch);
            if !batch.full {
                return Ok(());
            }
        }
    }

    /// Sign-outs first: no read that fails or takes its time may hold them up.
    async fn apply(&self, entries: &[Entry]) -> Result<(), store::Error> {
        let hub = &self.hub;
        let tally = Tally::begin();
        for entry in entries {
            hub.sign_out(entry, &tally);
        }
        if entries.iter().any(|entry| entry.change == Change::Bulk) {
            hub.sweep(&tally).await?;
        }
        for (at, entry) in entries.iter().enumerate() {
            let Some(user) = entry.user_id.filter(|user| hub.0.registry.has(*user)) else {
                continue;
            };
            match &entry.change {
                // A later row of the batch brings the newest state anyway.
                Change::State { .. } if changes_again(&entries[at + 1..], user) => {}
                Change::State { reason } => {
                    hub.push_state(user, entry.position.sequence, *reason).await?;
                }
                _ => hub.push_event(entry, user),
            }
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
    /// Reads the user's auth state and gives it to those sockets that know an older one.
    async fn push_state(&self, user: UserId, sequence: i64, reason: StateReason) -> Result<(), store::Error> {
        let tx = self.0.db.watch().await?;
        let state = tx
            .in_time(move |tx| Box::pin(async move { users::auth_state(tx, user).await }))
            .await?;
        if let Some(state) = state {
            let push = Push::state(Some(sequence), reason, Arc::new(state));
            self.0
                .registry
                .for_user(user, |socket| socket.outbox.push(push.clone()));
        }
        Ok(())
    }

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
        Change::State { .. } | Change::Bulk => false,
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
        Change::State { .. } | Change::Bulk => return None,
    };
    let sequence = entry.position.sequence;
    Some(
        json!({ "type": "event", "sequence": sequence, "name": name, "data": data })
            .to_string()
            .into(),
    )
}
