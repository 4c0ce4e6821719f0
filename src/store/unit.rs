//! A unit of work on one connection ([`Tx`]): what `Db` hands out, and every statement runs on.
//!
//! PostgreSQL is beyond a network, and may fall silent. Each answer has its time ([`PATIENCE`]), counted
//! from when the connection was asked for; who has waited for it in vain is told [`Error::Silent`], and the
//! connection is closed at once: given back, it would keep its place in the pool for as long as the answer
//! does not come, which on a line that swallows everything is a quarter of an hour. So is one whose user
//! went away in the middle of a statement: nobody knows what it would say next.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Executor as _, Postgres, Sqlite, Transaction};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::{Error, answered};

/// How long a caller waits for a connection and its first answer, and for every later answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// What is left for the first answer at least, however long the connection was waited for.
const LEAST: Duration = Duration::from_secs(1);
/// For statements that may rightly take long. The server's own bound (`statement_timeout`) ends them first.
const LONG: Duration = Duration::from_secs(11);

/// A unit of work on one connection. Rolls back unless committed.
#[derive(Debug)]
pub enum Tx {
    Postgres(PostgresHandle),
    Sqlite(SqliteHandle),
}

/// A PostgreSQL connection, in a transaction or on its own.
#[derive(Debug)]
pub struct PostgresHandle {
    lent: Lent,
    /// A transaction is open.
    open: bool,
    patience: Duration,
    /// What the connection was waited for: the first answer has that much less time.
    waited: Duration,
    returning: TaskTracker,
}

/// An SQLite connection, in a transaction or on its own.
#[derive(Debug)]
pub enum SqliteHandle {
    Transaction(Transaction<'static, Sqlite>),
    Single(PoolConnection<Sqlite>),
}

impl Tx {
    /// Makes the work durable. Nobody may hear of it before this returns.
    ///
    /// # Errors
    /// When the commit failed, or its fate is unknown.
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Postgres(handle) => handle.commit().await?,
            Self::Sqlite(SqliteHandle::Transaction(tx)) => tx.commit().await?,
            Self::Sqlite(SqliteHandle::Single(_)) => {}
        }
        Ok(())
    }

    /// Waits long for every answer from now on: what follows touches many rows.
    pub(super) fn takes_long(&mut self) {
        if let Self::Postgres(handle) = self {
            handle.patience = LONG;
        }
    }

    /// Asks `question` on this connection, for two seconds at most, however many statements it has.
    ///
    /// # Errors
    /// [`Error::Silent`] when there was no answer in time, or what `question` failed with.
    pub async fn in_time<T>(
        mut self,
        question: impl for<'t> FnOnce(&'t mut Self) -> BoxFuture<'t, Result<T, Error>>,
    ) -> Result<T, Error> {
        let answer = timeout(PATIENCE, question(&mut self)).await;
        answer.unwrap_or_else(|_| {
            self.close();
            Err(Error::Silent)
        })
    }

    /// Closes the connection without a word, which frees its place in the pool at once.
    pub fn close(mut self) {
        if let Self::Postgres(handle) = &mut self {
            handle.lent.close();
        }
    }

    /// True on PostgreSQL, for the places where the dialects differ.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

impl PostgresHandle {
    pub(super) fn new(
        connection: PoolConnection<Postgres>,
        waited: Duration,
        returning: TaskTracker,
    ) -> Self {
        Self {
            lent: Lent(Some(connection)),
            open: false,
            patience: PATIENCE,
            waited,
            returning,
        }
    }

    /// The connection, unless it was given up.
    ///
    /// # Errors
    /// [`Error::Silent`] when it was.
    pub fn connection(&mut self) -> Result<&mut PgConnection, Error> {
        self.lent.connection()
    }

    /// Notes that a statement goes out; answers until when it is waited for.
    pub(super) fn asks(&mut self) -> Instant {
        let waited = mem::take(&mut self.waited);
        Instant::now() + self.patience.saturating_sub(waited).max(LEAST)
    }

    /// Notes that `answer` is there, or gives the connection up because it is not.
    pub(super) fn was_answered<T>(&mut self, answer: Result<Result<T, Error>, Elapsed>) -> Result<T, Error> {
        if let Ok(answer) = answer {
            return answer;
        }
        self.lent.close();
        Err(Error::Silent)
    }

    pub(super) async fn begin(&mut self) -> Result<(), Error> {
        // Before it is sent: who goes away meanwhile leaves a transaction behind.
        self.open = true;
        answered!(self, conn => {
            conn.execute("begin").await?;
        });
        Ok(())
    }

    async fn commit(mut self) -> Result<(), Error> {
        if self.open {
            answered!(&mut self, conn => {
                conn.execute("commit").await?;
            });
            self.open = false;
        }
        Ok(())
    }
}

impl Drop for PostgresHandle {
    fn drop(&mut self) {
        let (mut lent, open) = (mem::take(&mut self.lent), self.open);
        if lent.0.is_none() {
            return;
        }
        // Who went away in the middle of a statement leaves its answer behind, which is read first: to close
        // the connection instead would let anybody have connections made without end.
        self.returning.spawn(async move {
            let back = async {
                if open {
                    lent.connection()?.execute("rollback").await?;
                }
                // What sqlx does with a connection that is dropped, but for as long as it takes.
                if let Some(mut connection) = lent.0.take() {
                    connection.return_to_pool().await;
                }
                Ok::<_, Error>(())
            };
            if !matches!(timeout(PATIENCE, back).await, Ok(Ok(()))) {
                tracing::debug!("a connection to the database was not given back, but closed");
            }
        });
    }
}

/// A connection that is closed when it is dropped, without a word to the server, and frees its place in the
/// pool by that.
#[derive(Debug, Default)]
struct Lent(Option<PoolConnection<Postgres>>);

impl Lent {
    fn connection(&mut self) -> Result<&mut PgConnection, Error> {
        self.0.as_deref_mut().ok_or(Error::Silent)
    }

    fn close(&mut self) {
        drop(self.0.take().map(PoolConnection::detach));
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.close();
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
