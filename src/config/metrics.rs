//! `[metrics]`: where Prometheus reads.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use super::section::section;

section! {
    /// Where Prometheus reads.
    "metrics" struct Metrics {
        /// Address and port of `/metrics`; `None` (an empty text): off.
        listen: Option<SocketAddr> = Some(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9464))),
    }
}
