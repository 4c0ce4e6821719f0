//! The connection hub of one node: which sockets are open, and how a committed change reaches them.

use crate::store::journal::Entry;

/// The hub. Clones share.
#[derive(Clone, Debug)]
pub struct Hub;

impl Hub {
    /// Applies committed journal rows to this node's sockets at once, then tells the other nodes.
    pub async fn announce(&self, _entries: &[Entry]) {
        todo!()
    }
}
