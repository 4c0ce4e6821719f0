//! The public address of this server, from which links, the issuer and the default origin are made.
//! Built once, when the listening address is known; a request's `Host` has no say in it.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::Config;
use super::reader::Reader;

/// The address under which people reach the hub: the base of links and the issuer of tokens.
#[derive(Clone, Debug)]
pub struct PublicUrl {
    base: String,
    url: Url,
}

impl PublicUrl {
    /// From the configured `public_url`, or else from the bound address.
    ///
    /// # Panics
    /// Never: `http://` and a socket address always make a URL.
    #[must_use]
    pub fn new(config: &Config, bound: SocketAddr) -> Self {
        let url = config
            .public_url
            .clone()
            .or_else(|| Url::parse(&format!("http://{}", reachable(bound))).ok());
        #[expect(
            clippy::expect_used,
            reason = "`http://` and a socket address always make a URL"
        )]
        let url = url.expect("an address is a URL");
        Self {
            base: url.as_str().trim_end_matches('/').to_owned(),
            url,
        }
    }

    /// The `iss` of every token: the public address without a slash at its end.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.base
    }

    /// The address of `path`, which begins with a slash.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The address of the socket: `ws://…/ws` or `wss://…/ws`.
    #[must_use]
    pub fn socket_url(&self) -> String {
        format!("{}/ws", self.base.replacen("http", "ws", 1))
    }

    /// Scheme, host and port, as a browser writes them into `Origin`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether people reach the hub without TLS on its own machine, as in development.
    #[must_use]
    pub fn is_http_on_loopback(&self) -> bool {
        self.url.scheme() == "http" && is_loopback(&self.url)
    }

    /// The public address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// A wildcard address is listened on, but cannot be called.
pub(super) fn reachable(bound: SocketAddr) -> SocketAddr {
    match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(IpAddr::from([127, 0, 0, 1]), bound.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::from(std::net::Ipv6Addr::LOCALHOST), bound.port())
        }
        _ => bound,
    }
}

/// The rules of `public_url`.
pub(super) fn check(url: &Url, reader: &mut Reader) {
    reader.require(
        "public_url",
        matches!(url.scheme(), "http" | "https") && url.has_host(),
        "begin it with https:// or http://",
    );
    let bare = url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    reader.require(
        "public_url",
        bare && nobody,
        "leave out the query, the fragment and any user name",
    );
}

/// Whether the host of `url` is this machine, by its name or its address.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    // A scheme that is not of the web keeps its host as it was typed: parse that once more.
    match url.host_str().map(Host::parse) {
        Some(Ok(Host::Domain(name))) => name == "localhost" || name.ends_with(".localhost"),
        Some(Ok(Host::Ipv4(ip))) => ip.is_loopback(),
        Some(Ok(Host::Ipv6(ip))) => IpAddr::V6(ip).to_canonical().is_loopback(),
        _ => false,
    }
}
