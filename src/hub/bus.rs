//! The bus: tells the nodes of each other's changes, and where a connection has to give way. Only ever a
//! hint; the journal is the truth.
//!
//! [`Hub::announce`](super::Hub::announce) puts in, and what other nodes put in comes out as [`News`].
//! Losing all of it costs freshness alone: the journal's tail and the sweep find everything.

mod health;
mod message;
mod publisher;
mod reader;
pub mod redis;

use tokio_util::sync::CancellationToken;

use crate::ids::{ConnectionId, NodeId, UserId};
use crate::store::journal::Entry;
use redis::RedisBus;

/// How nodes hear of each other's changes.
#[derive(Clone, Debug)]
pub enum Bus {
    /// One node: there is nobody to tell.
    Local,
    /// A stream in Redis that every node reads whole.
    Redis(RedisBus),
}

/// What the bus brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Another node has committed this row, and all rows of the same transaction. Rows do not commit in
    /// the order of their sequences: who has applied a later one may still lack this one.
    Journal { epoch: String, sequence: i64 },
    /// This connection, held by this node, is the oldest of too many.
    Shed { user: UserId, connection: ConnectionId },
    /// The bus has been connected or is up, again or for the first time, or so much happened that it was
    /// not told singly: only the journal knows what was missed.
    Reconnected,
}

impl Bus {
    /// Tells the other nodes of committed rows. Never fails and never waits: who misses it finds the
    /// rows in the journal.
    pub fn publish(&self, entries: &[Entry]) {
        match self {
            Self::Local => {}
            Self::Redis(bus) => bus.publish(entries),
        }
    }

    /// Asks `node` to close a connection that it holds, the oldest of too many. Never fails and never
    /// waits, and may be lost.
    pub fn shed(&self, node: NodeId, user: UserId, connection: ConnectionId) {
        match self {
            Self::Local => {}
            Self::Redis(bus) => bus.shed(node, user, connection),
        }
    }

    /// Whether other nodes' changes arrive by themselves now. While they do not, the journal has to be
    /// read more often.
    #[must_use]
    pub fn is_up(&self) -> bool {
        match self {
            Self::Local => true,
            Self::Redis(bus) => bus.is_up(),
        }
    }

    /// Waits until [`is_up`](Self::is_up) is `up`.
    pub async fn until(&self, up: bool) {
        match self {
            Self::Local if up => {}
            Self::Local => std::future::pending().await,
            Self::Redis(bus) => bus.until(up).await,
        }
    }

    /// `local` or `redis`, as the hub's state shows it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Redis(_) => "redis",
        }
    }

    /// `up` or `down`, as the hub's state shows it.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if self.is_up() { "up" } else { "down" }
    }

    /// Carries messages both ways until `stop`, and hands what arrives to `news`, which must not wait.
    pub async fn run(self, news: impl Fn(News) + Send + Sync + 'static, stop: CancellationToken) {
        match self {
            Self::Local => {}
            Self::Redis(bus) => {
                tokio::select! {
                    () = bus.carry(&news) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }
}
