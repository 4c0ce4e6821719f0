//! Configuration: what an operator may set, its defaults and its rules. See `config.example.toml`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// What the server is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Env {
    /// Everything in one process, mail caught locally, secrets generated.
    Development,
    /// Refuses what is only fit for development.
    Production,
}

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub env: Env,
    /// Base of links and issuer of tokens; `http://` and the bound address unless set.
    pub public_url: Option<Url>,
    pub data_dir: PathBuf,
    pub http: Http,
    pub management: Management,
    pub metrics: Metrics,
    pub database: Database,
    pub redis: Redis,
    pub mail: Mail,
    pub links: Links,
    pub secrets: Secrets,
    pub tokens: Tokens,
    pub passwords: Passwords,
    pub registration: Registration,
    pub hub: Hub,
    pub limits: Limits,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: SocketAddr,
    /// Exact origins (`https://app.example.org`); the origin of `public_url` unless set.
    pub allowed_origins: Option<Vec<String>>,
    pub trusted_proxies: Vec<IpNet>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Management {
    pub allow: Vec<IpNet>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// `None`: off (written as an empty text).
    pub listen: Option<SocketAddr>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `postgres://…` or `sqlite://…`; SQLite in `data_dir` unless set. A secret: it may hold a password.
    pub url: Option<SecretString>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    pub url: Option<SecretString>,
    pub prefix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Mailbox,
    Smtp,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    pub transport: Transport,
    pub smtp_url: Option<SecretString>,
    pub from: String,
}

/// Where mails point; `{token}` stands for the token. The hub's own pages unless set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
    pub activation: Option<String>,
    pub recovery: Option<String>,
    pub email: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// At least 32 characters. In development generated into `data_dir`.
    pub master: Option<SecretString>,
}

/// Lifetimes in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    pub access_ttl: u32,
    pub socket_ttl: u32,
    pub refresh_idle: u32,
    pub refresh_absolute: u32,
    pub refresh_grace: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    pub min_length: usize,
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallelism: u32,
    /// How many hashes may wait for a core; beyond them a request is answered 503 `overloaded`.
    pub queue: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    pub open: bool,
}

/// Durations in seconds, fractions allowed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    pub lease: f64,
    pub poll: f64,
    pub sweep: f64,
    pub drain: f64,
    /// `None`: from the limit of open files.
    pub max_connections: Option<usize>,
    pub per_session: usize,
    pub per_user: usize,
    pub waiting_per_address: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub enabled: bool,
}

/// The address under which people reach the hub: the base of links and the issuer of tokens.
#[derive(Clone, Debug)]
pub struct Site {
    base: String,
    url: Url,
}

impl Site {
    /// From the configured `public_url`, or else from the bound address.
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

    /// The public address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// A wildcard address is listened on, but cannot be called.
fn reachable(bound: SocketAddr) -> SocketAddr {
    match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(IpAddr::from([127, 0, 0, 1]), bound.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::from(std::net::Ipv6Addr::LOCALHOST), bound.port())
        }
        _ => bound,
    }
}
