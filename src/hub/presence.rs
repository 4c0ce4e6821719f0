//! Who is connected, on all nodes: what caps across nodes and lists of live connections are made of.
//!
//! A cache and no more: it is rebuilt from the registries of the nodes, and losing it costs nobody a
//! socket. Without Redis a node knows its own connections.

use super::redis::Link;

/// How nodes know of each other's connections.
#[derive(Clone, Debug)]
pub enum Presence {
    /// One node: its registry is everything.
    Local,
    /// Lists in Redis, one for each user.
    Redis(Link),
}
