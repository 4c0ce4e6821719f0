//! Leases: a socket whose session could not be checked against SQL in time closes with 4101, and so do all
//! sockets of a node whose own lease, which SQL has acknowledged (`nodes`), has run out.
//!
//! The last layer. It needs no SQL, no bus and no other task to be right.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Hub;
use super::outbox::Leave;

/// How often leases are looked at; a lease may be overdrawn by this much.
const INTERVAL: Duration = Duration::from_millis(500);

/// Ends sockets whose lease has run out, until `stop`.
pub async fn run(hub: Hub, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        hub.end_expired_leases();
    }
}

impl Hub {
    /// For how long this node's sockets may live without hearing from SQL again.
    #[must_use]
    pub fn lease_left(&self) -> Duration {
        let left = self.0.lease.left(self.0.clock.since_boot());
        left.unwrap_or(self.0.limits.lease)
    }

    /// Tells every socket whose lease has run out to leave.
    pub fn end_expired_leases(&self) {
        self.0.registry.for_each(|socket| {
            if self.lease_expired(socket) {
                socket.outbox.leave(Leave::LeaseExpired);
            }
        });
    }
}
