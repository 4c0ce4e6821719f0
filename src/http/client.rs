//! Who is calling, as far as the network tells: the address that limits count and the audit log keeps.
//!
//! Forwarding headers are believed only from `http.trusted_proxies`. The middleware works a [`Client`]
//! out once a request and leaves it in the request's extensions; extractors and the socket read it.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use ipnet::IpNet;

use crate::audit::{Actor, Origin};
use crate::config;
use crate::sessions::{MAX_USER_AGENT, plain_text};

/// The other end of the TCP connection. The accept loop leaves it in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct Client {
    /// The caller's address, IPv4-mapped ones as IPv4.
    pub ip: IpAddr,
    /// The other end of the TCP connection: the caller, or a proxy.
    pub peer: IpAddr,
    /// The request carries `X-Forwarded-*`, `Forwarded`, or something else that proxies write.
    pub forwarded: bool,
    /// `ip` is known to be the caller's. It is not when somebody who is not trusted forwards, or when
    /// the trusted proxies' own trail breaks off.
    pub certain: bool,
    /// A trusted proxy says that the caller reached it over TLS. The hub itself speaks none.
    pub is_encrypted: bool,
    /// Cut to 256 characters, without control characters.
    pub user_agent: Option<String>,
    /// `Accept-Language`, cut likewise.
    pub languages: Option<String>,
    pub request_id: Arc<str>,
}

impl Client {
    /// What the middleware found out about a request, or, where it did not run, what can be found now.
    #[must_use]
    pub fn of(extensions: &Extensions, headers: &HeaderMap, config: &config::Http) -> Self {
        let found = || {
            let Peer(peer) = extensions.get()?;
            Some(Self::locate(
                peer.ip(),
                headers,
                &config.trusted_proxies,
                Arc::from(""),
            ))
        };
        extensions
            .get()
            .cloned()
            .or_else(found)
            .unwrap_or_else(Self::unknown)
    }

    /// Reads the trail that the headers lay, as far as it can be trusted.
    pub(super) fn locate(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet], request_id: Arc<str>) -> Self {
        let peer = peer.to_canonical();
        let trusted_peer = contains(trusted, peer);
        let forwarded = is_forwarded(headers);
        let (ip, whole) = if trusted_peer {
            follow(peer, headers, trusted)
        } else {
            (peer, true)
        };
        let certain = whole && (trusted_peer || !forwarded);
        let user_agent = headers.get(header::USER_AGENT).map(|value| cut(value.as_bytes()));
        let languages = headers
            .get(header::ACCEPT_LANGUAGE)
            .map(|value| cut(value.as_bytes()));
        let is_encrypted = trusted_peer && says_https(headers);
        Self {
            ip,
            peer,
            forwarded,
            certain,
            is_encrypted,
            user_agent,
            languages,
            request_id,
        }
    }

    /// Nobody knows who calls, so nothing is trusted.
    fn unknown() -> Self {
        let nowhere = IpAddr::from([0, 0, 0, 0]);
        let (user_agent, languages, request_id) = (None, None, Arc::from(""));
        Self {
            ip: nowhere,
            peer: nowhere,
            forwarded: true,
            certain: false,
            is_encrypted: false,
            user_agent,
            languages,
            request_id,
        }
    }

    /// Whether one of `proxies` sent the request.
    pub(super) fn came_by(&self, proxies: &[IpNet]) -> bool {
        contains(proxies, self.peer)
    }

    /// Whether the caller's address is certain and inside one of `nets`.
    #[must_use]
    pub fn is_inside(&self, nets: &[IpNet]) -> bool {
        self.certain && contains(nets, self.ip)
    }

    /// The origin of an act by `actor`, for services and the audit log.
    #[must_use]
    pub fn origin(&self, actor: Actor) -> Origin {
        Origin {
            actor,
            ip: Some(self.ip),
            user_agent: self.user_agent.clone(),
            languages: self.languages.clone(),
            request_id: Some(self.request_id.to_string()),
        }
    }

    /// The origin of an act by nobody in particular.
    #[must_use]
    pub fn anonymous(&self) -> Origin {
        self.origin(Actor::Anonymous)
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Behind the middleware there always is one.
        Ok(parts.extensions.get().cloned().unwrap_or_else(Self::unknown))
    }
}

/// Whether one of `nets` holds `ip`; an IPv4-mapped address counts as IPv4.
fn contains(nets: &[IpNet], ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    nets.iter().any(|net| net.contains(&ip))
}

/// What proxies write into a request beside `X-Forwarded-…`: they show that there was one, and are never read.
const SIGNS_OF_A_PROXY: [&str; 9] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-cluster-client-ip",
];

/// Whether anybody on the way says that the request was forwarded.
fn is_forwarded(headers: &HeaderMap) -> bool {
    let says_so = |name: &str| SIGNS_OF_A_PROXY.contains(&name) || name.starts_with("x-forwarded-");
    headers.keys().any(|name| says_so(name.as_str()))
}

/// Whether each hop that `X-Forwarded-Proto` names was reached over TLS.
fn says_https(headers: &HeaderMap) -> bool {
    let lines = headers.get_all("x-forwarded-proto");
    let https = |hop: &[u8]| hop.trim_ascii().eq_ignore_ascii_case(b"https");
    let mut hops = lines
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .peekable();
    hops.peek().is_some() && hops.all(https)
}

/// Walks `X-Forwarded-For` from the right, over trusted hops, to the first that is not one. A hop that
/// is no address ends the walk at the last good one. Answers whether the trail was whole.
fn follow(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> (IpAddr, bool) {
    let mut at = peer;
    // A trail in `Forwarded` alone is not read: then all that is known is the proxy.
    let mut whole = !is_forwarded(headers);
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    for line in lines.iter().rev() {
        for hop in line.as_bytes().rsplit(|byte| *byte == b',') {
            let Some(ip) = std::str::from_utf8(hop).ok().and_then(address) else {
                return (at, false);
            };
            at = ip;
            whole = true;
            if !contains(trusted, ip) {
                return (at, true);
            }
        }
    }
    (at, whole)
}

/// One hop: an address, with a port or in brackets as some proxies write it.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim_matches([' ', '\t']);
    let bracketed = || {
        hop.strip_prefix('[')?
            .strip_suffix(']')?
            .parse()
            .ok()
            .map(IpAddr::V6)
    };
    let ip = hop
        .parse::<IpAddr>()
        .ok()
        .or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(bracketed)?;
    Some(ip.to_canonical())
}

/// The text without control characters, cut.
fn cut(bytes: &[u8]) -> String {
    plain_text(&String::from_utf8_lossy(bytes), MAX_USER_AGENT)
}

#[cfg(test)]
mod tests;
