//! What a scenario starts with: how many nodes, on what database, told what.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::node::{Node, Settings};
use super::redis::Redis;
use super::scale::Scale;
use crate::support::proxy::Proxy;

/// What a scenario needs.
#[derive(Clone, Debug)]
pub struct Setup {
    pub nodes: usize,
    /// An SQLite file instead; one node then.
    pub sqlite: Option<String>,
    /// A PostgreSQL of its own, to be broken; without, the tests' own behind each node's proxy.
    pub own_postgres: bool,
    /// One that counts its statements.
    pub counting: bool,
    /// nginx before the nodes, with the project's own configuration.
    pub nginx: bool,
    pub settings: Settings,
}

impl Setup {
    pub fn nodes(nodes: usize) -> Self {
        Self {
            nodes,
            sqlite: None,
            own_postgres: false,
            counting: false,
            nginx: false,
            settings: Vec::new(),
        }
    }

    pub fn own_postgres(mut self) -> Self {
        self.own_postgres = true;
        self
    }

    /// nginx before the nodes: clients call it, and it chooses.
    pub fn behind_nginx(mut self) -> Self {
        self.nginx = true;
        self
    }

    /// A PostgreSQL of its own that counts its statements.
    pub fn counting(mut self) -> Self {
        self.counting = true;
        self.own_postgres()
    }

    pub fn sqlite(mut self, url: &str) -> Self {
        self.sqlite = Some(url.to_owned());
        self
    }

    /// So that the journal is read for a reason alone: a hint, or a bus that is known to be away.
    pub fn unpolled(self) -> Self {
        if Scale::read().long {
            return self;
        }
        self.set("PORTCULLIS_HUB__POLL", "120")
    }

    /// `hub.lease` of its nodes.
    pub fn lease(&self, scale: Scale) -> Duration {
        let given = self
            .settings
            .iter()
            .rfind(|(name, _)| name == "PORTCULLIS_HUB__LEASE");
        given.map_or(scale.lease(), |(_, seconds)| {
            Duration::from_secs_f64(seconds.parse().unwrap())
        })
    }

    /// Without the layers that would hide, beside other tests, that a faster one does nothing: in the short
    /// form the sweep alone would be in time for nearly every bound.
    pub fn unswept(self) -> Self {
        if Scale::read().long {
            return self;
        }
        self.set("PORTCULLIS_HUB__SWEEP", "120")
            .set("PORTCULLIS_HUB__LEASE", "300")
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What every node of it is told, but for its servers.
    pub fn settings(&self, scale: Scale) -> Settings {
        let mut common = Vec::new();
        let mut set = |name: &str, value: String| common.push((format!("PORTCULLIS_{name}"), value));
        set("PUBLIC_URL", "http://127.0.0.1:9".to_owned());
        set("DATA_DIR", "./data".to_owned());
        set("HTTP__LISTEN", "127.0.0.1:0".to_owned());
        set("METRICS__LISTEN", String::new());
        set(
            "SECRETS__MASTER",
            "a master secret of the faults, long enough".to_owned(),
        );
        set("LIMITS__ENABLED", "false".to_owned());
        set("PASSWORDS__MEMORY_KIB", "1024".to_owned());
        set("PASSWORDS__ITERATIONS", "1".to_owned());
        set("PASSWORDS__QUEUE", "256".to_owned());
        set("TOKENS__ACCESS_TTL", "86400".to_owned());
        set("TOKENS__SOCKET_TTL", "3600".to_owned());
        set("HUB__LEASE", scale.lease().as_secs_f64().to_string());
        set("HUB__SWEEP", scale.sweep().as_secs_f64().to_string());
        set("HUB__DRAIN", scale.drain().as_secs_f64().to_string());
        set("HUB__PER_SESSION", "1000".to_owned());
        set("HUB__PER_USER", "20000".to_owned());
        set("HUB__WAITING_PER_ADDRESS", "20000".to_owned());
        common.extend(self.settings.iter().cloned());
        common
    }

    /// Nodes that are not running yet, each behind proxies of its own.
    pub async fn make_nodes(&self, settings: &Settings, database: &str, redis: SocketAddr) -> Vec<Arc<Node>> {
        // SQLite has no line that could be broken.
        let target = host_of(database).unwrap_or(redis);
        let mut nodes = Vec::new();
        for index in 0..self.nodes {
            let to_sql = Proxy::before(target).await;
            let to_redis = Proxy::before(redis).await;
            let mut settings = settings.to_owned();
            let url = database.replacen(&target.to_string(), &to_sql.address.to_string(), 1);
            settings.push(("DATABASE_URL".to_owned(), url));
            settings.push(("REDIS_URL".to_owned(), Redis::url_at(to_redis.address)));
            nodes.push(Arc::new(Node::new(index, to_sql, to_redis, settings)));
        }
        nodes
    }
}

/// The address in a database's URL.
fn host_of(url: &str) -> Option<SocketAddr> {
    let after = url.rsplit_once('@')?.1;
    after.split('/').next()?.parse().ok()
}
