//! Storage: PostgreSQL or SQLite, chosen once at start, behind one SQL text.
//!
//! [`Db`] hands out units of work ([`Tx`]); every file below holds the statements of one family of
//! tables, as functions that take a `&mut Tx`. Services decide; nothing here does. `sqlx` stays in here.
//!
//! Shared SQL keeps to what both databases speak: `$1`, `returning`, `on conflict`. Times are integers
//! (microseconds), identifiers and times come from Rust. Where a dialect differs, a `match` says so.

#![expect(
    clippy::missing_errors_doc,
    reason = "every function below fails as `Error` says, and in no other way"
)]

pub mod audit;
pub mod error;
pub mod journal;
pub mod mailbox;
pub mod mailed_tokens;
pub mod mails;
pub mod meta;
pub mod migrate;
pub mod nodes;
pub mod refresh_tokens;
pub mod revocations;
pub mod roles;
mod row;
pub mod service_keys;
pub mod sessions;
pub mod setup_tokens;
pub mod signing_keys;
pub mod socket_tokens;
pub mod users;

use std::fs::DirBuilder;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Connection as _, Postgres, Sqlite, Transaction};

pub use error::Error;

/// Runs `$body` on whichever connection `$tx` holds: one SQL text, compiled once for each database.
macro_rules! with_conn {
    ($tx:expr, $conn:ident => $body:expr) => {
        match $tx {
            $crate::store::Tx::Postgres(handle) => {
                let $conn: &mut sqlx::PgConnection = handle;
                $body
            }
            $crate::store::Tx::Sqlite(handle) => {
                let $conn: &mut sqlx::SqliteConnection = handle;
                $body
            }
        }
    };
}
pub(crate) use with_conn;

/// How long a caller waits for a connection before it is told [`Error::Unavailable`].
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long SQLite waits for another process's write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon an SQLite file that somebody else is turning to WAL is opened again.
const LOCKED: Duration = Duration::from_millis(10);
/// How long a question of the journal's tail or the sweep may take, and the closing of all connections.
const WATCH_TIMEOUT: Duration = Duration::from_secs(2);
/// What PostgreSQL gives up on: a lock that somebody sits on, a statement without end, a transaction
/// whose client froze, and a client that has vanished.
const BOUNDS: [(&str, &str); 4] = [
    ("lock_timeout", "2s"),
    ("statement_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("tcp_user_timeout", "10s"),
];
const SQLITE_READERS: u32 = 4;

/// The database. Clones share their pools.
#[derive(Clone, Debug)]
pub enum Db {
    /// `requests` serves people, `revocations` those who end sessions, `watch` the journal's tail and
    /// the sweep: a crowd at sign-in delays no forced logout, and a revocation that waits for a lock
    /// does not keep the leases of all sockets from being renewed.
    Postgres {
        requests: PgPool,
        revocations: PgPool,
        watch: PgPool,
    },
    /// One writer, as SQLite has it; readers see the last commit.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
}

/// A unit of work on one connection. Rolls back unless committed.
#[derive(Debug)]
pub enum Tx {
    Postgres(PostgresHandle),
    Sqlite(SqliteHandle),
}

/// A PostgreSQL connection, in a transaction or on its own.
#[derive(Debug)]
pub enum PostgresHandle {
    Transaction(Transaction<'static, Postgres>),
    Single(PoolConnection<Postgres>),
}

/// An SQLite connection, in a transaction or on its own.
#[derive(Debug)]
pub enum SqliteHandle {
    Transaction(Transaction<'static, Sqlite>),
    Single(PoolConnection<Sqlite>),
}

impl Db {
    /// Opens `url`: `postgres://…`, or `sqlite://path` (made if missing, its folder too).
    ///
    /// # Errors
    /// When the URL is neither, or the database cannot be reached.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::connect_postgres(url).await
        } else if url.starts_with("sqlite:") {
            Self::connect_sqlite(url).await
        } else {
            Err(Error::Url)
        }
    }

    async fn connect_postgres(url: &str) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("portcullis")
            .options(BOUNDS);
        // A pool tries until its time is out and then knows no cause; one connection says it at once.
        let first = tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(&options)).await;
        first.map_err(|_| sqlx::Error::PoolTimedOut)??.close().await?;
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
        };
        let requests = pool(16).connect_with(options.clone()).await?;
        let revocations = pool(4).connect_lazy_with(options.clone());
        let watch = pool(2).connect_lazy_with(options);
        Ok(Self::Postgres {
            requests,
            revocations,
            watch,
        })
    }

    async fn connect_sqlite(url: &str) -> Result<Self, Error> {
        // WAL with FULL: what was acknowledged survives a power cut.
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        if let Some(folder) = options
            .get_filename()
            .parent()
            .filter(|folder| *folder != Path::new(""))
        {
            // Ours alone: a file in it holds the hashes of passwords.
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|error| Error::from(sqlx::Error::Io(error)))?;
        }
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
        };
        let writer = first_writer(pool(1), &options).await?;
        let readers = pool(SQLITE_READERS).connect_with(options.read_only(true)).await?;
        Ok(Self::Sqlite { writer, readers })
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn begin(&self) -> Result<Tx, Error> {
        match self {
            Self::Postgres { requests, .. } => Tx::begin_postgres(requests).await,
            Self::Sqlite { writer, .. } => Tx::begin_sqlite(writer).await,
        }
    }

    /// As [`begin`](Self::begin), on a connection kept for revocations.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn begin_revocation(&self) -> Result<Tx, Error> {
        match self {
            Self::Postgres { revocations, .. } => Tx::begin_postgres(revocations).await,
            Self::Sqlite { writer, .. } => Tx::begin_sqlite(writer).await,
        }
    }

    /// A connection for single statements, each its own transaction: no `begin`, no `commit`, one round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn single(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres { requests, .. } => {
                Tx::Postgres(PostgresHandle::Single(requests.acquire().await?))
            }
            Self::Sqlite { writer, .. } => Tx::Sqlite(SqliteHandle::Single(writer.acquire().await?)),
        })
    }

    /// As [`single`](Self::single), for reading only: with SQLite it does not wait for the writer.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn read(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres { .. } => self.single().await?,
            Self::Sqlite { readers, .. } => Tx::Sqlite(SqliteHandle::Single(readers.acquire().await?)),
        })
    }

    /// As [`read`](Self::read), on a connection kept for journal and sweep.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn watch(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres { watch, .. } => Tx::Postgres(PostgresHandle::Single(watch.acquire().await?)),
            Self::Sqlite { .. } => self.read().await?,
        })
    }

    /// `postgres` or `sqlite`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Postgres { .. } => "postgres",
            Self::Sqlite { .. } => "sqlite",
        }
    }

    /// Closes every connection, waiting for those in use, but not for long: one whose answer never comes
    /// must not hold up the end of the process.
    pub async fn close(&self) {
        let closing = async {
            match self {
                Self::Postgres {
                    requests,
                    revocations,
                    watch,
                } => {
                    tokio::join!(requests.close(), revocations.close(), watch.close());
                }
                Self::Sqlite { writer, readers } => {
                    readers.close().await;
                    writer.close().await;
                }
            }
        };
        let _in_time = tokio::time::timeout(WATCH_TIMEOUT, closing).await;
    }
}

