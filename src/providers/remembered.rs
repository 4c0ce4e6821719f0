//! What was fetched once and holds for a while. Whoever comes while it is being fetched waits for that, and fetches
//! nothing; and that it could not be fetched is remembered too, for a moment, so that a provider out of order
//! does not make everybody wait for it in turn.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::Error;
use crate::clock::Clock;

/// For how long a failure holds.
const FAILURE: Duration = Duration::from_secs(5);

/// A value that is fetched when it is asked for.
pub(super) struct Remembered<T> {
    clock: Clock,
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    value: Option<(Arc<T>, Duration)>,
    failure: Option<(Error, Duration)>,
}

impl<T> Remembered<T> {
    pub(super) fn new(clock: &Clock) -> Self {
        let kept = Kept {
            value: None,
            failure: None,
        };
        Self {
            clock: clock.clone(),
            kept: Mutex::new(kept),
        }
    }

    /// The value, if it is younger than `age`; or else what `fetch` gives, which is not begun otherwise. A value stays
    /// when another one could not be fetched, for whoever is content with its age.
    pub(super) async fn younger_than(
        &self,
        age: Duration,
        fetch: impl Future<Output = Result<T, Error>>,
    ) -> Result<Arc<T>, Error> {
        let mut kept = self.kept.lock().await;
        let holds = |since: Duration, limit| self.clock.since_boot().saturating_sub(since) < limit;
        if let Some((value, since)) = &kept.value
            && holds(*since, age)
        {
            return Ok(Arc::clone(value));
        }
        if let Some((failure, since)) = &kept.failure
            && holds(*since, FAILURE)
        {
            return Err(failure.clone());
        }
        let fetched = fetch.await.map(Arc::new);
        let now = self.clock.since_boot();
        match fetched {
            Ok(value) => {
                *kept = Kept {
                    value: Some((Arc::clone(&value), now)),
                    failure: None,
                };
                Ok(value)
            }
            Err(failure) => {
                kept.failure = Some((failure.clone(), now));
                Err(failure)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    const HOUR: Duration = Duration::from_hours(1);

    struct Fetched {
        hands: ManualClock,
        remembered: Remembered<u32>,
        count: AtomicU32,
    }

    impl Fetched {
        fn new() -> Self {
            let hands = ManualClock::starting_at(Timestamp::default());
            let remembered = Remembered::new(&Clock::Manual(hands.clone()));
            Self {
                hands,
                remembered,
                count: AtomicU32::new(0),
            }
        }

        async fn ask(&self, age: Duration, works: bool) -> Result<u32, Error> {
            let fetch = async {
                let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::task::yield_now().await;
                works
                    .then_some(count)
                    .ok_or_else(|| Error::Unavailable(count.to_string()))
            };
            self.remembered.younger_than(age, fetch).await.map(|value| *value)
        }
    }

    #[tokio::test]
    async fn a_value_is_fetched_once_for_all_who_wait_and_again_when_it_is_old() {
        let fetched = Fetched::new();
        let all = futures_util::future::join_all((0..100).map(|_| fetched.ask(HOUR, true))).await;
        assert!(all.into_iter().all(|value| value == Ok(1)));
        fetched.hands.advance(HOUR);
        assert_eq!(fetched.ask(HOUR, true).await, Ok(2));
    }

    #[tokio::test]
    async fn a_failure_is_remembered_for_a_moment_and_takes_no_value_away() {
        let fetched = Fetched::new();
        let failure = |count: u32| Err(Error::Unavailable(count.to_string()));
        let all = futures_util::future::join_all((0..100).map(|_| fetched.ask(HOUR, false))).await;
        assert!(all.into_iter().all(|value| value == failure(1)));
        fetched.hands.advance(FAILURE);
        assert_eq!(fetched.ask(HOUR, true).await, Ok(2));
        fetched.hands.advance(Duration::from_mins(1));
        assert_eq!(fetched.ask(Duration::from_mins(1), false).await, failure(3));
        assert_eq!(
            fetched.ask(HOUR, false).await,
            Ok(2),
            "still good for who is content with it"
        );
    }
}
