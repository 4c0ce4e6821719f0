//! The bus: tells other nodes that the journal has grown. Only ever a hint; the journal is the truth.

use crate::ids::{ConnectionId, NodeId, UserId};
use crate::store::journal::Entry;

/// How nodes hear of each other's changes.
#[derive(Clone, Debug)]
pub enum Bus {
    /// One node: there is nobody to tell.
    Local,
}

impl Bus {
    /// Tells the other nodes of committed rows. Never fails and never waits: who misses it finds the
    /// rows in the journal.
    pub fn publish(&self, _entries: &[Entry]) {
        match self {
            Self::Local => {}
        }
    }

    /// Asks `node` to close a connection that it holds, the oldest of too many. Never fails and never
    /// waits, and may be lost.
    pub fn shed(&self, _node: NodeId, _user: UserId, _connection: ConnectionId) {
        match self {
            Self::Local => {}
        }
    }

    /// `local`, as the hub's state shows it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Local => "local",
        }
    }
}
