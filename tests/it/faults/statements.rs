//! How often PostgreSQL was asked what. It counts its own statements, at once and exactly, where the
//! cluster was made for it ([`Setup::counting`](super::setup::Setup::counting)).

use std::time::Duration;

use sqlx::{Executor, Row};

use super::run::Run;
use crate::support::eventually;

/// Connections of one node's pools: requests, revocations, the watch, and one to open with.
pub const POOLS: i64 = 16 + 4 + 4 + 1;
/// What is in every look at a session, that of an opening included.
pub const LOOK: &str = "from sessions s join users u on";

impl Run {
    /// Begins to count anew.
    pub async fn forget_statements(&self) {
        let mut sql = self.sql().await;
        sql.execute("select pg_stat_statements_reset()").await.unwrap();
    }

    /// How many statements with these words in them were run since; `""` is all.
    pub async fn statements(&self, words: &str) -> i64 {
        let count = "select cast(coalesce(sum(calls), 0) as bigint) from pg_stat_statements
            where position($1 in query) > 0 and query not like '%pg_stat_%'";
        let count = sqlx::query(count).bind(words);
        count.fetch_one(&mut self.sql().await).await.unwrap().get(0)
    }

    /// Waits until statements with these words were run so often.
    pub async fn statements_become(&self, words: &str, count: usize) {
        let count = i64::try_from(count).unwrap();
        eventually(&format!("{count} times: {words}"), || async {
            (self.statements(words).await >= count).then_some(())
        })
        .await;
    }

    /// The most connections that the nodes have to the database while `meanwhile` goes on.
    pub async fn most_connections<T>(&self, meanwhile: impl Future<Output = T>) -> (T, i64) {
        let mut sql = self.sql().await;
        let mut most = 0;
        let watching = async {
            loop {
                let count = "select count(*) from pg_stat_activity
                    where application_name = 'portcullis' and datname = current_database()";
                let now: i64 = sqlx::query(count).fetch_one(&mut sql).await.unwrap().get(0);
                most = most.max(now);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let done = tokio::select! {
            done = meanwhile => done,
            () = watching => unreachable!(),
        };
        (done, most)
    }
}

/// What one of `count` cost.
pub fn each(statements: i64, count: usize) -> f64 {
    let number = |count: i64| f64::from(i32::try_from(count).unwrap());
    number(statements) / number(i64::try_from(count).unwrap())
}
