//! The way to Redis: one connection for calls, which no caller ever waits for longer than 250 ms.
//!
//! Redis is the fast path and a hint, never the truth. A call that fails or is not answered in time opens
//! the breaker: from then on calls fail at once, until [`Link::run`] has connected again, which it tries
//! twice a second for as long as the process lives. Bus, presence and counters call through here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo as _, Pipeline, ProtocolVersion,
};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metric;
use crate::secret::MasterKey;

/// How long a call may take.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);
/// How far tries to connect stand apart. Two may follow at once, those of a bus that begins.
const RETRY: Duration = Duration::from_millis(500);
/// How often the log may say the same.
const QUIET: Duration = Duration::from_secs(30);

/// Redis cannot be used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis is away")]
pub struct Away;

/// The way to Redis. Clones share it.
#[derive(Clone, Debug)]
pub struct Link(Arc<Inner>);

struct Inner {
    client: Client,
    prefix: String,
    master: MasterKey,
    /// `None` while the breaker is open.
    connection: watch::Sender<Option<Arc<MultiplexedConnection>>>,
    /// When the next try to connect is due.
    next_try: Mutex<Instant>,
    refusals: Seldom,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link")
    }
}

impl Link {
    /// A link to `url` that is not connected yet: [`run`](Self::run) connects it.
    ///
    /// # Errors
    /// When `url` is none of Redis.
    pub fn new(url: &str, prefix: &str, master: MasterKey) -> Result<Self, redis::RedisError> {
        let address = url.into_connection_info()?;
        // With Nagle's algorithm a message waits for the acknowledgement of the one before.
        let address = address.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        // Answers look different in the other protocol, whatever the URL asks for.
        let settings = address
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP2);
        let address = address.set_redis_settings(settings);
        Ok(Self(Arc::new(Inner {
            client: Client::open(address)?,
            prefix: prefix.to_owned(),
            master,
            connection: watch::Sender::new(None),
            next_try: Mutex::new(Instant::now()),
            refusals: Seldom::default(),
        })))
    }

    /// The name of a key: `{prefix}:{name}`.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.0.prefix)
    }

    /// What proves that a text in Redis was written by a node that holds the master secret.
    #[must_use]
    pub fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        self.0.master.mac(purpose, data)
    }

    /// Whether calls have a chance.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.0.connection.borrow().is_some()
    }

    /// Shows every change of the connection.
    pub(super) fn watch(&self) -> watch::Receiver<Option<Arc<MultiplexedConnection>>> {
        self.0.connection.subscribe()
    }

    /// Waits until calls have a chance.
    pub(super) async fn until_up(&self) {
        self.until_held(true).await;
    }

    async fn until_held(&self, held: bool) {
        let mut connection = self.watch();
        // Fails when the sender is gone, and this holds it.
        let _held = connection.wait_for(|now| now.is_some() == held).await;
    }

    /// Sends `commands` in one go and gives their answers.
    ///
    /// # Errors
    /// [`Away`] at once while the breaker is open, and when there was no answer in time.
    pub async fn call<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Away> {
        let held = self.0.connection.borrow().clone().ok_or(Away)?;
        let mut connection = (*held).clone();
        match tokio::time::timeout(PATIENCE, commands.query_async(&mut connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            // It answered: what it refused says nothing about the connection.
            Ok(Err(error)) if !error.is_unrecoverable_error() && !error.is_io_error() => {
                if self.0.refusals.may_say() {
                    tracing::warn!(%error, "Redis refused a command");
                }
                Err(Away)
            }
            _ => {
                self.give_up(&held);
                Err(Away)
            }
        }
    }

    /// Opens the breaker, unless this connection was given up before: who waited on an old one in vain
    /// knows nothing of the new one.
    fn give_up(&self, failed: &Arc<MultiplexedConnection>) {
        self.0.connection.send_if_modified(|held| {
            let same = held.as_ref().is_some_and(|held| Arc::ptr_eq(held, failed));
            if same {
                *held = None;
            }
            same
        });
    }

    /// Opens the breaker: the connection is given up, and made anew.
    pub(super) fn break_off(&self) {
        self.0.connection.send_if_modified(|held| held.take().is_some());
    }

    /// Connects, and connects again whenever the breaker has opened, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = self.keep_connected() => {}
            () = stop.cancelled() => {}
        }
    }

    async fn keep_connected(&self) {
        let (mut first, mut said) = (true, false);
        loop {
            match self.connect().await {
                Ok(connection) => {
                    if !std::mem::take(&mut first) {
                        metrics::counter!(metric::BUS_RECONNECTS).increment(1);
                    }
                    if std::mem::take(&mut said) {
                        tracing::info!("Redis is back");
                    }
                    self.0.connection.send_replace(Some(Arc::new(connection)));
                    self.until_held(false).await;
                }
                Err(reason) if !std::mem::replace(&mut said, true) => {
                    tracing::warn!(%reason, "Redis cannot be reached; nodes hear of each other by the journal alone");
                }
                Err(reason) => tracing::debug!(%reason, "Redis cannot be reached"),
            }
        }
    }

    /// A fresh connection that was seen to answer; or why there is none. Comes to try no more often than
    /// twice a second, whoever calls.
    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, String> {
        tokio::time::sleep_until(self.turn()).await;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(None);
        let connecting = async {
            let client = &self.0.client;
            let mut connection = client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            let _: () = redis::cmd("PING").query_async(&mut connection).await?;
            Ok::<_, redis::RedisError>(connection)
        };
        match tokio::time::timeout(PATIENCE * 2, connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// Connects, writes a key that is gone at once, and answers how long that took. For `portcullis doctor`.
    ///
    /// # Errors
    /// Why it cannot be used, as Redis says it.
    pub async fn probe(&self) -> Result<Duration, String> {
        let began = Instant::now();
        let mut connection = self.connect().await?;
        let key = self.key("doctor");
        let mut written = Pipeline::new();
        written.cmd("SET").arg(&key).arg(1).arg("PX").arg(1).ignore();
        let writing = written.query_async::<()>(&mut connection);
        match tokio::time::timeout(PATIENCE * 2, writing).await {
            Ok(Ok(())) => Ok(began.elapsed()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// When the caller may try to connect.
    fn turn(&self) -> Instant {
        let mut next = self.0.next_try.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let turn = (*next).max(now.checked_sub(RETRY).unwrap_or(now));
        *next = turn + RETRY;
        turn
    }
}

/// Keeps what may happen thousands of times a second from filling the log.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether it is time to say it again.
    pub(super) fn may_say(&self) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = said.is_none_or(|said| now.duration_since(said) >= QUIET);
        if due {
            *said = Some(now);
        }
        due
    }
}
