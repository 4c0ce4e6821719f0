//! What is allowed in production and seldom meant: said at the start, by `config check` and by `doctor`, and refused by
//! none of them.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Config, Env, public_url};

/// Something to think over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hazard {
    /// The key to look at.
    pub key: &'static str,
    /// What may happen and what to do. Never contains the value of a secret.
    pub problem: &'static str,
}

impl Config {
    /// What an operator should think over before people use this. In development nothing is.
    #[must_use]
    pub fn hazards(&self) -> Vec<Hazard> {
        if self.env == Env::Development {
            return Vec::new();
        }
        let proxies = self.http.trusted_proxies.is_empty();
        let https = self
            .public_url
            .as_ref()
            .is_some_and(|url| url.scheme() == "https");
        let found = [
            (
                is_beyond_tls(self.database.url.as_ref(), is_verified_postgres),
                "database.url",
                "the database is asked over the network without a TLS that is certain of the server: passwords' hashes and \
                 people's addresses can be read and changed on the way. Add ?sslmode=verify-full, and \
                 &sslrootcert=PATH for an authority of your own; leave it as it is only on a network that is yours alone",
            ),
            (
                is_beyond_tls(self.redis.url.as_ref(), |url| url.scheme() == "rediss"),
                "redis.url",
                "Redis is asked over the network without TLS, its password included. Write rediss://; leave it as it is only on \
                 a network that is yours alone",
            ),
            (
                proxies && https,
                "http.trusted_proxies",
                "public_url is https and no proxy is listed: whoever ends TLS is not believed, so every socket is refused, \
                 and all people count as one address. List the proxy's network",
            ),
            (
                proxies && self.listens_on_loopback() && self.manages_from_loopback(),
                "management.allow",
                "everybody who comes by a proxy on this machine that sets no X-Forwarded-For is on loopback, and loopback may \
                 manage. List the proxy in http.trusted_proxies and let it set X-Forwarded-For, or take loopback out",
            ),
            (
                self.telemetry.is_in_clear(),
                "telemetry.otlp_headers",
                "what proves to the collector who sends crosses the network in clear. Write https:// in telemetry.otlp_endpoint",
            ),
        ];
        let holds = found.into_iter().filter(|(holds, ..)| *holds);
        holds.map(|(_, key, problem)| Hazard { key, problem }).collect()
    }

    fn listens_on_loopback(&self) -> bool {
        self.http.listen.ip().to_canonical().is_loopback()
    }

    fn manages_from_loopback(&self) -> bool {
        let mut allow = self.management.allow.iter();
        allow.any(|net| net.addr().to_canonical().is_loopback())
    }
}

/// Whether `url` leads over the network, and `is_safe` does not hold of it.
fn is_beyond_tls(url: Option<&SecretString>, is_safe: impl Fn(&Url) -> bool) -> bool {
    let Some(Ok(url)) = url.map(|url| Url::parse(url.expose_secret())) else {
        return false;
    };
    let file = matches!(url.scheme(), "sqlite" | "unix" | "redis+unix");
    let by_socket = url
        .query_pairs()
        .any(|(key, value)| key == "host" && value.starts_with('/'));
    let here = by_socket
        || url
            .host_str()
            .is_none_or(|host| host.is_empty() || host.starts_with("%2F"));
    !(file || here || public_url::is_loopback(&url) || is_safe(&url))
}

/// Whether the certificate is looked at: `require` alone takes any.
fn is_verified_postgres(url: &Url) -> bool {
    let said = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs
            .find(|(key, _)| key.replace('-', "") == name)
            .map(|(_, value)| value)
    };
    match said("sslmode").as_deref() {
        Some("verify-full" | "verify-ca") => true,
        Some("require") => said("sslrootcert").is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(change: impl FnOnce(&mut Config)) -> Vec<&'static str> {
        let mut config = Config::for_development();
        config.env = Env::Production;
        config.public_url = Some("https://auth.example.org".parse().unwrap());
        config.http.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        change(&mut config);
        config.hazards().into_iter().map(|hazard| hazard.key).collect()
    }

    fn database(url: &str) -> Vec<&'static str> {
        keys(|config| config.database.url = Some(url.to_owned().into()))
    }

    #[test]
    fn a_database_beyond_this_machine_wants_a_verified_server() {
        for url in [
            "sqlite:///srv/portcullis.db",
            "postgres://hub:secret@localhost/hub",
            "postgres://hub@127.0.0.1:6432/hub",
            "postgres:///hub?host=/run/postgresql",
            "postgres://%2Frun%2Fpostgresql/hub",
            "postgres://db.example.org/hub?sslmode=verify-full",
            "postgres://db.example.org/hub?sslmode=verify-ca&sslrootcert=/etc/ca.pem",
            "postgres://db.example.org/hub?sslmode=require&sslrootcert=/etc/ca.pem",
        ] {
            assert!(database(url).is_empty(), "{url}");
        }
        for url in [
            "postgres://hub:secret@db.example.org/hub",
            "postgres://db.example.org/hub?sslmode=disable",
            "postgres://db.example.org/hub?sslmode=prefer",
            "postgres://db.example.org/hub?sslmode=require",
            "postgresql://192.0.2.7/hub",
        ] {
            assert_eq!(database(url), ["database.url"], "{url}");
        }
    }

    #[test]
    fn redis_beyond_this_machine_wants_tls() {
        let redis = |url: &str| keys(|config| config.redis.url = Some(url.to_owned().into()));
        for url in [
            "redis://localhost:6379",
            "rediss://redis.example.org",
            "unix:///run/redis.sock",
        ] {
            assert!(redis(url).is_empty(), "{url}");
        }
        assert_eq!(redis("redis://:secret@redis.example.org:6379/0"), ["redis.url"]);
    }

    #[test]
    fn a_proxy_that_nobody_listed_is_noticed_where_it_matters() {
        let none = |config: &mut Config| config.http.trusted_proxies.clear();
        assert_eq!(keys(none), ["http.trusted_proxies", "management.allow"]);
        let elsewhere = |config: &mut Config| {
            none(config);
            config.http.listen = "0.0.0.0:8080".parse().unwrap();
        };
        assert_eq!(keys(elsewhere), ["http.trusted_proxies"]);
        let from_the_office = |config: &mut Config| {
            none(config);
            config.public_url = None;
            config.management.allow = vec!["192.0.2.0/24".parse().unwrap()];
        };
        assert!(keys(from_the_office).is_empty());
    }

    #[test]
    fn what_the_collector_wants_to_know_does_not_travel_in_clear() {
        let headers = |endpoint: &str| {
            keys(|config| {
                config.telemetry.otlp_endpoint = Some(endpoint.parse().unwrap());
                config.telemetry.otlp_headers = Some("authorization=secret".to_owned().into());
            })
        };
        assert_eq!(
            headers("http://collector.example.org"),
            ["telemetry.otlp_headers"]
        );
        assert!(headers("https://collector.example.org").is_empty());
        assert!(headers("http://127.0.0.1:4318").is_empty());
    }

    #[test]
    fn development_is_left_in_peace() {
        let mut config = Config::for_development();
        config.redis.url = Some("redis://redis.example.org".to_owned().into());
        assert!(config.hazards().is_empty());
    }
}
