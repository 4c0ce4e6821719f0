//! Counting requests: buckets that refill, in this process, and where nodes share a Redis for all of them
//! together. [`crate::limits`] says which buckets there are and counts through here.
//!
//! What this process counts holds in any case: a Redis that is away, slow, emptied or swapped lets nobody
//! get more from a node than that node alone would give.

mod local;
mod redis;

use std::time::Duration;

use super::redis::Link;

/// Where requests are counted.
#[derive(Clone, Debug)]
pub enum Counters {
    /// In this process alone.
    Local,
    /// In this process, and in Redis for all nodes together.
    Redis(Link),
}

/// One bucket for each key: `burst` at once, then one more `every` so long.
#[derive(Debug)]
pub struct Bucket {
    kind: &'static str,
    burst: u32,
    every: Duration,
    here: local::Buckets,
}

/// One from the bucket of this key.
pub type Take<'a> = (&'a Bucket, String);

/// A bucket was empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Empty {
    /// Which of those that were asked.
    pub at: usize,
    /// How long until there is one again.
    pub wait: Duration,
}

impl Bucket {
    /// Buckets that hold `burst` and get `count` in `seconds`. `kind` is their name in Redis.
    #[must_use]
    pub fn new(kind: &'static str, burst: u32, count: u32, seconds: u32) -> Self {
        let every = Duration::from_secs(seconds.into()) / count.max(1);
        Self {
            kind,
            burst,
            every,
            here: local::Buckets::new(burst, every),
        }
    }

    /// Forgets every key whose bucket is full again.
    pub fn purge(&self) {
        self.here.purge();
    }
}

impl Counters {
    /// Counts in Redis as well when there is a way to it.
    #[must_use]
    pub fn new(link: Option<Link>) -> Self {
        link.map_or(Self::Local, Self::Redis)
    }

    /// Takes one from each, in their order: those behind an empty one are left alone.
    ///
    /// This process counts first. A caller whom the other nodes' counts stop has then taken from the
    /// wider buckets of this node, but never more than this node alone would have let through.
    ///
    /// # Errors
    /// [`Empty`], for the first bucket that was.
    pub async fn take(&self, takes: &[Take<'_>]) -> Result<(), Empty> {
        local::take(takes)?;
        match self {
            Self::Local => Ok(()),
            Self::Redis(link) => redis::take(link, takes).await,
        }
    }
}
