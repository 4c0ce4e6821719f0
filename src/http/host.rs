//! Which `Host` this server answers for: another one gets 421, so that no page, link or cookie can be
//! made under a name that is not ours (DNS rebinding, poisoned caches; T25).
//!
//! Allowed are the host of `public_url`, `localhost`, loopback addresses and the bound address. The
//! port is not compared: nothing is ever built from `Host`, and proxies differ in what they write.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, Uri, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::edge::Edge;
use super::problem::Problem;
use crate::config::{Config, PublicUrl};
use crate::error::Code;

/// Load balancers and containers ask these by whatever name they have.
const ANY_HOST: [&str; 2] = ["/healthz", "/readyz"];

/// The hosts that this server answers for, besides `localhost` and loopback addresses.
#[derive(Clone, Debug)]
pub struct Hosts {
    public: String,
    bound: Option<IpAddr>,
}

impl Hosts {
    /// From the public address and the address listened on.
    pub fn new(config: &Config, site: &PublicUrl) -> Self {
        let listen = config.http.listen.ip().to_canonical();
        let public = site.url().host_str().unwrap_or_default();
        Self::of(public, Some(listen).filter(|ip| !ip.is_unspecified()))
    }

    /// The host of the public address, and the address listened on unless it is a wildcard.
    pub fn of(public: &str, bound: Option<IpAddr>) -> Self {
        Self {
            public: public.to_ascii_lowercase(),
            bound,
        }
    }

    /// Whether `authority`, a `host[:port]`, is one of ours.
    pub fn allows(&self, authority: &str) -> bool {
        let Some(host) = host_of(authority) else {
            return false;
        };
        self.is_own_name(&host) || loopback_or(&host, self.bound)
    }

    /// Whether `authority` is the public host, `localhost` or a loopback address: where a page may be
    /// shown that is meant for this machine's own people (DNS rebinding).
    pub fn is_near(&self, authority: &str) -> bool {
        host_of(authority).is_some_and(|host| self.is_own_name(&host) || loopback_or(&host, None))
    }

    fn is_own_name(&self, host: &str) -> bool {
        host == self.public || host == "localhost"
    }

    /// Checks the one `Host` of a request and, in absolute form, the authority of its target.
    fn check(&self, headers: &HeaderMap, uri: &Uri, version: Version) -> Result<(), Problem> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host,
            (None, _) if version < Version::HTTP_11 || uri.authority().is_some() => return self.target(uri),
            _ => return Err(Problem::new(Code::BadRequest).detail("send exactly one Host header")),
        };
        let allowed = host.to_str().is_ok_and(|host| self.allows(host));
        if allowed {
            self.target(uri)
        } else {
            Err(Problem::new(Code::MisdirectedRequest))
        }
    }

    fn target(&self, uri: &Uri) -> Result<(), Problem> {
        match uri.authority() {
            Some(authority) if !self.allows(authority.as_str()) => {
                Err(Problem::new(Code::MisdirectedRequest))
            }
            _ => Ok(()),
        }
    }
}

/// Whether `host` is a loopback address, or the address `bound`.
fn loopback_or(host: &str, bound: Option<IpAddr>) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    let Ok(ip) = bare.parse::<IpAddr>() else {
        return false;
    };
    let ip = ip.to_canonical();
    ip.is_loopback() || bound == Some(ip)
}

/// The host of `host[:port]`, lower-cased; `None` when it is anything else.
fn host_of(authority: &str) -> Option<String> {
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']')? + 1;
        (
            &authority[..end],
            authority[end..]
                .strip_prefix(':')
                .or((authority.len() == end).then_some("")),
        )
    } else {
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        (host, Some(port))
    };
    let port = port?;
    let numeric = port.bytes().all(|byte| byte.is_ascii_digit()) && port.len() <= 5;
    (numeric && !host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// Refuses requests that are meant for somebody else.
pub async fn check(Extension(edge): Extension<Arc<Edge>>, request: Request, next: Next) -> Response {
    if !ANY_HOST.contains(&request.uri().path())
        && let Err(problem) = edge
            .hosts
            .check(request.headers(), request.uri(), request.version())
    {
        return problem.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        Hosts::of("auth.example.org", Some("192.0.2.1".parse().unwrap()))
    }

    #[test]
    fn t25_only_our_own_hosts_are_answered() {
        for host in [
            "auth.example.org",
            "auth.example.org:443",
            "auth.example.org:8443",
            "AUTH.Example.org",
            "localhost",
            "localhost:8080",
            "127.0.0.1:8080",
            "127.8.8.8",
            "[::1]",
            "[::1]:8080",
            "[::ffff:127.0.0.1]:80",
            "192.0.2.1:8080",
        ] {
            assert!(hosts().allows(host), "{host}");
        }
        for host in [
            "",
            ":8080",
            "example.org",
            "evil.example",
            "auth.example.org.evil.example",
            "evilauth.example.org",
            "auth.example.org.",
            "auth.example.org@evil.example",
            "evil.example@auth.example.org",
            "auth.example.org:80:80",
            "auth.example.org:80@evil.example",
            "auth.example.org:evil",
            "auth.example.org:999999",
            "auth.example.org/evil",
            "auth.example.org, evil.example",
            "auth.example.org evil.example",
            "auth.example.org#",
            "auth.example.org?",
            "auth.example.org\\evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0.0.0.0",
            "192.0.2.2",
            "10.0.0.1:8080",
            "[::2]",
            "[::1",
            "[::1]evil",
            "[::1]:evil",
            "[]",
        ] {
            assert!(!hosts().allows(host), "{host}");
        }
    }

    #[test]
    fn t25_an_absolute_target_is_held_to_the_same_rule() {
        let check = |host: &[&str], uri: &str, version| {
            let mut headers = HeaderMap::new();
            for host in host {
                headers.append(header::HOST, host.parse().unwrap());
            }
            hosts()
                .check(&headers, &uri.parse().unwrap(), version)
                .err()
                .map(|problem| problem.code())
        };
        let ours = "auth.example.org";
        assert_eq!(check(&[ours], "/", Version::HTTP_11), None);
        assert_eq!(check(&[ours], "http://auth.example.org/", Version::HTTP_11), None);
        let misdirected = Some(Code::MisdirectedRequest);
        assert_eq!(
            check(&[ours], "http://evil.example/", Version::HTTP_11),
            misdirected
        );
        assert_eq!(
            check(&["evil.example"], "http://auth.example.org/", Version::HTTP_11),
            misdirected
        );
        assert_eq!(
            check(&[ours, "evil.example"], "/", Version::HTTP_11),
            Some(Code::BadRequest)
        );
        assert_eq!(check(&[], "/", Version::HTTP_11), Some(Code::BadRequest));
        assert_eq!(check(&[], "/", Version::HTTP_10), None);
    }
}
