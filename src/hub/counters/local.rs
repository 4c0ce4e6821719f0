//! Buckets in the memory of this process: what every node counts, whatever becomes of Redis. The same
//! generic cell rate algorithm as there: of each tier only the time is kept at which it is full again.

use std::time::Duration;

use dashmap::DashMap;

use super::{Empty, MAX_TIERS, Take, Tier};

/// When each tier of a key's bucket is full again, since the machine's start.
type Times = [Duration; MAX_TIERS];

/// The buckets of one kind that are not full.
#[derive(Debug, Default)]
pub(super) struct Filled(DashMap<String, Times>);

impl Filled {
    /// Takes one from every tier, or from none: then says how long until there is one in each.
    fn take(&self, tiers: &[Tier], key: &str, now: Duration) -> Result<(), Duration> {
        let mut times = self.0.entry(key.to_owned()).or_default();
        let wait = longest(tiers, &times, now);
        if !wait.is_zero() {
            return Err(wait);
        }
        for (tier, full) in tiers.iter().zip(times.iter_mut()) {
            *full = (*full).max(now) + tier.every;
        }
        Ok(())
    }

    fn give_back(&self, tiers: &[Tier], key: &str, now: Duration) {
        self.0.remove_if_mut(key, |_, times| {
            for (tier, full) in tiers.iter().zip(times.iter_mut()) {
                *full = full.saturating_sub(tier.every);
            }
            is_full(times, now)
        });
    }

    fn wait(&self, tiers: &[Tier], key: &str, now: Duration) -> Duration {
        let times = self.0.get(key);
        times.map_or(Duration::ZERO, |times| longest(tiers, &times, now))
    }

    /// Whether something is missing from the bucket of this key.
    pub(super) fn holds(&self, key: &str, now: Duration) -> bool {
        self.0.get(key).is_some_and(|times| !is_full(&times, now))
    }

    pub(super) fn purge(&self, now: Duration) {
        self.0.retain(|_, times| !is_full(times, now));
        self.0.shrink_to_fit();
    }
}

fn is_full(times: &Times, now: Duration) -> bool {
    times.iter().all(|full| *full <= now)
}

fn longest(tiers: &[Tier], times: &Times, now: Duration) -> Duration {
    let waits = tiers.iter().zip(times);
    let waits = waits.map(|(tier, full)| tier.wait(full.saturating_sub(now)));
    waits.max().unwrap_or_default()
}

pub(super) fn take(takes: &[Take<'_>], now: Duration) -> Result<(), Empty> {
    for (at, (bucket, key)) in takes.iter().enumerate() {
        let Err(wait) = bucket.here.take(&bucket.tiers, key, now) else {
            continue;
        };
        let (before, rest) = takes.split_at(at);
        give_back(before, now);
        // Who waits as long as told must not be told again by the next one.
        let waits = rest
            .iter()
            .map(|(bucket, key)| bucket.here.wait(&bucket.tiers, key, now));
        return Err(Empty {
            at,
            wait: waits.fold(wait, Duration::max),
        });
    }
    Ok(())
}

pub(super) fn give_back(takes: &[Take<'_>], now: Duration) {
    for (bucket, key) in takes {
        bucket.here.give_back(&bucket.tiers, key, now);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bucket;
    use super::*;

    const HOUR: u32 = 3_600;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1_000_000 + seconds)
    }

    fn one(bucket: &Bucket) -> [Take<'_>; 1] {
        [(bucket, "ada".to_owned())]
    }

    #[test]
    fn t08_the_wait_grows_with_what_was_taken() {
        let bucket = Bucket::new("guesses", &[(3, 60, 60), (5, 60, HOUR)]);
        for _ in 0..3 {
            assert_eq!(take(&one(&bucket), at(0)), Ok(()));
        }
        let soon = take(&one(&bucket), at(0)).unwrap_err();
        assert_eq!(soon.wait, Duration::from_secs(1));
        for second in 1..=2 {
            assert_eq!(take(&one(&bucket), at(second)), Ok(()), "as told");
        }
        // Five of the slow tier are gone: it gets one back in a minute.
        let later = take(&one(&bucket), at(3)).unwrap_err();
        assert_eq!(later.wait, Duration::from_secs(57));
        assert_eq!(take(&one(&bucket), at(60)), Ok(()), "as told");
        assert!(take(&one(&bucket), at(61)).is_err());
    }

    #[test]
    fn who_is_stopped_takes_from_none_and_is_told_the_longest_wait() {
        let (narrow, wide) = (Bucket::new("n", &[(1, 1, 10)]), Bucket::new("w", &[(1, 1, 60)]));
        let both = [(&narrow, "ada".to_owned()), (&wide, String::new())];
        assert_eq!(take(&[(&wide, String::new())], at(0)), Ok(()));
        let stopped = take(&both, at(0)).unwrap_err();
        assert_eq!((stopped.at, stopped.wait), (1, Duration::from_mins(1)));
        assert_eq!(take(&one(&narrow), at(0)), Ok(()), "was left alone");
        let stopped = take(&both, at(0)).unwrap_err();
        assert_eq!((stopped.at, stopped.wait), (0, Duration::from_mins(1)));
    }

    #[test]
    fn what_is_given_back_counts_no_more_and_no_bucket_gets_more_than_it_holds() {
        let bucket = Bucket::new("guesses", &[(2, 1, HOUR)]);
        for _ in 0..10 {
            assert_eq!(take(&one(&bucket), at(0)), Ok(()));
            give_back(&one(&bucket), at(0));
        }
        assert!(bucket.here.0.is_empty(), "a full bucket is no entry");
        for _ in 0..3 {
            give_back(&one(&bucket), at(0));
        }
        let taken = (0..5).filter(|_| take(&one(&bucket), at(0)).is_ok());
        assert_eq!(taken.count(), 2);
    }

    #[test]
    fn purging_keeps_what_still_counts() {
        let bucket = Bucket::new("guesses", &[(1, 1, 10), (5, 1, HOUR)]);
        take(&one(&bucket), at(0)).unwrap();
        bucket.here.purge(at(11));
        assert_eq!(bucket.here.0.len(), 1, "the slow tier is not full yet");
        bucket.here.purge(at(3_600));
        assert!(bucket.here.0.is_empty());
    }
}
