//! The way to Redis: one connection for calls, which no caller ever waits for longer than 250 ms.
//!
//! Redis is the fast path and a hint, never the truth. A call that fails or is not answered in time opens
//! the breaker: from then on calls fail at once, until [`Link::run`] has connected again, which it tries
//! twice a second for as long as the process lives. Bus, presence and counters call through here.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::metric;
use crate::secret::MasterKey;

/// How long a call may take.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);
/// How long to wait before the next try to connect.
const RETRY: Duration = Duration::from_millis(500);

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
    connection: ArcSwapOption<MultiplexedConnection>,
    broken: Notify,
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
        Ok(Self(Arc::new(Inner {
            client: Client::open(url)?,
            prefix: prefix.to_owned(),
            master,
            connection: ArcSwapOption::empty(),
            broken: Notify::new(),
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
        self.0.connection.load().is_some()
    }

    /// Sends `commands` in one go and gives their answers.
    ///
    /// # Errors
    /// [`Away`] at once while the breaker is open, and when there was no answer in time.
    pub async fn call<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Away> {
        let held = self.0.connection.load_full().ok_or(Away)?;
        let mut connection = (*held).clone();
        match tokio::time::timeout(PATIENCE, commands.query_async(&mut connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            // It answered: what it refused says nothing about the connection.
            Ok(Err(error)) if !error.is_unrecoverable_error() && !error.is_io_error() => {
                tracing::warn!(%error, "Redis refused a command");
                Err(Away)
            }
            _ => {
                self.break_off();
                Err(Away)
            }
        }
    }

    /// Opens the breaker: the connection is given up, and made anew.
    pub(super) fn break_off(&self) {
        self.0.connection.store(None);
        self.0.broken.notify_one();
    }

    /// Connects, and connects again whenever the breaker has opened, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let keep_connected = async {
            let mut first = true;
            loop {
                if let Some(connection) = self.connect().await {
                    if !std::mem::take(&mut first) {
                        metrics::counter!(metric::BUS_RECONNECTS).increment(1);
                    }
                    self.0.connection.store(Some(Arc::new(connection)));
                    self.0.broken.notified().await;
                }
                tokio::time::sleep(RETRY).await;
            }
        };
        tokio::select! {
            () = keep_connected => {}
            () = stop.cancelled() => {}
        }
    }

    /// A fresh connection that was seen to answer.
    pub(super) async fn connect(&self) -> Option<MultiplexedConnection> {
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
            Ok(Ok(connection)) => Some(connection),
            Ok(Err(error)) => {
                tracing::debug!(%error, "Redis cannot be reached");
                None
            }
            Err(_) => None,
        }
    }
}
