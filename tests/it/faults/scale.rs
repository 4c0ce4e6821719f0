//! How large and how long a run is: short beside the other tests, long on its own.

use std::time::Duration;

/// Sizes and lengths of all scenarios.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// `PORTCULLIS_FAULTS=long`: real durations, and as many sockets as a machine carries.
    pub long: bool,
    /// `PORTCULLIS_FAULTS_SEED`: what all chance is drawn from.
    pub seed: u64,
    /// `PORTCULLIS_FAULTS_MINUTES`: how long the random mix goes on.
    pub minutes: u64,
}

impl Scale {
    pub fn read() -> Self {
        let number = |name: &str, default| match std::env::var(name) {
            Ok(text) => text
                .parse()
                .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
            Err(_) => default,
        };
        Self {
            long: std::env::var("PORTCULLIS_FAULTS").is_ok_and(|scale| scale == "long"),
            seed: number("PORTCULLIS_FAULTS_SEED", 1),
            minutes: number("PORTCULLIS_FAULTS_MINUTES", 10),
        }
    }

    /// A count: this one in the short form, that one in the long.
    pub fn count(self, short: usize, long: usize) -> usize {
        if self.long { long } else { short }
    }

    /// A length in seconds: this one in the short form, that one in the long.
    pub fn seconds(self, short: f64, long: f64) -> Duration {
        Duration::from_secs_f64(if self.long { long } else { short })
    }

    /// `hub.lease`.
    pub fn lease(self) -> Duration {
        self.seconds(5.0, 30.0)
    }

    /// `hub.sweep`.
    pub fn sweep(self) -> Duration {
        self.seconds(1.5, 10.0)
    }

    /// `hub.drain`.
    pub fn drain(self) -> Duration {
        self.seconds(2.0, 20.0)
    }

    /// The longest that a client of the swarm waits before it tries again.
    pub fn longest_retry(self) -> Duration {
        self.seconds(2.0, 20.0)
    }
}
