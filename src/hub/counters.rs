//! What `limits` counts with.

use super::redis::Link;

/// Where requests are counted.
#[derive(Clone, Debug)]
pub enum Counters {
    /// In this process alone.
    Local,
    /// In this process, and in Redis for all nodes together.
    Redis(Link),
}
