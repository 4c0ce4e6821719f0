//! How many frames a client may send: fixed windows, a few bytes for each socket.

use std::time::{Duration, Instant};

/// Counts up to `limit` in each window of `length`.
#[derive(Debug)]
pub struct Pace {
    limit: u16,
    length: Duration,
    count: u16,
    began: Option<Instant>,
}

impl Pace {
    #[must_use]
    pub const fn new(limit: u16, length: Duration) -> Self {
        Self {
            limit,
            length,
            count: 0,
            began: None,
        }
    }

    /// Counts one; `Err` says how long until the next window when there were too many.
    ///
    /// # Errors
    /// The time to wait.
    pub fn count(&mut self, now: Instant) -> Result<(), Duration> {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        if passed >= self.length {
            self.began = Some(now);
            self.count = 0;
        }
        if self.count >= self.limit {
            return Err(self.length.saturating_sub(passed));
        }
        self.count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_its_limit_and_says_when_the_next_begins() {
        let mut pace = Pace::new(2, Duration::from_secs(10));
        let start = Instant::now();
        assert!(pace.count(start).is_ok());
        assert!(pace.count(start + Duration::from_secs(4)).is_ok());
        assert_eq!(
            pace.count(start + Duration::from_secs(4)),
            Err(Duration::from_secs(6))
        );
        assert!(pace.count(start + Duration::from_secs(10)).is_ok());
    }
}
