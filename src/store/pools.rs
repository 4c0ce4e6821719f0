//! Connecting, and the pools that connections live in. [`Db`] is built by `app` and the command line, and
//! hands out a [`Tx`] for each unit of work.
//!
//! Nobody waits for PostgreSQL without end: for a connection as long as [`PATIENCE`], for an answer as
//! `unit.rs` says. SQLite lives in the process, and answers.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use tokio_util::task::TaskTracker;

use super::error::{self, Error};
use super::unit::{PATIENCE, PostgresHandle, SqliteHandle, Tx};
use crate::metric;

/// How long SQLite waits for another process's write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon an SQLite file that somebody else is turning to WAL is opened again.
const LOCKED: Duration = Duration::from_millis(10);
/// What PostgreSQL gives up on: a lock that somebody sits on (before its client gives up, who then learns
/// why), a statement without end, a transaction whose client froze, and a client that has vanished, be it in
/// the middle of an answer or idle: by default its place would be taken for two hours.
const BOUNDS: [(&str, &str); 7] = [
    ("lock_timeout", "1500ms"),
    ("statement_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("tcp_user_timeout", "10s"),
    ("tcp_keepalives_idle", "10s"),
    ("tcp_keepalives_interval", "5s"),
    ("tcp_keepalives_count", "3"),
];
/// A connection that answered this recently is not asked again whether it is alive: a round trip less.
const FRESH: Duration = Duration::from_secs(1);
/// How long an idle connection may take to say that it is alive. Half of what its caller has, who spends
/// the other half on a new one.
const ALIVE: Duration = Duration::from_secs(1);
/// How long who is about to revoke waits for a connection that others want as well. (A free one may be given
/// to somebody who has waited longer.)
const IN_A_CROWD: Duration = Duration::from_millis(100);
const SQLITE_READERS: u32 = 4;

/// The database. Clones share their pools.
#[derive(Clone, Debug)]
pub enum Db {
    /// `requests` serves people, `revocations` those who end sessions, `tail` who reads the journal, `watch`
    /// the sweep and this node's reports: a crowd at sign-in delays no forced logout, a revocation that waits
    /// for a lock does not keep the leases of all sockets from being renewed, and no sweep that waits for an
    /// answer keeps the tail from asking again.
    Postgres {
        requests: PgPool,
        revocations: PgPool,
        tail: PgPool,
        watch: PgPool,
        /// Connections on their way back to their pools.
        returning: TaskTracker,
    },
    /// One writer, as SQLite has it; readers see the last commit.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
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
        let first = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await;
        first.map_err(|_| sqlx::Error::PoolTimedOut)??.close().await?;
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(PATIENCE)
                .test_before_acquire(false)
                .before_acquire(|connection, idle| Box::pin(is_alive(connection, idle.idle_for)))
        };
        let requests = pool(16).connect_with(options.clone()).await?;
        let revocations = pool(4).connect_lazy_with(options.clone());
        // Its user keeps it.
        let tail = pool(1).connect_lazy_with(options.clone());
        let watch = pool(4).connect_lazy_with(options);
        Ok(Self::Postgres {
            requests,
            revocations,
            tail,
            watch,
            returning: TaskTracker::new(),
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
                .acquire_timeout(PATIENCE)
        };
        let one = pool(1).after_release(|writer, _| Box::pin(is_clean(writer)));
        let writer = first_writer(one, &options).await?;
        let readers = pool(SQLITE_READERS).connect_with(options.read_only(true)).await?;
        Ok(Self::Sqlite { writer, readers })
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn begin(&self) -> Result<Tx, Error> {
        match self {
            Self::Postgres {
                requests, returning, ..
            } => begin_postgres(requests, returning).await,
            Self::Sqlite { writer, .. } => begin_sqlite(writer).await,
        }
    }

    /// As [`begin`](Self::begin), on a connection kept for revocations.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn begin_revocation(&self) -> Result<Tx, Error> {
        match self {
            Self::Postgres {
                revocations,
                returning,
                ..
            } => begin_postgres(revocations, returning).await,
            Self::Sqlite { writer, .. } => begin_sqlite(writer).await,
        }
    }

    /// A connection for single statements, each its own transaction: no `begin`, no `commit`, one round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn single(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres {
                requests, returning, ..
            } => Tx::Postgres(acquire(requests, returning).await?),
            Self::Sqlite { writer, .. } => single_sqlite(writer).await?,
        })
    }

    /// As [`single`](Self::single), for reading only: with SQLite it does not wait for the writer.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn read(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres { .. } => self.single().await?,
            Self::Sqlite { readers, .. } => single_sqlite(readers).await?,
        })
    }

    /// As [`read`](Self::read), for who is about to revoke: where those for people are taken, or a crowd waits
    /// for them, on a connection kept for revocations. They are the second choice, because nobody has shown yet
    /// that he may.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn read_to_revoke(&self) -> Result<Tx, Error> {
        let Self::Postgres {
            requests,
            revocations,
            returning,
            ..
        } = self
        else {
            return self.read().await;
        };
        let all_taken =
            requests.size() >= requests.options().get_max_connections() && requests.num_idle() == 0;
        if !all_taken {
            let first = tokio::time::timeout(IN_A_CROWD, acquire(requests, returning)).await;
            if let Ok(handle) = first {
                return Ok(Tx::Postgres(handle?));
            }
        }
        Ok(Tx::Postgres(acquire(revocations, returning).await?))
    }

    /// As [`read`](Self::read), on the one connection that is kept for the journal's tail.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn tail(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres { tail, returning, .. } => Tx::Postgres(acquire(tail, returning).await?),
            Self::Sqlite { .. } => self.read().await?,
        })
    }

    /// As [`read`](Self::read), on a connection kept for sweep and reports.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection could be had in time.
    pub async fn watch(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Postgres { watch, returning, .. } => Tx::Postgres(acquire(watch, returning).await?),
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

    /// Each pool by its name in [`metric::POOLS`]: connections that are open, and those of them in use.
    #[must_use]
    pub fn load(&self) -> Vec<(&'static str, u32, u32)> {
        let of = |name, open: u32, idle: usize| {
            let idle = u32::try_from(idle).unwrap_or(open);
            (name, open, open.saturating_sub(idle))
        };
        match self {
            Self::Postgres {
                requests,
                revocations,
                tail,
                watch,
                ..
            } => vec![
                of("requests", requests.size(), requests.num_idle()),
                of("revocations", revocations.size(), revocations.num_idle()),
                of("tail", tail.size(), tail.num_idle()),
                of("watch", watch.size(), watch.num_idle()),
            ],
            Self::Sqlite { writer, readers } => vec![
                of("writer", writer.size(), writer.num_idle()),
                of("readers", readers.size(), readers.num_idle()),
            ],
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
                    tail,
                    watch,
                    ..
                } => {
                    tokio::join!(requests.close(), revocations.close(), tail.close(), watch.close());
                }
                Self::Sqlite { writer, readers } => {
                    readers.close().await;
                    writer.close().await;
                }
            }
        };
        let _in_time = tokio::time::timeout(PATIENCE, closing).await;
    }
}