/// Opens the writer. A fresh file is turned to WAL by whoever opens it first, and SQLite lets nobody wait for
/// that: who meets it is refused at once, whatever its busy time-out, and so tries again for as long.
async fn first_writer(
    pool: SqlitePoolOptions,
    options: &SqliteConnectOptions,
) -> Result<SqlitePool, sqlx::Error> {
    let opening = async {
        loop {
            match pool.clone().connect_with(options.clone()).await {
                Err(error) if error::is_locked(&error) => tokio::time::sleep(LOCKED).await,
                other => return other,
            }
        }
    };
    let opened = tokio::time::timeout(BUSY_TIMEOUT, opening).await;
    opened.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

impl Tx {
    async fn begin_postgres(pool: &PgPool) -> Result<Self, Error> {
        Ok(Self::Postgres(PostgresHandle::Transaction(pool.begin().await?)))
    }

    async fn begin_sqlite(pool: &SqlitePool) -> Result<Self, Error> {
        // IMMEDIATE: a deferred transaction that reads, then writes, fails when another wrote between.
        Ok(Self::Sqlite(SqliteHandle::Transaction(
            pool.begin_with("begin immediate").await?,
        )))
    }

    /// Makes the work durable. Nobody may hear of it before this returns.
    ///
    /// # Errors
    /// When the commit failed, or its fate is unknown.
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Postgres(PostgresHandle::Transaction(tx)) => tx.commit().await?,
            Self::Sqlite(SqliteHandle::Transaction(tx)) => tx.commit().await?,
            Self::Postgres(PostgresHandle::Single(_)) | Self::Sqlite(SqliteHandle::Single(_)) => {}
        }
        Ok(())
    }

    /// Asks `question` on this connection, for two seconds at most. A connection that does not answer is
    /// closed: given back, it would keep its place in the pool for as long as the answer does not come.
    ///
    /// # Errors
    /// [`Error::Silent`] when there was no answer in time, or what `question` failed with.
    pub async fn in_time<T>(
        mut self,
        question: impl for<'t> FnOnce(&'t mut Self) -> BoxFuture<'t, Result<T, Error>>,
    ) -> Result<T, Error> {
        let answer = tokio::time::timeout(WATCH_TIMEOUT, question(&mut self)).await;
        answer.unwrap_or_else(|_| {
            if let Self::Postgres(PostgresHandle::Single(connection)) = &mut self {
                connection.close_on_drop();
            }
            Err(Error::Silent)
        })
    }

    /// True on PostgreSQL, for the places where the dialects differ.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

impl Deref for PostgresHandle {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Transaction(tx) => tx,
            Self::Single(connection) => connection,
        }
    }
}

impl DerefMut for PostgresHandle {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Transaction(tx) => tx,
            Self::Single(connection) => connection,
        }
    }
}

impl Deref for SqliteHandle {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Self::Transaction(tx) => tx,
            Self::Single(connection) => connection,
        }
    }
}

impl DerefMut for SqliteHandle {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Transaction(tx) => tx,
            Self::Single(connection) => connection,
        }
    }
}
