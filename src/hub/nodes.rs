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

use super::{Hub, epoch};
use crate::ids::NodeId;
use crate::store::nodes::{Node, Report, Reported};
use crate::store::{self, Db, Tx, journal, nodes};

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
const SIGN_OFF: Duration = Duration::from_secs(4);

/// The hub, all nodes together.
#[derive(Debug)]
pub struct Overview {
    pub nodes: Vec<Node>,
    /// The sequence of the journal's newest row.
    pub newest: i64,
}

/// Until when the sockets of this node may live.
#[derive(Debug)]
pub(super) struct NodeLease {
    /// Milliseconds since boot.
    until: AtomicU64,
    /// When the report was sent that was acknowledged last, in milliseconds since boot.
    granted: AtomicU64,
}

impl Default for NodeLease {
    /// Without an end: before the first report there are no sockets.
    fn default() -> Self {
        let (until, granted) = (AtomicU64::new(u64::MAX), AtomicU64::new(0));
        Self { until, granted }
    }
}

impl NodeLease {
    fn grant(&self, asked: Duration, lease: Duration) {
        let until = asked + lease.saturating_sub(MARGIN.min(lease / 10));
        self.until.store(millis(until), Ordering::SeqCst);
        self.granted.store(millis(asked), Ordering::SeqCst);
    }

    /// How much is left of it; `None` where it has no end.
    pub(super) fn left(&self, now: Duration) -> Option<Duration> {
        let until = self.until.load(Ordering::SeqCst);
        (until < u64::MAX).then(|| Duration::from_millis(until.saturating_sub(millis(now))))
    }

    pub(super) fn expired(&self, now: Duration) -> bool {
        millis(now) >= self.until.load(Ordering::SeqCst)
    }

    /// Whether the last report is so old that the next one adds more than the margin.
    fn is_stale(&self, now: Duration) -> bool {
        millis(now) > self.granted.load(Ordering::SeqCst) + 2 * millis(EVERY)
    }
}

/// What came of a report.
enum Said {
    Reported(Reported),
    /// This is another database than the one whose journal is followed: nothing was written.
    Another(String),
}

/// A position in another database's journal must not be written, or believed: it is asked first, on the same
/// connection, which does not outlive a fail-over.
async fn say(tx: &mut Tx, report: Report) -> Result<Said, store::Error> {
    if tx.is_postgres()
        && let Some(identity) = epoch::another(tx).await?
    {
        return Ok(Said::Another(identity));
    }
    Ok(Said::Reported(nodes::report(tx, &report).await?))
}

/// Whose leases have run out, as of the newest look.
#[derive(Debug, Default)]
pub(super) struct Known {
    dead: ArcSwap<HashSet<NodeId>>,
}

/// Reports until `stop`, and takes the row away when the last socket has closed.
pub async fn run(hub: Hub, stop: CancellationToken) {
    tokio::select! {
        () = keep_reporting(&hub) => {}
        () = stop.cancelled() => {}
    }
    let _in_time = tokio::time::timeout(SIGN_OFF, hub.sign_off()).await;
}

/// Looks who else lives, until `stop`.
pub async fn look_around(hub: Hub, stop: CancellationToken) {
    let looking = async {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            hub.look_around().await;
        }
    };
    tokio::select! {
        () = looking => {}
        () = stop.cancelled() => {}
    }
}

async fn keep_reporting(hub: &Hub) {
    let every = match hub.0.db {
        Db::Postgres { .. } => EVERY,
        Db::Sqlite { .. } => EVERY_ALONE,
    };
    let mut ticks = tokio::time::interval(every.min(hub.0.limits.lease / 10));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let settling = hub.0.progress.settling();
        let closed = async {
            match settling {
                Some(tally) => tally.closed_all().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = ticks.tick() => {}
            () = hub.0.report.notified() => {}
            () = closed => {}
        }
        if let Err(error) = hub.report().await {
            tracing::warn!(%error, "this node could not report to the others");
            // Not at once again, whatever wants to be told.
            ticks.tick().await;
        }
    }
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
        let age = asked.saturating_sub(settled.asked);
        let report = Report {
            id: self.0.node,
            epoch: settled.epoch.clone(),
            address: self.0.address.clone(),
            started_at: self.0.started_at,
            position: settled.newest.map_or(0, |row| row.position.sequence),
            seen: settled.snapshot.to_string(),
            firm: settled.firm.to_string(),
            backends: self.0.backends.there_at(settled.asked),
            seen_age: micros(age),
            lease: micros(self.0.limits.lease),
            connections: i64::try_from(self.0.registry.len()).unwrap_or(i64::MAX),
            // Rows are kept for a day: a node that slept for longer must not take that for a restore.
            anchor: settled.newest.filter(|_| age < super::journal::KEPT),
            durable: self.0.lease.is_stale(asked),
        };
        let tx = match self.0.db {
            Db::Postgres { .. } => self.0.db.watch().await?,
            Db::Sqlite { .. } => self.0.db.single().await?,
        };
        let said = tx.in_time(move |tx| Box::pin(say(tx, report))).await?;
        let reported = match said {
            Said::Another(identity) => return self.begin_epoch(&settled.epoch, Some(&identity)).await,
            Said::Reported(reported) => reported,
        };
        if let Some(backend) = &reported.backend {
            self.answered_by(backend, settled.asked);
        }
        if let Db::Postgres { .. } = self.0.db {
            // What ran out has run out, also where nobody has looked yet.
            if self.0.lease.expired(self.0.clock.since_boot()) {
                self.end_expired_leases();
            }
            self.0.lease.grant(asked, self.0.limits.lease);
        }
        if reported.epoch != settled.epoch {
            // Somebody has begun it; the tail follows.
            self.0.hint.notify_one();
        } else if !reported.anchored {
            self.begin_epoch(&settled.epoch, None).await?;
        }
        Ok(())
    }

    /// A process that may have begun after the read of which it reported has said the less: it is read and
    /// reported again.
    fn answered_by(&self, backend: &str, read_at: Duration) {
        let (backends, now) = (&self.0.backends, self.0.clock.since_boot());
        if !backends.was_there(backend, read_at) && backends.doubt(now) {
            self.0.hint.notify_one();
        }
        backends.note(backend, now);
    }

    /// Whether `socket` may carry no frame any more: its own lease has run out, or that of the whole node.
    #[must_use]
    pub fn lease_expired(&self, socket: &super::registry::Socket) -> bool {
        let now = self.0.clock.since_boot();
        socket.lease_expired(now) || (socket.was_checked() && self.0.lease.expired(now))
    }

    /// Reports first where the node's lease has run out, as after a freeze: no socket could live on it. One
    /// does, however many open.
    pub(super) async fn live_again(&self) -> Result<(), store::Error> {
        if !self.0.lease.expired(self.0.clock.since_boot()) {
            return Ok(());
        }
        let _one = self.0.reviving.lock().await;
        if !self.0.lease.expired(self.0.clock.since_boot()) {
            return Ok(());
        }
        let reported = self.report().await;
        // Granted is granted, whatever it learned beside that.
        if self.0.lease.expired(self.0.clock.since_boot()) {
            reported?;
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

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
