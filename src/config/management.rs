//! `[management]`: from where signed-in managers may manage.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::section::section;

section! {
    /// From where signed-in managers may manage; service keys carry networks of their own.
    "management" struct Management {
        /// Networks from which signed-in managers may manage.
        allow: Vec<IpNet> = vec![
            IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
            IpNet::new_assert(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
        ],
    }
}
