//! Buckets in the memory of this process: what every node counts, whatever becomes of Redis.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::{Empty, Take};

/// The buckets of one kind.
#[derive(Debug)]
pub(super) struct Buckets(DefaultKeyedRateLimiter<String>);

impl Buckets {
    pub(super) fn new(burst: u32, every: Duration) -> Self {
        #[expect(clippy::expect_used, reason = "the periods are constants above zero")]
        let quota = Quota::with_period(every).expect("a period above zero");
        let quota = quota.allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        Self(RateLimiter::keyed(quota))
    }

    pub(super) fn purge(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

pub(super) fn take(takes: &[Take<'_>]) -> Result<(), Empty> {
    for (at, (bucket, key)) in takes.iter().enumerate() {
        bucket.here.0.check_key(key).map_err(|until| Empty {
            at,
            wait: until.wait_time_from(DefaultClock::default().now()),
        })?;
    }
    Ok(())
}
