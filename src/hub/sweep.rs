//! The sweep: compares every open socket with SQL. Layer six of the contract, whose bound does not
//! depend on any mistake in the layers above it.
//!
//! A session found live renews the lease of its sockets; one found ended signs them out; a state newer
//! than the one that a socket knows is pushed.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::outbox::Push;
use super::registry::Socket;
use super::{Hub, Tally};
use crate::ids::{SessionId, UserId};
use crate::store;
use crate::store::journal::StateReason;
use crate::store::sessions::{self, Checked, EndReason, EndScope, Ending};

/// How many sessions one query asks for.
const BATCH: usize = 1_000;

/// Sweeps every `hub.sweep` until `stop`.
pub async fn run(hub: Hub, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(hub.0.limits.sweep);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match hub.sweep(&Tally::begin()).await {
            // An ended session that only the sweep noticed: a layer above has failed.
            Ok(zombies) => {
                metrics::gauge!("portcullis_zombie_sockets").set(u32::try_from(zombies).unwrap_or(u32::MAX));
            }
            Err(error) => tracing::warn!(%error, "open sockets could not be compared with the database"),
        }
    }
}

impl Hub {
    /// Compares all sockets once. Answers how many had to be signed out for another reason than time.
    ///
    /// # Errors
    /// When storage fails; the leases of the sockets not reached run on.
    pub async fn sweep(&self, tally: &Arc<Tally>) -> Result<usize, store::Error> {
        self.compare_all(self.0.registry.all(), tally).await
    }

    /// Compares one user's sockets, as [`sweep`](Self::sweep) compares all.
    ///
    /// # Errors
    /// As [`sweep`](Self::sweep).
    pub(super) async fn sweep_user(&self, user: UserId, tally: &Arc<Tally>) -> Result<(), store::Error> {
        self.compare_all(self.0.registry.of(user), tally).await?;
        Ok(())
    }

    async fn compare_all(
        &self,
        sockets: Vec<Arc<Socket>>,
        tally: &Arc<Tally>,
    ) -> Result<usize, store::Error> {
        let mut by_session: HashMap<SessionId, Vec<Arc<Socket>>> = HashMap::new();
        for socket in sockets {
            by_session.entry(socket.session_id).or_default().push(socket);
        }
        let ids: Vec<SessionId> = by_session.keys().copied().collect();
        let mut zombies = 0;
        for ids in ids.chunks(BATCH) {
            let asked = self.0.clock.since_boot();
            let mut found: HashMap<SessionId, Checked> = {
                let mut tx = self.0.db.read_reserved().await?;
                let rows = sessions::check_many(&mut tx, ids).await?;
                rows.into_iter().map(|checked| (checked.id, checked)).collect()
            };
            for id in ids {
                let sockets = by_session.remove(id).unwrap_or_default();
                zombies += self.compare(found.remove(id), &sockets, asked, tally);
            }
        }
        Ok(zombies)
    }

    /// As [`sweep`](Self::sweep), for a change that was just announced. A failure is left to the
    /// journal's tail, which tries again.
    pub(super) async fn sweep_for(&self, tally: &Arc<Tally>) {
        if let Err(error) = self.sweep(tally).await {
            tracing::warn!(%error, "open sockets could not be compared with the database");
        }
    }

    fn compare(
        &self,
        session: Option<Checked>,
        sockets: &[Arc<Socket>],
        asked: std::time::Duration,
        tally: &Arc<Tally>,
    ) -> usize {
        // A session that is not there counts as revoked.
        let gone = Ending {
            reason: EndReason::Revoked,
            scope: EndScope::Session,
            message: None,
        };
        let ending = session
            .as_ref()
            .map_or(Some(gone), |session| session.ended(self.0.clock.now()));
        if let Some(ending) = ending {
            let untold = sockets.iter().filter(|socket| !socket.outbox.is_signed_out());
            let zombies = if ending.reason == EndReason::Expired {
                0
            } else {
                untold.count()
            };
            for socket in sockets {
                socket.outbox.sign_out(&ending, tally.ticket());
            }
            return zombies;
        }
        if let Some(session) = session {
            let state = Arc::new(session.state);
            for socket in sockets {
                socket.renew_lease(asked, self.0.limits.lease);
                if socket.version() < state.version {
                    let (reason, state) = (StateReason::Refreshed, Arc::clone(&state));
                    socket.outbox.push(Push::State {
                        sequence: None,
                        reason,
                        state,
                    });
                }
            }
        }
        0
    }
}
