//! A server inside the test: the real router on a real listener, with clocks and limits in reach.

use std::sync::Arc;

use portcullis::app::{Ambient, App};
use portcullis::clock::{Clock, ManualClock, Timestamp};
use portcullis::config::Config;
use secrecy::SecretString;
use tokio::net::TcpSocket;

use super::database::{self, Folder};
use super::http::Caller;
use super::proxy::{self, Proxy};

type Change = Box<dyn FnOnce(&mut Config) + Send>;

/// What a test changes before the server starts.
#[derive(Default)]
pub struct Tuning {
    changes: Vec<Change>,
    clock: Option<ManualClock>,
    database: Option<String>,
    redis: Option<(String, String)>,
}

impl Tuning {
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the configuration, after what changed it before.
    pub fn configure(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Believes what the test says in `X-Forwarded-For` about where it calls from.
    pub fn forwarded(self) -> Self {
        self.configure(|config| config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()])
    }

    /// Runs on a clock that stands still until the test moves it. Leases outlast its jumps, unless the test
    /// configures them.
    pub fn manual_clock(mut self) -> Self {
        self.clock = Some(ManualClock::starting_at(Clock::System.now()));
        self
    }

    /// Uses a database that exists.
    pub fn database(mut self, url: impl Into<String>) -> Self {
        self.database = Some(url.into());
        self
    }

    /// Uses the Redis at `url`, under `prefix`.
    pub fn redis(mut self, url: impl Into<String>, prefix: impl Into<String>) -> Self {
        self.redis = Some((url.into(), prefix.into()));
        self
    }

    pub async fn spawn(self) -> TestApp {
        TestApp::start(self).await
    }

    /// A server whose way to PostgreSQL leads through a proxy.
    pub async fn spawn_behind_a_proxy(self) -> (TestApp, Proxy) {
        let (proxy, url) = proxy::through(&database::fresh_postgres().await).await;
        (self.database(url).spawn().await, proxy)
    }
}

/// A running server. Dropping it ends its tasks with the test's runtime.
pub struct TestApp {
    pub app: App,
    pub caller: Caller,
    pub clock: Option<ManualClock>,
    pub database_url: String,
    _folder: Folder,
}

impl TestApp {
    /// A server with the defaults of development, but for cheap passwords and no request limits.
    pub async fn spawn() -> Self {
        Tuning::new().spawn().await
    }

    async fn start(tuning: Tuning) -> Self {
        let folder = Folder::new();
        let database_url = match tuning.database {
            Some(url) => url,
            None => database::fresh(&folder).await,
        };
        let mut config = Config::for_development();
        config.data_dir = folder.path().to_owned();
        config.database.url = Some(SecretString::from(database_url.clone()));
        config.secrets.master = Some(SecretString::from("a master secret for tests, long enough"));
        config.metrics.listen = None;
        config.passwords.memory_kib = 1024;
        config.passwords.iterations = 1;
        config.limits.enabled = false;
        if tuning.clock.is_some() {
            config.hub.lease = 86_400.0;
        }
        if let Some((url, prefix)) = tuning.redis {
            config.redis.url = Some(SecretString::from(url));
            config.redis.prefix = prefix;
        }
        for change in tuning.changes {
            change(&mut config);
        }
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(4096).unwrap();
        let address = listener.local_addr().unwrap();
        let clock = tuning.clock;
        let ambient = Ambient {
            clock: clock.clone().map_or(Clock::System, Clock::Manual),
            ..Ambient::default()
        };
        let app = App::build_with(Arc::new(config), address, true, ambient)
            .await
            .unwrap();
        app.start(listener).await.unwrap();
        Self {
            app,
            caller: Caller::new(address),
            clock,
            database_url,
            _folder: folder,
        }
    }

    /// The wall clock that the server sees.
    pub fn now(&self) -> Timestamp {
        self.app.cx.now()
    }

    /// Stops the server and waits for all of its tasks.
    pub async fn stop(self) {
        self.app.stop().await.unwrap();
    }
}

impl std::ops::Deref for TestApp {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}
