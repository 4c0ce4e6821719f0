//! Which addresses the hub calls on behalf of a provider, so that a provider cannot make it call a neighbour
//! (server-side request forgery): a metadata service, a database, the hub itself.
//!
//! The operator's configuration decides. Whatever else names an address, a discovery document or a name server, is
//! held against it each time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::config;

/// How far a provider may be away, or how near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// On the Internet.
    Public,
    /// There, or on this machine: the operator wrote a loopback address.
    Loopback,
    /// Anywhere: the operator said so (`allow_private`).
    Any,
}

impl Reach {
    /// What the configuration of `provider` allows.
    pub(super) fn of(provider: &config::Provider) -> Self {
        let issuer = provider
            .issuer
            .as_deref()
            .and_then(|issuer| Url::parse(issuer).ok());
        let endpoints = [
            &provider.authorization_url,
            &provider.token_url,
            &provider.userinfo_url,
            &provider.emails_url,
            &provider.jwks_url,
        ];
        let mut written = endpoints.into_iter().flatten().chain(&issuer);
        if provider.allow_private {
            Self::Any
        } else if written.any(config::is_loopback) {
            Self::Loopback
        } else {
            Self::Public
        }
    }

    /// Whether `ip` may be connected to.
    pub(super) fn admits(self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        match self {
            Self::Public => is_public(ip),
            Self::Loopback => ip.is_loopback() || is_public(ip),
            Self::Any => true,
        }
    }

    /// Whether `url` may be called, as far as it can be told without resolving its name: encrypted unless on this
    /// machine, for nobody in particular, and not an address that is out of reach. `url` has already made one address out
    /// of all the ways to write it, such as `http://2130706433/`.
    pub(super) fn check(self, url: &Url) -> Result<(), String> {
        let clear = url.scheme() == "http" && self != Self::Public && config::is_loopback(url);
        if url.scheme() != "https" && !clear {
            return Err("an address of it is not https".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address of it has a user name".to_owned());
        }
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(_)) => None,
            None => return Err("an address of it has no host".to_owned()),
        };
        match literal {
            Some(ip) if !self.admits(ip) => Err(refusal(&ip.to_string())),
            _ => Ok(()),
        }
    }
}

/// What is said of a host that is out of reach.
pub(super) fn refusal(host: &str) -> String {
    format!("{host} is not an address of the Internet; `allow_private` of the provider lets it be one")
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// What IANA's registry of special addresses leaves (RFC 6890).
fn is_public_v4(ip: Ipv4Addr) -> bool {
    !matches!(
        ip.octets(),
        [0 | 10 | 127 | 224..=255, ..]      // this network, private, loopback, multicast and reserved
            | [100, 64..=127, ..]           // between a provider and its customers (RFC 6598)
            | [169, 254, ..]                // link-local, where clouds keep their metadata
            | [172, 16..=31, ..]            // private
            | [192, 168, ..]                // private
            | [192, 0, 0 | 2, _]            // protocol assignments, documentation
            | [192, 88, 99, _]              // relays of 6to4
            | [198, 18 | 19, ..]            // benchmarks
            | [198, 51, 100, _]             // documentation
            | [203, 0, 113, _] // documentation
    )
}

/// What is handed out for the Internet, without what is special in it, and without addresses that carry another one
/// which a gateway would unpack. NAT64 alone is unpacked here: without it a host that has only IPv6 reaches nobody.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [.., w, x, y, z] = ip.octets();
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(Ipv4Addr::new(w, x, y, z)),
        // Protocol assignments, Teredo among them; documentation; 6to4.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t18_only_addresses_of_the_internet_are_public() {
        for ip in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "::8.8.8.8",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "3fff::1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "4000::1",
        ] {
            assert!(!Reach::Public.admits(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "2a00:1450::1",
            "2001:200::1",
            "2606:4700::1",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(Reach::Public.admits(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn t18_a_loopback_address_that_was_written_opens_loopback_alone() {
        for (ip, loopback) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("8.8.8.8", true),
            ("10.0.0.1", false),
            ("169.254.169.254", false),
            ("::127.0.0.1", false),
            ("fd00::1", false),
        ] {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!(Reach::Loopback.admits(ip), loopback, "{ip}");
            assert!(Reach::Any.admits(ip));
        }
    }

    #[test]
    fn t18_an_address_in_any_writing_is_seen_before_it_is_called() {
        for text in [
            "http://login.example.org/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.1/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://169.254.169.254/latest",
            "https://１２７.０.０.１/",
            "https://0/",
            "https://ada@login.example.org/",
            "ftp://login.example.org/",
            "http://127.0.0.1/",
            "http://localhost/",
            "data:text/plain,x",
        ] {
            assert!(Reach::Public.check(&Url::parse(text).unwrap()).is_err(), "{text}");
        }
        for (text, reach) in [
            ("https://login.example.org:8443/a?b", Reach::Public),
            ("https://8.8.8.8/", Reach::Public),
            ("http://127.0.0.1:9/", Reach::Loopback),
            ("http://localhost:9/", Reach::Loopback),
            ("https://10.0.0.1/", Reach::Any),
        ] {
            assert_eq!(reach.check(&Url::parse(text).unwrap()), Ok(()), "{text}");
        }
        for (text, reach) in [
            ("http://10.0.0.1/", Reach::Any),
            ("https://10.0.0.1/", Reach::Loopback),
        ] {
            assert!(reach.check(&Url::parse(text).unwrap()).is_err(), "{text}");
        }
    }
}
