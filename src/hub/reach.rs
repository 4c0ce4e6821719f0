//! How far a revocation has reached: which other nodes have applied it, by their rows in `nodes`.
//!
//! A node has applied it when the transaction that revoked is in what the node has seen, or when the node's
//! lease has run out: then its sockets have closed by themselves. A node that begins later reads SQL before
//! it opens anything, and has nothing to apply.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Hub;
use crate::ids::NodeId;
use crate::store::journal::Snapshot;
use crate::store::nodes::Node;
use crate::store::revocations::Mark;
use crate::store::{self, Db};

/// How soon the table is looked at again: at first, and at most.
const SOONEST: Duration = Duration::from_millis(4);
const LATEST: Duration = Duration::from_millis(32);

/// How far something has reached beyond this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// How many other nodes had sockets when it was first asked for.
    pub others: u32,
    /// How many of them have applied it.
    pub acknowledged: u32,
    /// Those that have not.
    pub pending: Vec<NodeId>,
}

impl Reached {
    /// The table cannot be read: there may be another node, and nobody knows which.
    #[must_use]
    pub const fn unknown() -> Self {
        Self {
            others: 1,
            acknowledged: 0,
            pending: Vec::new(),
        }
    }
}

/// How long one look may take, also for who does not wait.
const ONE_LOOK: Duration = Duration::from_secs(2);

/// The newest look at the table, shared by everybody who waits.
#[derive(Debug, Default)]
pub(super) struct Reach(Mutex<Option<Look>>);

#[derive(Clone, Debug)]
struct Look {
    asked: Instant,
    nodes: Arc<[Node]>,
}

impl Hub {
    /// How far `mark` has reached now.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn reached(&self, mark: &Mark) -> Result<Reached, store::Error> {
        self.wait_for_others(mark, Instant::now()).await
    }

    /// Waits until every other node has applied `mark`, at most until `deadline`.
    ///
    /// # Errors
    /// When storage fails: nothing is known of the others then.
    pub async fn wait_for_others(&self, mark: &Mark, deadline: Instant) -> Result<Reached, store::Error> {
        if let Db::Sqlite { .. } = self.0.db {
            return Ok(Reached::default());
        }
        let latest = deadline.max(Instant::now() + ONE_LOOK);
        let mut pause = SOONEST;
        // Whom it concerns: who lived when it was first looked.
        let mut concerned: Option<HashSet<NodeId>> = None;
        loop {
            let look = tokio::time::timeout_at(latest, self.look(Instant::now()));
            let nodes = look.await.unwrap_or(Err(store::Error::Silent))?;
            let others = nodes.iter().filter(|node| node.id != self.0.node);
            let concerned = concerned.get_or_insert_with(|| {
                let alive = others.clone().filter(|node| node.lease > 0);
                alive.map(|node| node.id).collect()
            });
            let pending: Vec<NodeId> = others
                .filter(|node| concerned.contains(&node.id) && !has_applied(node, mark))
                .map(|node| node.id)
                .collect();
            if pending.is_empty() || Instant::now() >= deadline {
                let count = |nodes: usize| u32::try_from(nodes).unwrap_or(u32::MAX);
                return Ok(Reached {
                    others: count(concerned.len()),
                    acknowledged: count(concerned.len() - pending.len()),
                    pending,
                });
            }
            tokio::time::sleep_until((Instant::now() + pause).min(deadline)).await;
            pause = (pause * 2).min(LATEST);
        }
    }

    /// The table as it was at `since` or later. One query at a time, however many wait.
    async fn look(&self, since: Instant) -> Result<Arc<[Node]>, store::Error> {
        let mut newest = self.0.reach.0.lock().await;
        if let Some(look) = newest.as_ref().filter(|look| look.asked >= since) {
            return Ok(Arc::clone(&look.nodes));
        }
        let asked = Instant::now();
        let nodes: Arc<[Node]> = self.nodes().await?.into();
        *newest = Some(Look {
            asked,
            nodes: Arc::clone(&nodes),
        });
        Ok(nodes)
    }

    /// Whether this node has applied `mark`, its sockets closed included. `present` is the journal's name.
    #[must_use]
    pub fn has_applied(&self, mark: &Mark, present: &str) -> bool {
        self.0
            .progress
            .settled()
            .is_some_and(|settled| covers(&settled.epoch, &settled.snapshot, mark, present))
    }
}

fn has_applied(node: &Node, mark: &Mark) -> bool {
    let seen = node.seen.parse::<Snapshot>();
    node.lease <= 0 || seen.is_ok_and(|seen| covers(&node.epoch, &seen, mark, &node.present))
}

/// Whether who follows `epoch` and has seen `seen` has applied `mark`. The journal's present name is asked for
/// after the mark was committed, so a mark with another one is older: no row of it was open when the
/// epoch began, and whoever entered that has compared all sockets.
fn covers(epoch: &str, seen: &Snapshot, mark: &Mark, present: &str) -> bool {
    epoch == present && (mark.epoch != present || seen.includes(mark.position))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::store::journal::Position;

    fn node(epoch: &str, seen: &str, lease: i64) -> Node {
        Node {
            id: NodeId::from(uuid::Uuid::from_u128(1)),
            present: "two".to_owned(),
            epoch: epoch.to_owned(),
            address: String::new(),
            started_at: Timestamp::default(),
            position: 0,
            seen: seen.to_owned(),
            lag: 0,
            lease,
            connections: 0,
        }
    }

    #[test]
    fn a_node_has_applied_what_it_has_seen_or_cannot_serve_any_more() {
        let position = Position { xid: 12, sequence: 5 };
        let mark = |epoch: &str| Mark {
            epoch: epoch.to_owned(),
            position,
        };
        let applied = |node: Node| has_applied(&node, &mark("two"));
        assert!(!applied(node("two", "12:12:", 9)), "not seen yet");
        assert!(!applied(node("two", "10:14:12", 9)), "it was still running");
        assert!(applied(node("two", "13:13:", 9)));
        assert!(
            applied(node("two", "10:14:10", 9)),
            "an open transaction elsewhere holds nothing up"
        );
        assert!(applied(node("two", "12:12:", 0)), "its lease ran out");
        assert!(!applied(node("one", "99:99:", 9)), "it has not followed yet");
        assert!(!applied(node("two", "nonsense", 9)));
        let older = |node: Node| has_applied(&node, &mark("one"));
        assert!(older(node("two", "1:1:", 9)), "it has entered the newer epoch");
        assert!(
            !older(node("one", "99:99:", 9)),
            "it has not compared all its sockets yet"
        );
    }
}
