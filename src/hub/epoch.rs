//! The journal's epoch: noticing that the database is not the one that it was, after a fail-over, a restore,
//! or a dump that was loaded in its place.
//!
//! Then a position means nothing any more: rows may be missing that were applied, and others may stand under
//! their numbers. A new epoch begins, once for all nodes; each compares all its sockets with SQL, and sends
//! their clients to a connection that begins in the new epoch.

use std::time::Duration;

use super::progress::Applied;
use super::{Hub, Tally};
use crate::clock::Clock;
use crate::ids::NodeId;
use crate::secret::Rng;
use crate::store::journal::{Batch, Snapshot};
use crate::store::{self, Tx, meta};

/// A name that no other journal has.
fn fresh(clock: &Clock, rng: &Rng) -> String {
    NodeId::generate(clock, rng).to_string()
}

/// Makes sure that the journal has an epoch, and that it is this database's own. Answers whether it had
/// none: then this is the first start on it, and `tx` has to be committed either way.
///
/// # Errors
/// When storage fails.
pub async fn settle(
    tx: &mut Tx,
    identity: Option<&str>,
    clock: &Clock,
    rng: &Rng,
) -> Result<bool, store::Error> {
    let first = meta::begin_epoch(tx, &fresh(clock, rng)).await?;
    let kept = meta::kept_identity(tx).await?;
    let Some(identity) = identity.filter(|identity| kept.as_deref() != Some(*identity)) else {
        return Ok(first);
    };
    if let Some(kept) = kept {
        tracing::warn!(%kept, %identity, "this is another database than before: a new epoch begins");
        let old = meta::epoch(tx).await?;
        meta::renew_epoch(tx, &old, &fresh(clock, rng)).await?;
    }
    meta::keep_identity(tx, identity).await?;
    Ok(first)
}

/// Which database this is, where it is another than what was kept with the journal. Services that resemble
/// PostgreSQL may not say: then only the journal's own rows tell that it was restored.
///
/// # Errors
/// When storage cannot be reached.
pub(super) async fn another(tx: &mut Tx) -> Result<Option<String>, store::Error> {
    match meta::identity(tx).await {
        Ok(present) => {
            let kept = meta::kept_identity(tx).await?;
            Ok((kept.as_ref() != Some(&present)).then_some(present))
        }
        Err(store::Error::Other(error)) => {
            tracing::debug!(%error, "the database does not say which one it is");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Which database this is, if it says so.
///
/// # Errors
/// When storage cannot be reached.
pub async fn identity(tx: Tx) -> Result<Option<String>, store::Error> {
    match tx.in_time(|tx| Box::pin(meta::identity(tx))).await {
        Ok(identity) => Ok(Some(identity)),
        Err(store::Error::Other(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Hub {
    /// The database is not what it was: the journal gets a new name, unless somebody else was faster, and the
    /// tail follows. `identity` is which database it is now, where that is what changed.
    pub(super) async fn begin_epoch(&self, old: &str, identity: Option<&str>) -> Result<(), store::Error> {
        tracing::warn!(?identity, "the database is not what it was: a new epoch begins");
        let mut tx = self.0.db.begin_revocation().await?;
        if meta::renew_epoch(&mut tx, old, &fresh(&self.0.clock, &self.0.rng)).await? {
            if let Some(identity) = identity {
                meta::keep_identity(&mut tx, identity).await?;
            }
            tx.commit().await?;
        }
        self.0.hint.notify_one();
        Ok(())
    }

    /// Follows the journal into the epoch of `batch`: compares every socket with SQL, and asks each to come
    /// back, because sequences begin anew.
    pub(super) async fn enter_epoch(&self, batch: &Batch, asked: Duration) -> Result<(), store::Error> {
        tracing::warn!(epoch = %batch.epoch, "the journal has a new epoch: every socket is compared");
        let tally = Tally::begin();
        // Followed first: a socket that opens meanwhile either notes what it read before it is forgotten here,
        // or does not note it.
        self.0.progress.follow(&batch.epoch);
        // What the other journal said of them was not read, or is not so any more.
        self.0.signing_keys.notify_one();
        self.0.registry.for_each(|socket| socket.outbox.forget_opening());
        self.sweep(&tally).await?;
        self.spread_out(self.0.limits.drain);
        let read = Applied {
            epoch: batch.epoch.clone(),
            snapshot: batch.snapshot.clone(),
            firm: Snapshot::NOTHING,
            asked,
            newest: None,
        };
        self.0.progress.applied(read, &[], tally);
        self.0.report.notify_one();
        Ok(())
    }
}
