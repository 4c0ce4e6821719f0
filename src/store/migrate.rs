//! Brings the schema up to date. The files of `migrations/` are compiled in.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgPoolOptions;

use super::{Db, Error};

macro_rules! migrations {
    ($folder:literal) => {
        migrations!($folder:
            1 "0001_base",
            2 "0002_nodes",
            3 "0003_own_account",
            4 "0004_management",
            5 "0005_trusted_browsers",
            6 "0006_vouched",
            7 "0007_identities",
        )
    };
    ($folder:literal: $($version:literal $name:literal,)+) => {
        [$((
            $version,
            $name,
            include_str!(concat!("../../migrations/", $folder, "/", $name, ".sql")),
        )),+]
    };
}

/// Every migration of PostgreSQL: number, name, text.
pub const POSTGRES: &[(i64, &str, &str)] = &migrations!("postgres");
/// Every migration of SQLite: the same numbers and names.
pub const SQLITE: &[(i64, &str, &str)] = &migrations!("sqlite");

/// Runs what has not been run yet. Safe when several processes start at once.
///
/// # Errors
/// When a migration fails, or the schema is newer than this program.
pub async fn migrate(db: &Db) -> Result<(), Error> {
    match db {
        Db::Postgres { requests, .. } => {
            // Others wait at sqlx's advisory lock, and a large table takes its time: a connection
            // without the bounds that requests have, used for this alone.
            let unbounded = [("lock_timeout", "0"), ("statement_timeout", "0")];
            let options = requests.connect_options().as_ref().clone().options(unbounded);
            let pool = PgPoolOptions::new()
                .max_connections(1)
                .connect_with(options)
                .await?;
            migrator(POSTGRES).run(&pool).await?;
            pool.close().await;
        }
        Db::Sqlite { writer, .. } => migrate_sqlite(writer).await?,
    }
    Ok(())
}

/// SQLite has no lock that outlives a transaction. Who loses the race finds the schema changed under
/// it (each migration is one transaction, so nothing is half done) and looks again.
async fn migrate_sqlite(writer: &sqlx::SqlitePool) -> Result<(), Error> {
    let mut tries = 0;
    loop {
        match migrator(SQLITE).run(writer).await {
            Ok(()) => return Ok(()),
            Err(error) if tries < 5 && is_race(&error) => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_race(error: &sqlx::migrate::MigrateError) -> bool {
    use sqlx::migrate::MigrateError;
    matches!(
        error,
        MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)
    )
}

fn migrator(list: &'static [(i64, &'static str, &'static str)]) -> Migrator {
    let migrations = list.iter().map(|(version, name, sql)| {
        Migration::new(
            *version,
            Cow::Borrowed(*name),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator {
        migrations: migrations.collect(),
        ..Migrator::DEFAULT
    }
}
