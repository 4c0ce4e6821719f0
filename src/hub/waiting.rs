//! Sockets that have not said hello: how many there are, and from where.

use std::net::{IpAddr, Ipv6Addr};

use dashmap::DashMap;

use super::Hub;

/// How many sockets wait, by address.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_address: DashMap<IpAddr, usize>,
}

/// One waiting socket; dropping it gives the place up.
#[derive(Debug)]
pub struct WaitingPlace {
    hub: Hub,
    key: IpAddr,
}

impl WaitingPlace {
    pub(super) fn take(hub: &Hub, address: IpAddr) -> Option<Self> {
        let waiting = &hub.0.waiting;
        let key = network(address);
        let mut count = waiting.by_address.entry(key).or_insert(0);
        if *count >= hub.0.limits.waiting_per_address {
            return None;
        }
        *count += 1;
        Some(Self {
            hub: hub.clone(),
            key,
        })
    }
}

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        let waiting = &self.hub.0.waiting;
        waiting.by_address.remove_if_mut(&self.key, |_, count| {
            *count -= 1;
            *count == 0
        });
    }
}

/// What counts as one address: IPv4 whole, IPv6 by its /64, which is what one customer gets.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}
