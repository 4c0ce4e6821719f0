//! What `portcullis doctor` asks the database about itself. Reads only.

use std::path::PathBuf;
use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::row::from_row;
use super::{Error, Tx, migrate, with_conn};
use crate::clock::Timestamp;

/// A database as it describes itself.
#[derive(Clone, Debug)]
pub struct Condition {
    /// As in `17.5`.
    pub version: String,
    /// The database's own clock.
    pub now: Timestamp,
    /// The connection is encrypted; of no meaning with SQLite.
    pub encrypted: bool,
    /// It copies another one, and takes no writes.
    pub standby: bool,
    /// The role may do everything, to other databases as well.
    pub superuser: bool,
    /// How many connections it takes at most; 0 with SQLite.
    pub connections: i64,
}

from_row!(Condition, |row| Condition {
    version: row.try_get("version")?,
    now: Timestamp::from_micros(row.try_get("now")?),
    encrypted: row.try_get("encrypted")?,
    standby: row.try_get("standby")?,
    superuser: row.try_get("superuser")?,
    connections: row.try_get("connections")?,
});

/// Asks the database about itself.
pub async fn describe(tx: &mut Tx) -> Result<Condition, Error> {
    const POSTGRES: &str = "select current_setting('server_version') as version,
        (extract(epoch from clock_timestamp()) * 1000000)::bigint as now,
        coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as encrypted,
        pg_is_in_recovery() as standby,
        coalesce((select rolsuper from pg_roles where rolname = current_user), false) as superuser,
        current_setting('max_connections')::bigint as connections";
    const SQLITE: &str = "select sqlite_version() as version,
        cast((julianday('now') - 2440587.5) * 86400000 as integer) * 1000 as now,
        false as encrypted, false as standby, false as superuser, 0 as connections";
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    Ok(with_conn!(tx, conn => sqlx::query_as(sql).fetch_one(conn).await?))
}

/// How the schema stands to this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The number of the newest migration that was run; 0: none.
    pub there: i64,
    /// The number of the newest one that this program knows.
    pub known: i64,
}

/// Reads which migrations were run.
pub async fn schema(tx: &mut Tx) -> Result<Schema, Error> {
    const POSTGRES: &str = "select count(*) from pg_tables
        where schemaname = current_schema() and tablename = '_sqlx_migrations'";
    const SQLITE: &str =
        "select count(*) from sqlite_master where type = 'table' and name = '_sqlx_migrations'";
    const NEWEST: &str = "select coalesce(max(version), 0) from _sqlx_migrations where success";
    let is_there = if tx.is_postgres() { POSTGRES } else { SQLITE };
    let tables: i64 = with_conn!(tx, conn => sqlx::query_scalar(is_there).fetch_one(conn).await?);
    let there = if tables == 0 {
        0
    } else {
        with_conn!(tx, conn => sqlx::query_scalar(NEWEST).fetch_one(conn).await?)
    };
    let known = migrate::POSTGRES.iter().map(|(version, ..)| *version).max();
    Ok(Schema {
        there,
        known: known.unwrap_or(0),
    })
}

/// The file of an SQLite database that does not exist yet, which opening it would make.
#[must_use]
pub fn missing_file(url: &str) -> Option<PathBuf> {
    let options = SqliteConnectOptions::from_str(url).ok()?;
    let file = options.get_filename().to_owned();
    (url.starts_with("sqlite:") && !file.exists()).then_some(file)
}

/// Where `url` leads, without what proves who asks: for people.
#[must_use]
pub fn place(url: &str) -> String {
    if url.starts_with("sqlite:") {
        let file = SqliteConnectOptions::from_str(url).ok();
        return file.map_or_else(String::new, |options| {
            options.get_filename().display().to_string()
        });
    }
    let Ok(options) = PgConnectOptions::from_str(url) else {
        return String::new();
    };
    let database = options.get_database().unwrap_or("").to_owned();
    format!("{}:{}/{database}", options.get_host(), options.get_port())
}
