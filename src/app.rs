//! The application: its services, built once from the configuration, and its life from start to drain.

mod gauges;

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::config::{Config, PublicUrl};
use crate::context::Context;
use crate::http::serve::Places;
use crate::hub::bus::Bus;
use crate::hub::bus::redis::RedisBus;
use crate::hub::counters::Counters;
use crate::hub::journal::Tail;
use crate::hub::presence::{self, Presence};
use crate::hub::redis::Link;
use crate::hub::{self, Hub};
use crate::ids::NodeId;
use crate::jobs;
use crate::lifecycle::Lifecycle;
use crate::limits::Limits;
use crate::mail::{Mailer, Outbox};
use crate::oauth::OAuth;
use crate::password::Hasher;
use crate::providers::Providers;
use crate::revocation::Revocation;
use crate::roles::{self, Roles};
use crate::secret::{MasterKey, Rng};
use crate::service_keys::ServiceKeys;
use crate::sessions::Sessions;
use crate::store::condition::{self, Schema};
use crate::store::{self, Db};
use crate::{http, telemetry};

/// How long tasks have to end once everything was told to.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// File descriptors that are not for sockets: databases, mail, requests.
const RESERVED_FILES: usize = 256;
/// Those of them that are for no connection of a client.
const OWN_FILES: usize = 128;

/// Everything that the edges call. Clones share.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

/// What an [`App`] holds.
#[derive(Debug)]
pub struct Inner {
    pub cx: Context,
    pub accounts: Accounts,
    pub sessions: Sessions,
    pub oauth: OAuth,
    pub roles: Roles,
    pub revocation: Revocation,
    pub service_keys: ServiceKeys,
    pub hasher: Hasher,
    pub limits: Limits,
    /// When the services were built, in seconds since 1970.
    started: usize,
    /// The way to Redis, where there is one.
    redis: Option<Link>,
    /// How many connections there may be.
    places: Places,
    pub lifecycle: Lifecycle,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What a test replaces.
#[derive(Clone, Debug, Default)]
pub struct Ambient {
    pub clock: Clock,
    pub rng: Rng,
}

impl App {
    /// Opens the database and builds every service. `bound` is where the server listens or would.
    ///
    /// # Errors
    /// When the database cannot be reached or is not up to date, or a key or the list of breached passwords cannot
    /// be read.
    pub async fn build(config: Arc<Config>, bound: SocketAddr, migrate: bool) -> anyhow::Result<Self> {
        Self::build_with(config, bound, migrate, Ambient::default()).await
    }

    /// As [`build`](Self::build), with clocks and randomness from outside.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub async fn build_with(
        config: Arc<Config>,
        bound: SocketAddr,
        migrate: bool,
        Ambient { clock, rng }: Ambient,
    ) -> anyhow::Result<Self> {
        let db = Db::connect(&config.database_url())
            .await
            .context("database.url: cannot open the database")?;
        if migrate {
            store::migrate::migrate(&db).await?;
        }
        refuse_older_schema(&db).await?;
        let site = Arc::new(PublicUrl::new(&config, bound));
        let master = MasterKey::from_secret(&config.master_secret()?);
        let node = NodeId::generate(&clock, &rng);
        begin(&db, &clock, &rng)
            .await
            .context("the database cannot be made ready")?;
        let files = open_files();
        let limits = hub::Limits::new(&config.hub, files.saturating_sub(RESERVED_FILES).max(64));
        let places = Places::new(
            files.saturating_sub(OWN_FILES).max(128),
            &config.http.trusted_proxies,
        );
        let redis = match &config.redis.url {
            Some(url) => Some(
                Link::new(url.expose_secret(), &config.redis.prefix, master.clone()).context("redis.url")?,
            ),
            None => None,
        };
        let bus = redis
            .clone()
            .map_or(Bus::Local, |link| Bus::Redis(RedisBus::new(link, node)));
        let presence = Presence::new(redis.clone(), node);
        let hub = Hub::new(hub::Parts {
            node,
            address: bound.to_string(),
            db: db.clone(),
            clock: clock.clone(),
            rng: rng.clone(),
            bus,
            presence,
            limits,
        });
        let mail = Outbox::new(&config, &site, master.clone(), clock.clone(), rng.clone())?;
        let cx = Context {
            config,
            site,
            clock,
            rng,
            master,
            db,
            hub,
            mail,
        };
        let hasher = Hasher::new(&cx.config.passwords).context("passwords.breached")?;
        let limits = Limits::new(&cx.config.limits, Counters::new(cx.clock.clone(), redis.clone()));
        let providers = Providers::new(&cx.config.oauth, &cx.clock)?;
        let accounts = Accounts::new(cx.clone(), hasher.clone(), limits.clone());
        let sessions = Sessions::new(cx.clone(), hasher.clone(), limits.clone()).await?;
        Ok(Self(Arc::new(Inner {
            oauth: OAuth::new(
                cx.clone(),
                accounts.clone(),
                sessions.clone(),
                limits.clone(),
                providers,
            ),
            accounts,
            sessions,
            roles: Roles::new(cx.clone()),
            revocation: Revocation::new(cx.clone()),
            service_keys: ServiceKeys::new(cx.clone(), limits.clone()),
            hasher,
            limits,
            redis,
            places,
            started: usize::try_from(cx.now().micros() / 1_000_000).unwrap_or(0),
            lifecycle: Lifecycle::new(),
            cx,
        })))
    }

    /// Serves, once it was started, until SIGTERM or SIGINT; then drains and stops. Stops at once when a job has
    /// panicked: what it kept true is true no longer, and nobody knows what it left half done.
    ///
    /// # Errors
    /// When a job has panicked, or tasks do not end in time.
    pub async fn until_signalled(self) -> anyhow::Result<()> {
        self.until(Lifecycle::signalled()).await
    }

