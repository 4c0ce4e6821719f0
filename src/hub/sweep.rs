//! The sweep: compares every open socket with SQL. Its bound does not depend on any mistake in the journal's
//! tail or the bus.
//!
//! A session found live renews the lease of its sockets; one found ended signs them out; a state newer
//! than the one that a socket knows is pushed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::outbox::Push;
use super::registry::Socket;
use super::{Hub, Tally};
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};
use crate::metric;
use crate::store;
use crate::store::journal::StateReason;
use crate::store::sessions::{self, Checked, EndReason, EndScope, Ending};

/// How many sessions one query asks for.
const BATCH: usize = 1_000;
/// How long an act waits for the comparison that it asks for.
const PATIENCE: Duration = Duration::from_secs(10);
/// By when the layers above must have closed a socket.
const LATE: Duration = Duration::from_secs(2);

/// Sweeps every `hub.sweep` until `stop`.
pub async fn run(hub: Hub, stop: CancellationToken) {
    tokio::select! {
        () = keep_sweeping(&hub) => {}
        () = stop.cancelled() => {}
    }
}

async fn keep_sweeping(hub: &Hub) {
    let mut ticks = tokio::time::interval(hub.0.limits.sweep);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match hub.sweep(&Tally::begin()).await {
            // Counted for good: each was a fault of a layer above, and a scrape must not miss it.
            Ok(zombies) => {
                metrics::gauge!(metric::ZOMBIE_SOCKETS).increment(f64::from(zombies));
            }
            Err(error) => {
                tracing::warn!(%error, "open sockets could not be compared with the database");
            }
        }
    }
}

impl Hub {
    /// Compares all sockets once. Answers how many were open long after their session had been ended.
    ///
    /// # Errors
    /// When storage fails; the leases of the sockets not reached run on.
    pub async fn sweep(&self, tally: &Arc<Tally>) -> Result<u32, store::Error> {
        self.compare_all(self.0.registry.all(), tally).await
    }

    /// Compares all sockets, or one user's, for an act that was just committed. A failure is left to the
    /// journal's tail, which tries again; the tally knows that it is not complete.
    pub(super) async fn sweep_for(&self, user: Option<UserId>, tally: &Arc<Tally>) {
        let sockets = match user {
            Some(user) => self.0.registry.of(user),
            None => self.0.registry.all(),
        };
        let compared = tokio::time::timeout(PATIENCE, self.compare_all(sockets, tally)).await;
        if let Err(error) = compared.unwrap_or(Err(store::Error::Silent)) {
            tally.fail();
            tracing::warn!(%error, "open sockets could not be compared with the database");
        }
    }

    async fn compare_all(&self, sockets: Vec<Arc<Socket>>, tally: &Arc<Tally>) -> Result<u32, store::Error> {
        let mut by_session: HashMap<SessionId, Vec<Arc<Socket>>> = HashMap::new();
        for socket in sockets {
            by_session.entry(socket.session_id).or_default().push(socket);
        }
        let ids: Vec<SessionId> = by_session.keys().copied().collect();
        let mut zombies = 0;
        for ids in ids.chunks(BATCH) {
            // What the answer says is as old as the question.
            let asked = Asked {
                since_boot: self.0.clock.since_boot(),
                at: self.0.clock.now(),
            };
            let tx = self.0.db.watch().await?;
            let question = ids.to_vec();
            let rows = tx
                .in_time(move |tx| Box::pin(async move { sessions::check_many(tx, &question).await }))
                .await?;
            let mut found: HashMap<SessionId, Checked> =
                rows.into_iter().map(|checked| (checked.id, checked)).collect();
            for id in ids {
                let sockets = by_session.remove(id).unwrap_or_default();
                zombies += self.compare(found.remove(id), &sockets, asked, tally);
            }
        }
        Ok(zombies)
    }

    /// Answers how many of the sockets should have been closed long ago.
    fn compare(
        &self,
        session: Option<Checked>,
        sockets: &[Arc<Socket>],
        asked: Asked,
        tally: &Arc<Tally>,
    ) -> u32 {
        let Some(session) = session else {
            // A session that is not there counts as revoked.
            let (reason, scope) = (EndReason::Revoked, EndScope::Session);
            let ending = Ending {
                reason,
                scope,
                message: None,
            };
            return sign_out(sockets, &ending, tally);
        };
        if let Some(ending) = session.ended(asked.at) {
            let late = session.revoked_at.is_some_and(|at| asked.at > at + LATE);
            let untold = sign_out(sockets, &ending, tally);
            return if late { untold } else { 0 };
        }
        let ends_at = session.expires_at.min(session.idle_expires_at);
        let push = Push::state(None, StateReason::Refreshed, Arc::clone(&session.state));
        for socket in sockets {
            socket.renew_lease(asked.since_boot, self.0.limits.lease);
            socket.session_ends(ends_at);
            if socket.version() < session.state.version {
                socket.outbox.push(push.clone());
            }
        }
        0
    }
}

/// When a query was sent.
#[derive(Clone, Copy)]
struct Asked {
    since_boot: Duration,
    at: Timestamp,
}

/// Answers how many had not been told before.
fn sign_out(sockets: &[Arc<Socket>], ending: &Ending, tally: &Arc<Tally>) -> u32 {
    let mut untold = 0;
    for socket in sockets {
        untold += u32::from(!socket.outbox.is_signed_out());
        socket.outbox.sign_out(ending, None, tally.ticket());
    }
    untold
}
