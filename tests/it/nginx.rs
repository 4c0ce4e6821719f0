//! The configuration of `deploy/nginx`, run by nginx before two hubs in production on PostgreSQL and Redis.

mod addresses;
mod rolling;
mod sockets;

use std::net::Ipv4Addr;

use portcullis::roles::Permission;

use crate::support::binary::{Installation, Server};
use crate::support::nginx::{Behind, LISTED, NAME, Nginx, Visitor, check_shipped};
use crate::support::people::PASSWORD;
use crate::support::{database, free_address, redis};

const BOSS: &str = "boss@example.org";

/// Two hubs as `docker-compose.prod.yml` has them, and nginx before them.
struct PublicUrl {
    nodes: [Installation; 2],
    servers: Vec<Server>,
    nginx: Nginx,
    /// A service key that may do everything.
    key: String,
}

impl PublicUrl {
    async fn start() -> Self {
        Self::tuned(&[]).await
    }

    async fn tuned(settings: &[(&str, &str)]) -> Self {
        let url = database::fresh_postgres().await;
        let prefix = redis::fresh_prefix();
        let mut hubs = Vec::new();
        let mut nodes = Vec::new();
        for _ in 0..2 {
            let hub = Behind {
                http: free_address().await,
                metrics: free_address().await,
            };
            nodes.push(node(hub, &url, &prefix, settings).await);
            hubs.push(hub);
        }
        let nodes: [Installation; 2] = nodes.try_into().ok().unwrap();
        nodes[0].ask(&["migrate"]).await;
        let admin = ["user", "create", "--email", BOSS, "--role", "admin", "--active"];
        create(&nodes[0], &admin).await;
        let scopes: Vec<&str> = Permission::ALL.iter().map(|scope| scope.as_str()).collect();
        let scopes = scopes.join(",");
        let key = ["key", "create", "--name", "backend", "--scopes", &scopes];
        let key = nodes[0]
            .ask(&key)
            .await
            .trim_end()
            .lines()
            .last()
            .unwrap()
            .to_owned();
        let nginx = Nginx::before(&hubs).await;
        let mut site = Self {
            nodes,
            servers: Vec::new(),
            nginx,
            key,
        };
        for node in 0..2 {
            let server = site.serve(node).await;
            site.servers.push(server);
        }
        site
    }

    /// Starts a hub; it is not among `servers` yet.
    async fn serve(&self, node: usize) -> Server {
        let log = self.nodes[node].folder.path().join("log");
        self.nodes[node].serve_logging_to(&log).await
    }

    /// Makes an account.
    async fn person(&self, email: &str) {
        create(&self.nodes[0], &["user", "create", "--email", email, "--active"]).await;
    }

    fn from(&self, last: [u8; 2]) -> Visitor {
        self.nginx.visitor(Ipv4Addr::new(127, 0, last[0], last[1]))
    }

    /// Somebody at the one address from which management is allowed.
    fn listed(&self) -> Visitor {
        self.nginx.visitor(LISTED)
    }
}

async fn create(node: &Installation, arguments: &[&str]) {
    let arguments = [arguments, &["--password-stdin"]].concat();
    node.ask_with(&arguments, &format!("{PASSWORD}\n")).await;
}

/// A hub in production, which believes nginx alone.
async fn node(hub: Behind, database: &str, prefix: &str, settings: &[(&str, &str)]) -> Installation {
    let mut node = Installation::new().await;
    for (name, value) in [
        ("PORTCULLIS_ENV", "production"),
        ("PORTCULLIS_PUBLIC_URL", &format!("https://{NAME}")),
        ("PORTCULLIS_HTTP__LISTEN", &hub.http.to_string()),
        ("PORTCULLIS_METRICS__LISTEN", &hub.metrics.to_string()),
        ("PORTCULLIS_HTTP__TRUSTED_PROXIES", "127.0.0.1/32"),
        ("PORTCULLIS_MANAGEMENT__ALLOW", &format!("{LISTED}/32")),
        (
            "PORTCULLIS_SECRETS__MASTER",
            "a master secret behind nginx, long enough",
        ),
        ("PORTCULLIS_MAIL__TRANSPORT", "smtp"),
        ("PORTCULLIS_MAIL__SMTP_URL", "smtps://127.0.0.1:9"),
        ("PORTCULLIS_PASSWORDS__MEMORY_KIB", "19456"),
        ("PORTCULLIS_PASSWORDS__ITERATIONS", "2"),
        ("PORTCULLIS_REDIS__PREFIX", prefix),
        ("REDIS_URL", &redis::shared()),
        ("DATABASE_URL", database),
    ] {
        node.set(name, value);
    }
    for (name, value) in settings {
        node.set(name, value);
    }
    node
}

#[tokio::test]
async fn nginx_takes_the_files_as_they_are_shipped() {
    let said = check_shipped().await;
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{text}");
    assert!(!text.contains("[warn]"), "{text}");
}