async fn acquire(pool: &PgPool, returning: &TaskTracker) -> Result<PostgresHandle, Error> {
    let asked = Instant::now();
    let connection = pool.acquire().await;
    note_wait(asked);
    let connection = connection?;
    Ok(PostgresHandle::new(
        connection,
        asked.elapsed(),
        returning.clone(),
    ))
}

/// Notes how long a connection was waited for. (A wrapper around the waiting would double its size in every caller.)
fn note_wait(asked: Instant) {
    metrics::histogram!(metric::DATABASE_WAIT).record(asked.elapsed().as_secs_f64());
}

async fn begin_postgres(pool: &PgPool, returning: &TaskTracker) -> Result<Tx, Error> {
    let mut handle = acquire(pool, returning).await?;
    handle.begin().await?;
    Ok(Tx::Postgres(handle))
}

async fn begin_sqlite(pool: &SqlitePool) -> Result<Tx, Error> {
    // IMMEDIATE: a deferred transaction that reads, then writes, fails when another wrote between.
    let asked = Instant::now();
    let transaction = pool.begin_with("begin immediate").await;
    note_wait(asked);
    Ok(Tx::Sqlite(SqliteHandle::Transaction(transaction?)))
}

async fn single_sqlite(pool: &SqlitePool) -> Result<Tx, Error> {
    let asked = Instant::now();
    let connection = pool.acquire().await;
    note_wait(asked);
    Ok(Tx::Sqlite(SqliteHandle::Single(connection?)))
}

/// Whether a connection that was idle for so long can be used. One that does not answer is replaced.
async fn is_alive(connection: &mut PgConnection, idle_for: Duration) -> Result<bool, sqlx::Error> {
    if idle_for >= FRESH {
        let answer = tokio::time::timeout(ALIVE, connection.ping()).await;
        answer.map_err(|_| sqlx::Error::PoolTimedOut)??;
    }
    Ok(true)
}

/// Whether the writer may serve again. Where the disk was full SQLite has rolled back by itself, and sqlx, whose
/// own rollback fails then, goes on believing that the transaction is open.
async fn is_clean(writer: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Behind the rollback that a dropped transaction has asked for.
    writer.ping().await?;
    Ok(!writer.is_in_transaction())
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
