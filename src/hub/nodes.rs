//! The nodes' table: this node's row, and what the rows of the others say.
//!
//! A node reports every second, and as soon as sockets that the journal signed out have closed. The report
//! says what the node has applied, and for how long its sockets may live on without another word: until then
//! others wait for it, after that its sockets have closed by themselves. So a receipt is true for nodes that
//! are dead, frozen or cut off as well.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::Hub;
use crate::ids::NodeId;
use crate::store::nodes::{Node, Report};
use crate::store::{self, Db, journal, nodes};

/// What a node keeps to itself of the lease that it was given: the database may lose the newest reports in a
/// crash, since they do not wait for the disk.
const MARGIN: Duration = Duration::from_secs(1);
/// With one node nobody waits for its word, and the disk is not woken every second for it.
const EVERY_ALONE: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_secs(1);
/// How often it is looked who else lives.
const LOOK: Duration = Duration::from_secs(2);
/// How long a node that stops waits for its sockets before it leaves its row to run out.
const LAST_SOCKETS: Duration = Duration::from_secs(3);

/// The hub, all nodes together.
#[derive(Debug)]
pub struct Overview {
    pub nodes: Vec<Node>,
    /// The sequence of the journal's newest row.
    pub newest: i64,
}

/// Until when the sockets of this node may live, in milliseconds since boot.
#[derive(Debug)]
pub(super) struct NodeLease(AtomicU64);

impl Default for NodeLease {
    /// Without an end: before the first report there are no sockets.
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl NodeLease {
    fn grant(&self, until: Duration) {
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.0.store(until, Ordering::SeqCst);
    }

    pub(super) fn expired(&self, now: Duration) -> bool {
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX) >= self.0.load(Ordering::SeqCst)
    }
}

/// Whose leases have run out, as of the newest look.
#[derive(Debug, Default)]
pub(super) struct Known {
    dead: ArcSwap<HashSet<NodeId>>,
}

/// Reports until `stop`, and takes the row away when the last socket has closed.
pub async fn run(hub: Hub, stop: CancellationToken) {
    let every = match hub.0.db {
        Db::Postgres { .. } => EVERY,
        Db::Sqlite { .. } => EVERY_ALONE,
    };
    let mut ticks = tokio::time::interval(every.min(hub.0.limits.lease / 10));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let settling = hub.0.progress.settling();
        let closed = async {
            match settling {
                Some(tally) => tally.closed_all().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            _ = look.tick() => {
                hub.look_around().await;
                continue;
            }
            _ = ticks.tick() => {}
            () = hub.0.report.notified() => {}
            () = closed => {}
        }
        if let Err(error) = hub.report().await {
            tracing::warn!(%error, "this node could not report to the others");
            // Not at once again, whatever wants to be told.
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
        }
    }
    hub.sign_off().await;
}

impl Hub {
    /// Writes this node's row, and learns whether the journal is still the one that it follows. Call it once
    /// before the first socket opens.
    ///
    /// # Errors
    /// When storage fails: the lease of the node's sockets runs on.
    pub async fn report(&self) -> Result<(), store::Error> {
        let Some(settled) = self.0.progress.settled() else {
            return Ok(());
        };
        let asked = self.0.clock.since_boot();
        let report = Report {
            id: self.0.node,
            epoch: settled.epoch.clone(),
            address: self.0.address.clone(),
            started_at: self.0.started_at,
            position: settled.newest.map_or(0, |row| row.position.sequence),
            seen: settled.snapshot.to_string(),
            seen_age: micros(asked.saturating_sub(settled.asked)),
            lease: micros(self.0.limits.lease),
            connections: i64::try_from(self.0.registry.len()).unwrap_or(i64::MAX),
            anchor: settled.newest,
        };
        let alone = matches!(self.0.db, Db::Sqlite { .. });
        let tx = match self.0.db {
            Db::Postgres { .. } => self.0.db.watch().await?,
            Db::Sqlite { .. } => self.0.db.single().await?,
        };
        let reported = tx
            .in_time(move |tx| Box::pin(async move { nodes::report(tx, &report).await }))
            .await?;
        if !alone {
            let lease = self.0.limits.lease;
            self.0
                .lease
                .grant(asked + lease.saturating_sub(MARGIN.min(lease / 10)));
        }
        self.keep_epoch(&settled.epoch, &reported).await
    }

    /// Whether `socket` may carry no frame any more: its own lease has run out, or that of the whole node.
    #[must_use]
    pub fn lease_expired(&self, socket: &super::registry::Socket) -> bool {
        let now = self.0.clock.since_boot();
        socket.lease_expired(now) || self.0.lease.expired(now)
    }

    /// Reports first where the node's lease has run out, as after a freeze: no socket could live on it.
    pub(super) async fn live_again(&self) -> Result<(), store::Error> {
        if self.0.lease.expired(self.0.clock.since_boot()) {
            self.report().await?;
        }
        Ok(())
    }

    /// Looks which nodes' leases have run out.
    async fn look_around(&self) {
        match self.nodes().await {
            Ok(nodes) => {
                let dead = nodes.iter().filter(|node| node.lease <= 0).map(|node| node.id);
                self.0.known.dead.store(Arc::new(dead.collect()));
            }
            Err(error) => tracing::debug!(%error, "it cannot be told which nodes live"),
        }
    }

    /// Whether `node` may still hold sockets, as far as this node knows.
    #[must_use]
    pub fn is_live(&self, node: NodeId) -> bool {
        !self.0.known.dead.load().contains(&node)
    }

    /// Every node that has reported lately, this one included.
    ///
    /// # Errors
    /// When storage fails.
    pub(super) async fn nodes(&self) -> Result<Vec<Node>, store::Error> {
        let tx = self.0.db.watch().await?;
        tx.in_time(|tx| Box::pin(nodes::all(tx))).await
    }

    /// The nodes, and the journal's newest row, for people who look.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn overview(&self) -> Result<Overview, store::Error> {
        let mut tx = self.0.db.read().await?;
        let (nodes, newest) = (nodes::all(&mut tx).await?, journal::newest(&mut tx).await?);
        Ok(Overview { nodes, newest })
    }

    /// The node stops: once its sockets are gone, nobody needs to wait for it.
    async fn sign_off(&self) {
        let gone = async {
            while !self.0.registry.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(LAST_SOCKETS, gone).await.is_err() {
            return;
        }
        let remove = async {
            let tx = self.0.db.single().await?;
            let id: NodeId = self.0.node;
            tx.in_time(move |tx| Box::pin(nodes::remove(tx, id))).await
        };
        if let Err(error) = remove.await {
            tracing::debug!(%error, "this node's row is left to run out");
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
