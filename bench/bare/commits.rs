//! One-row commits, as durable as the hub's, by as many writers as asked for.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Executor as _};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const TABLE: &str = "create table if not exists bare_commits (at bigint not null)";
/// Alone it is its own transaction.
const ROW: &str = "insert into bare_commits (at) values ($1)";

enum Writer {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Writer {
    async fn connect(url: &str) -> anyhow::Result<Self> {
        if url.starts_with("sqlite:") {
            // As the hub sets it: WAL, and every commit on the disk.
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(5));
            return Ok(Self::Sqlite(options.connect().await?));
        }
        Ok(Self::Postgres(PgConnectOptions::from_str(url)?.connect().await?))
    }

    async fn create_table(&mut self) -> sqlx::Result<()> {
        match self {
            Self::Postgres(connection) => connection.execute(TABLE).await.map(drop),
            Self::Sqlite(connection) => connection.execute(TABLE).await.map(drop),
        }
    }

    async fn commit(&mut self) -> sqlx::Result<()> {
        match self {
            Self::Postgres(connection) => sqlx::query(ROW).bind(1_i64).execute(connection).await.map(drop),
            Self::Sqlite(connection) => sqlx::query(ROW).bind(1_i64).execute(connection).await.map(drop),
        }
    }
}

/// Commits for `time` with `writers` connections; prints the median time of one and the rate of all.
pub async fn run(url: &str, writers: usize, time: Duration) -> anyhow::Result<()> {
    Writer::connect(url).await?.create_table().await?;
    let start = Arc::new(Barrier::new(writers));
    let mut tasks: JoinSet<sqlx::Result<Vec<f64>>> = JoinSet::new();
    for _ in 0..writers {
        let mut writer = Writer::connect(url).await?;
        let start = Arc::clone(&start);
        tasks.spawn(async move {
            // The first prepares the statement.
            writer.commit().await?;
            start.wait().await;
            let began = Instant::now();
            let mut times = Vec::new();
            while began.elapsed() < time {
                let before = Instant::now();
                writer.commit().await?;
                times.push(before.elapsed().as_secs_f64() * 1e3);
            }
            Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    times.sort_by(f64::total_cmp);
    let count = u32::try_from(times.len())?;
    let line = json!({
        "p50_ms": times.get(times.len() / 2),
        "per_second": f64::from(count) / time.as_secs_f64(),
    });
    println!("{line}");
    Ok(())
}