    /// As [`until_signalled`](Self::until_signalled), with a first signal from elsewhere.
    ///
    /// # Errors
    /// As [`until_signalled`](Self::until_signalled).
    pub async fn until(self, signalled: impl Future<Output = std::io::Result<()>>) -> anyhow::Result<()> {
        let failed = tokio::select! {
            signalled = signalled => {
                signalled?;
                None
            }
            job = self.lifecycle.failed() => Some(job),
        };
        if let Some(job) = failed {
            self.stop().await?;
            anyhow::bail!("the job `{job}` panicked, as the log says: start the hub again, and report it");
        }
        tracing::info!("draining");
        // A second signal ends the patience.
        tokio::select! {
            () = self.drain() => {}
            second = Lifecycle::signalled() => second?,
        }
        self.stop().await
    }

    /// Starts every task and returns.
    ///
    /// # Errors
    /// When the metrics' listener cannot be bound, or mail cannot be set up.
    pub async fn start(&self, listener: TcpListener) -> anyhow::Result<()> {
        let (cx, life) = (&self.cx, &self.lifecycle);
        // Before the first socket: what the tail begins with is behind all of them, and the others know of
        // this node before they have to wait for it.
        let tail = Tail::begin(&cx.hub).await?;
        life.spawn_job("nodes", hub::nodes::run(cx.hub.clone(), life.stopped().clone()));
        life.spawn_job(
            "look around",
            hub::nodes::look_around(cx.hub.clone(), life.stopped().clone()),
        );
        let others = cx.hub.clone();
        life.spawn_job(
            "presence",
            presence::run(
                cx.hub.clone(),
                Arc::new(move |node| others.is_live(node)),
                life.stopped().clone(),
            ),
        );
        life.spawn_job("journal", tail.run(life.stopped().clone()));
        if let Some(link) = &self.redis {
            life.spawn_job("redis", link.clone().run(life.stopped().clone()));
            let (bus, hub) = (cx.hub.bus().clone(), cx.hub.clone());
            life.spawn_job(
                "bus",
                bus.run(move |news| hub.hear(&news), life.stopped().clone()),
            );
        }
        life.spawn_job("sweep", hub::sweep::run(cx.hub.clone(), life.stopped().clone()));
        life.spawn_job("lease", hub::lease::run(cx.hub.clone(), life.stopped().clone()));
        let mailer = Mailer::new(&cx.config.mail)?;
        life.spawn_job(
            "mail outbox",
            jobs::mail_outbox::run(cx.clone(), mailer, cx.mail.due(), life.stopped().clone()),
        );
        life.spawn_job(
            "clean-up",
            jobs::cleanup::run(cx.clone(), self.limits.clone(), life.stopped().clone()),
        );
        life.spawn_job(
            "signing keys",
            jobs::signing_keys::run(self.sessions.clone(), cx.hub.clone(), life.stopped().clone()),
        );
        life.spawn_job(
            "password mix",
            jobs::password_mix::run(self.sessions.clone(), life.stopped().clone()),
        );
        if let Some(address) = cx.config.metrics.listen {
            let listener = TcpListener::bind(address).await;
            let listener = listener.with_context(|| format!("metrics.listen: cannot listen on {address}"))?;
            let app = self.clone();
            telemetry::serve_metrics(listener, move || gauges::look(&app), life);
        }
        life.spawn_job(
            "http",
            http::serve::serve(
                listener,
                http::router(self.clone()),
                self.places.clone(),
                life.clone(),
            ),
        );
        Ok(())
    }

    /// Takes nothing new, and asks every socket to reconnect elsewhere, spread over `hub.drain`.
    /// Returns when all have gone or the time is over.
    pub async fn drain(&self) {
        self.lifecycle.drain();
        let patience = self.cx.hub.limits().drain;
        self.cx.hub.spread_out(patience);
        let gone = async {
            while !self.cx.hub.registry().is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        // A little longer than the last socket's time.
        let _in_time = tokio::time::timeout(patience + Duration::from_secs(1), gone).await;
    }

    /// Ends every task, and closes the database.
    ///
    /// # Errors
    /// When a task has not ended in time.
    pub async fn stop(self) -> anyhow::Result<()> {
        let ended = self.lifecycle.stop(STOP_WITHIN).await;
        self.cx.db.close().await;
        anyhow::ensure!(ended, "some tasks did not end within {} s", STOP_WITHIN.as_secs());
        Ok(())
    }

    /// Closes the database, where nothing was started.
    pub async fn close(self) {
        self.cx.db.close().await;
    }
}

/// A newer schema is fine: each migration leaves what the release before it needs. An older one is not.
async fn refuse_older_schema(db: &Db) -> anyhow::Result<()> {
    let Schema { there, known } = condition::schema(&mut db.single().await?).await?;
    anyhow::ensure!(
        there >= known,
        "the database has migrations up to {there}, and this release needs {known}: run `portcullis migrate`"
    );
    Ok(())
}

/// What a database gets once, the journal's name and the built-in roles; and a new name where this is another
/// database than before.
async fn begin(db: &Db, clock: &Clock, rng: &Rng) -> Result<(), store::Error> {
    let identity = hub::epoch::identity(db.single().await?).await?;
    let mut tx = db.begin().await?;
    if hub::epoch::settle(&mut tx, identity.as_deref(), clock, rng).await? {
        roles::write_built_in(&mut tx, clock.now()).await?;
    }
    tx.commit().await
}

/// Raises the limit of open files as far as the system lets us; answers how many there may be.
fn open_files() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    usize::try_from(current.unwrap_or(1_000_000)).unwrap_or(usize::MAX)
}
