//! Which processes of PostgreSQL have answered, and since when each is known to be there. None of them
//! outlives a crash: whoever is answered by one that was there at some moment knows that there was no crash
//! since.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// More than the connections of all pools: the oldest is forgotten then, which costs a look.
const MOST: usize = 64;
/// How soon one doubt may follow another.
const REST: Duration = Duration::from_millis(250);

/// Processes by name, and what is in doubt.
#[derive(Debug, Default)]
pub(super) struct Backends(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When each answered first, since boot.
    known: HashMap<String, Duration>,
    /// Whether something was reported that could not say all, and when.
    doubt: bool,
    doubted_at: Duration,
}

impl Backends {
    /// It has answered by now.
    pub fn note(&self, backend: &str, now: Duration) {
        let mut state = self.lock();
        if state.known.contains_key(backend) {
            return;
        }
        if state.known.len() >= MOST {
            let oldest = state.known.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(backend, _)| backend.clone()) {
                state.known.remove(&oldest);
            }
        }
        state.known.insert(backend.to_owned(), now);
    }

    /// Whether it is known to have been there at `at`.
    pub fn was_there(&self, backend: &str, at: Duration) -> bool {
        self.lock().known.get(backend).is_some_and(|since| *since <= at)
    }

    /// All that are known to have been there at `at`, with commas in between.
    pub fn there_at(&self, at: Duration) -> String {
        let state = self.lock();
        let there = state.known.iter().filter(|(_, since)| **since <= at);
        let there: Vec<&str> = there.map(|(backend, _)| backend.as_str()).collect();
        there.join(",")
    }

    /// Notes that a report could not say all. Answers whether to look again at once.
    pub fn doubt(&self, now: Duration) -> bool {
        let mut state = self.lock();
        let rested = now >= state.doubted_at + REST;
        if rested {
            (state.doubt, state.doubted_at) = (true, now);
        }
        rested
    }

    /// Whether there was a doubt; now there is none.
    pub fn take_doubt(&self) -> bool {
        std::mem::take(&mut self.lock().doubt)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answered_later_may_have_begun_later() {
        let backends = Backends::default();
        let at = Duration::from_secs;
        backends.note("1@a", at(5));
        backends.note("1@a", at(9));
        backends.note("2@b", at(7));
        assert!(backends.was_there("1@a", at(5)) && !backends.was_there("1@a", at(4)));
        assert!(!backends.was_there("2@b", at(6)) && !backends.was_there("3@c", at(9)));
        assert_eq!(backends.there_at(at(6)), "1@a");
    }

    #[test]
    fn doubts_do_not_chase_each_other() {
        let backends = Backends::default();
        let at = Duration::from_millis;
        assert!(backends.doubt(at(1_000)) && !backends.doubt(at(1_249)));
        assert!(backends.take_doubt() && !backends.take_doubt());
        assert!(backends.doubt(at(1_250)));
    }
}
