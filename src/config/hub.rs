//! `[hub]`: how fast changes reach sockets, and how many sockets there may be.

use super::reader::Reader;
use super::section::section;

section! {
    /// How fast changes reach sockets, and how many there may be. Durations in seconds, fractions allowed.
    "hub" struct Hub {
        /// How long a socket may live without its session having been checked against SQL.
        lease: f64 = 30.0,
        /// How often the journal is read.
        poll: f64 = 1.0,
        /// How often every local session is checked against SQL.
        sweep: f64 = 10.0,
        /// Over how long sockets are sent away when the server stops.
        drain: f64 = 20.0,
        /// Sockets on this node; from the limit of open files unless set (0: not set).
        max_connections: Option<usize> = None,
        /// Sockets of one session; the oldest makes room.
        per_session: usize = 16,
        /// Sockets of one user; the oldest makes room.
        per_user: usize = 64,
        /// Sockets of one address that have not said hello yet.
        waiting_per_address: usize = 100,
    }
}

impl Hub {
    pub(super) fn check(&self, reader: &mut Reader) {
        // The lower bound keeps loops from spinning, the upper one keeps a typing mistake from disabling them.
        for (key, seconds) in [
            ("hub.lease", self.lease),
            ("hub.poll", self.poll),
            ("hub.sweep", self.sweep),
            ("hub.drain", self.drain),
        ] {
            reader.require(
                key,
                (0.01..=86_400.0).contains(&seconds),
                "must be more than 0: between 0.01 and 86400 seconds",
            );
        }
        // Report it where the operator can do something about it.
        let key = if reader.is_given("hub.lease") {
            "hub.lease"
        } else {
            "hub.sweep"
        };
        reader.require(
            key,
            self.lease > self.sweep,
            "hub.lease must be longer than hub.sweep, which renews it",
        );
        for (key, count) in [
            ("hub.per_session", self.per_session),
            ("hub.per_user", self.per_user),
            ("hub.waiting_per_address", self.waiting_per_address),
        ] {
            reader.require(key, count >= 1, "must be at least 1");
        }
    }
}
