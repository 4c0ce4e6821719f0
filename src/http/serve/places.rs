//! How many connections there may be: in total, by what the limit of open files leaves, and of one address.
//!
//! A socket keeps its place in total, and gives up that of its address: [`crate::hub`] counts sockets. A proxy and
//! programs of this very machine are nobody's address.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Address;
use crate::metric;

/// No address may hold more than this part of all places.
const PART: usize = 8;
/// Bounds of what one address may hold: some browsers behind one address, and no crowd.
const OF_ADDRESS: (usize, usize) = (64, 1024);
/// Below this part of all places, connections are not kept for another request.
const FEW: usize = 4;

/// The places. Clones share.
#[derive(Clone, Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    total: usize,
    by_address: Arc<DashMap<Address, usize>>,
    of_address: usize,
    /// Whose connections are of many people.
    shared: Arc<[IpNet]>,
    /// That there are none left was said since there were many.
    told: Arc<AtomicBool>,
}

/// A connection's place in total. Clones share it: it is free when all are gone.
#[derive(Clone, Debug)]
pub struct Place {
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

/// A connection's place among those of its address.
#[derive(Debug)]
pub struct AddressPlace {
    held: Option<(Arc<DashMap<Address, usize>>, Address)>,
}

impl Places {
    /// `total` places; `trusted_proxies` may hold as many of them as they like.
    #[must_use]
    pub fn new(total: usize, trusted_proxies: &[IpNet]) -> Self {
        Self {
            free: Arc::new(Semaphore::new(total)),
            total,
            by_address: Arc::default(),
            of_address: (total / PART).clamp(OF_ADDRESS.0, OF_ADDRESS.1),
            shared: trusted_proxies.into(),
            told: Arc::default(),
        }
    }

    /// A place, once there is one. What cannot be accepted yet waits with the system.
    pub async fn take(&self) -> Place {
        if !self.are_few() {
            self.told.store(false, Ordering::Relaxed);
        } else if self.free.available_permits() == 0 && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                connections = self.total,
                "as many connections are open as the limit of open files allows: the next ones wait; raise it (ulimit -n, LimitNOFILE=)"
            );
        }
        let permit = Arc::clone(&self.free).acquire_owned().await;
        Place {
            // It is never closed.
            _permit: permit.ok().map(Arc::new),
        }
    }

    /// A place among those of `peer`, unless it has as many as one address may have.
    #[must_use]
    pub fn of(&self, peer: IpAddr) -> Option<AddressPlace> {
        let peer = peer.to_canonical();
        if peer.is_loopback() || self.shared.iter().any(|net| net.contains(&peer)) {
            return Some(AddressPlace { held: None });
        }
        let address = Address::of(peer);
        let mut count = self.by_address.entry(address).or_insert(0);
        if *count >= self.of_address {
            metrics::counter!(metric::CONNECTIONS_REFUSED).increment(1);
            return None;
        }
        *count += 1;
        Some(AddressPlace {
            held: Some((Arc::clone(&self.by_address), address)),
        })
    }

    /// Whether so few are left that a connection should not be kept for another request.
    #[must_use]
    pub fn are_few(&self) -> bool {
        self.free.available_permits() < self.total / FEW
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        if let Some((by_address, address)) = &self.held {
            by_address.remove_if_mut(address, |_, count| {
                *count -= 1;
                *count == 0
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn t26_an_address_holds_a_part_of_all_places_and_others_do_not_notice() {
        let places = Places::new(1_000, &["10.0.0.0/8".parse().unwrap()]);
        let mut held: Vec<_> = (0..125).map(|_| places.of(ip("192.0.2.1")).unwrap()).collect();
        assert!(places.of(ip("192.0.2.1")).is_none());
        assert!(places.of(ip("::ffff:192.0.2.1")).is_none(), "the same address");
        assert!(places.of(ip("192.0.2.2")).is_some());
        // Of many people, or of this machine.
        for shared in ["10.1.2.3", "127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let all: Vec<_> = (0..500).map(|_| places.of(ip(shared))).collect();
            assert!(all.iter().all(Option::is_some), "{shared}");
        }
        held.pop();
        assert!(places.of(ip("192.0.2.1")).is_some(), "one is free again");
        drop(held);
        assert!(places.by_address.is_empty(), "nothing is kept of who has gone");
    }

    #[test]
    fn however_many_places_there_are_an_address_has_some_and_not_all() {
        for (total, of_address) in [(128, 64), (896, 112), (1_000_000, 1024)] {
            assert_eq!(Places::new(total, &[]).of_address, of_address, "{total}");
        }
    }

    #[tokio::test]
    async fn t26_when_all_places_are_taken_the_next_waits_for_one() {
        let places = Places::new(4, &[]);
        let mut held = Vec::new();
        for left in [false, false, false, true] {
            held.push(places.take().await);
            assert_eq!(places.are_few(), left);
        }
        let mut next = Box::pin(places.take());
        assert!(next.as_mut().now_or_never().is_none());
        // A socket holds on to the place of its connection.
        let connection = held.pop();
        let socket = connection.clone();
        drop(connection);
        assert!(next.as_mut().now_or_never().is_none());
        drop(socket);
        assert!(next.now_or_never().is_some());
    }
}
