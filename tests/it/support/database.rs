//! A database for each test: an SQLite file, or a schema of the PostgreSQL server that
//! `scripts/with-test-servers` runs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A folder that goes away with the test.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// Where writing costs no disk, if there is such a place: for what is written thousands of times.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            Self::below(memory)
        } else {
            Self::new()
        }
    }

    fn below(folder: &Path) -> Self {
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let path = folder.join(format!("portcullis-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether this run is on PostgreSQL.
pub fn is_postgres() -> bool {
    std::env::var("PORTCULLIS_TEST_DATABASE").is_ok_and(|kind| kind == "postgres")
}

/// The URL of a fresh, empty database.
pub async fn fresh(folder: &Folder) -> String {
    if is_postgres() {
        fresh_postgres().await
    } else {
        sqlite_in(folder)
    }
}

/// The URL of an SQLite file in `folder`.
pub fn sqlite_in(folder: &Folder) -> String {
    format!("sqlite://{}", folder.path().join("portcullis.db").display())
}

/// The URL of a fresh schema of the test server.
pub async fn fresh_postgres() -> String {
    let server = std::env::var("PORTCULLIS_TEST_POSTGRES").expect("run the tests by `make test`");
    let number = COUNT.fetch_add(1, Ordering::SeqCst);
    let schema = format!("t{}_{number}", std::process::id());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    connection
        .execute(AssertSqlSafe(format!("drop schema if exists {schema} cascade")))
        .await
        .unwrap();
    connection
        .execute(AssertSqlSafe(format!("create schema {schema}")))
        .await
        .unwrap();
    connection.close().await.unwrap();
    let separator = if server.contains('?') { '&' } else { '?' };
    format!("{server}{separator}options=-c%20search_path%3D{schema}")
}

/// Where a program of the newest PostgreSQL is.
pub fn program(name: &str) -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            let path = entry.path().join("bin").join(name);
            path.exists().then_some((version, path))
        })
        .collect();
    versions.sort();
    versions.pop().map_or_else(|| name.into(), |(_, path)| path)
}
