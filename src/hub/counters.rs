//! Counting requests: buckets that refill, in this process, and where nodes share a Redis for all of them
//! together. [`crate::limits`] says which buckets there are and counts through here.
//!
//! A bucket may have several tiers, each with a rate of its own, and lets pass what all of them let pass:
//! after many tries in a short time one waits seconds, after many in a day a quarter of an hour. That is how
//! a wait grows with no other state than the times at which the tiers are full again.
//!
//! What this process counts holds in any case: a Redis that is away, slow, emptied or swapped lets nobody
//! get more from a node than that node alone would give.

mod local;
mod redis;

use std::time::Duration;

use super::redis::Link;
use crate::clock::Clock;

/// The most tiers of one bucket.
const MAX_TIERS: usize = 3;

/// Where requests are counted: in this process, and where there is a way to Redis for all nodes together.
#[derive(Clone, Debug)]
pub struct Counters {
    clock: Clock,
    shared: Option<Link>,
}

/// One bucket for each key.
#[derive(Debug)]
pub struct Bucket {
    kind: &'static str,
    tiers: Vec<Tier>,
    here: local::Filled,
}

/// `burst` at once, then one more `every` so long.
#[derive(Clone, Copy, Debug)]
struct Tier {
    burst: u32,
    every: Duration,
    /// So many are refilled in so many seconds. By its period a tier is called in Redis.
    count: u32,
    period: u32,
}

/// One from the bucket of this key.
pub type Take<'a> = (&'a Bucket, String);

/// A bucket was empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Empty {
    /// Which of those that were asked; the first, when several were.
    pub at: usize,
    /// How long until there is one again in each of them, as far as is known here.
    pub wait: Duration,
}

impl Tier {
    /// How long until there is one again in a bucket that is full in `filling` from now; zero when there is.
    fn wait(self, filling: Duration) -> Duration {
        filling.saturating_sub(self.every * self.burst.saturating_sub(1))
    }
}

impl Bucket {
    /// Buckets whose tiers each hold so many at once, and get a count back in so many seconds. `kind` is their
    /// name in Redis. There are three tiers at most.
    #[must_use]
    pub fn new(kind: &'static str, tiers: &[(u32, u32, u32)]) -> Self {
        debug_assert!(tiers.len() <= MAX_TIERS, "{kind} has more than {MAX_TIERS} tiers");
        let tier = |&(burst, count, seconds): &(u32, u32, u32)| Tier {
            burst: burst.max(1),
            every: Duration::from_secs(seconds.into()) / count.max(1),
            count,
            period: seconds,
        };
        Self {
            kind,
            tiers: tiers.iter().take(MAX_TIERS).map(tier).collect(),
            here: local::Filled::default(),
        }
    }

    /// The name that it was given.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Of each tier how much it holds, and how much it gets back in how many seconds.
    pub fn figures(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        self.tiers
            .iter()
            .map(|tier| (tier.burst, tier.count, tier.period))
    }
}

impl Counters {
    /// Counts in Redis as well when there is a way to it. How fast buckets refill here is by `clock`.
    #[must_use]
    pub const fn new(clock: Clock, shared: Option<Link>) -> Self {
        Self { clock, shared }
    }

    /// Takes one from each, or, when one of them is empty, from none.
    ///
    /// # Errors
    /// [`Empty`], for the first bucket that was.
    pub async fn take(&self, takes: &[Take<'_>]) -> Result<(), Empty> {
        local::take(takes, self.clock.since_boot())?;
        let Some(link) = &self.shared else { return Ok(()) };
        let shared = redis::take(link, takes).await;
        if shared.is_err() {
            local::give_back(takes, self.clock.since_boot());
        }
        shared
    }

    /// Gives back what was taken: it was not what the bucket counts.
    pub async fn give_back(&self, takes: &[Take<'_>]) {
        if takes.is_empty() {
            return;
        }
        local::give_back(takes, self.clock.since_boot());
        if let Some(link) = &self.shared {
            redis::give_back(link, takes).await;
        }
    }

    /// Whether something was taken from this bucket that it has not got back yet, on any node as far as is
    /// known here.
    pub async fn holds(&self, take: &Take<'_>) -> bool {
        let (bucket, key) = take;
        if bucket.here.holds(key, self.clock.since_boot()) {
            return true;
        }
        match &self.shared {
            Some(link) => redis::holds(link, take).await,
            None => false,
        }
    }

    /// Forgets every key whose bucket is full again. Redis forgets by itself.
    pub fn purge(&self, bucket: &Bucket) {
        bucket.here.purge(self.clock.since_boot());
    }
}
