//! A private PostgreSQL cluster that a scenario restarts, freezes, copies, promotes and restores.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Mutex;

use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::process::Child;

use super::process::{self, ServerFolder};
use crate::support::database::program;
use crate::support::eventually;

/// A cluster; gone with the value.
#[derive(Debug)]
pub struct Postgres {
    folder: ServerFolder,
    pub address: SocketAddr,
    options: Vec<String>,
    process: Mutex<Option<Child>>,
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// As [`start`](Self::start), and it counts its statements.
    pub async fn counting() -> Self {
        let cluster = Self::start_with(&["shared_preload_libraries=pg_stat_statements"]).await;
        cluster.execute("create extension pg_stat_statements").await;
        cluster
    }

    async fn start_with(options: &[&str]) -> Self {
        let mut cluster = Self::empty("postgres").await;
        cluster.options = options.iter().copied().map(str::to_owned).collect();
        let fresh = std::env::var("PORTCULLIS_TEST_CLUSTER").expect("run the tests by `make test`");
        let copied = process::server("cp", &cluster.folder)
            .args(["-R", &fresh, "data"])
            .output()
            .await
            .unwrap();
        assert!(
            copied.status.success(),
            "{}",
            String::from_utf8_lossy(&copied.stderr)
        );
        cluster.run().await;
        cluster
    }

    async fn empty(name: &str) -> Self {
        Self {
            folder: ServerFolder::new(name),
            address: crate::support::free_address().await,
            options: Vec::new(),
            process: Mutex::new(None),
        }
    }

    /// A standby that follows this one by way of `line`, `delay` behind.
    pub async fn standby(delay: &str, line: SocketAddr) -> Self {
        let mut standby = Self::empty("standby").await;
        standby.options = vec![format!("recovery_min_apply_delay={delay}")];
        standby.copy_of(line, &["--write-recovery-conf"]).await;
        standby.run().await;
        standby
    }

    /// Copies the files of a running cluster.
    async fn copy_of(&self, other: SocketAddr, options: &[&str]) {
        let copied = process::server(program("pg_basebackup"), &self.folder)
            .env("PGPASSWORD", password())
            .args(["--pgdata=data", "--checkpoint=fast", "--no-sync"])
            .args(["--host=127.0.0.1", "--username=portcullis"])
            .arg(format!("--port={}", other.port()))
            .args(options)
            .output()
            .await
            .unwrap();
        assert!(
            copied.status.success(),
            "{}",
            String::from_utf8_lossy(&copied.stderr)
        );
    }

    /// A cluster of its own with what this one holds now, not yet started.
    pub async fn backup(&self) -> Self {
        let copy = Self::empty("backup").await;
        copy.copy_of(self.address, &[]).await;
        copy
    }

    /// Starts it at its address, and waits until it takes connections.
    pub async fn run(&self) {
        let mut command = process::server(program("postgres"), &self.folder);
        command.args(["-D", "data", "-p", &self.address.port().to_string()]);
        for option in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=.",
            "max_connections=200",
            "timezone=UTC",
            "fsync=off",
            "full_page_writes=off",
        ] {
            command.args(["-c", option]);
        }
        for option in &self.options {
            command.args(["-c", option]);
        }
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.file("log"))
            .unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(Stdio::from(log));
        *self.process.lock().unwrap() = Some(command.spawn().unwrap());
        eventually("PostgreSQL takes connections", || async {
            let connection = PgConnection::connect(&self.url()).await.ok()?;
            connection.close().await.ok()
        })
        .await;
    }

    /// Ends it as a crash of all its processes would: nobody says goodbye, nothing is flushed.
    pub async fn crash(&self) {
        let running = self.process.lock().unwrap().take();
        if let Some(mut process) = running {
            process::signal(process.id().unwrap(), Signal::QUIT);
            process.wait().await.unwrap();
        }
    }

    pub fn freeze(&self) {
        process::freeze(self.id());
    }

    pub fn thaw(&self) {
        process::thaw(self.id());
    }

    /// A standby becomes the primary.
    pub async fn promote(&self) {
        self.execute("select pg_promote(true, 30)").await;
    }

    fn id(&self) -> u32 {
        let process = self.process.lock().unwrap();
        process.as_ref().and_then(Child::id).unwrap_or(0)
    }

    /// For a look into it, past every proxy.
    pub fn url(&self) -> String {
        format!("postgres://portcullis:{}@{}/postgres", password(), self.address)
    }

    /// A folder in `place` that the cluster may write into.
    pub fn folder_on(place: &std::path::Path) -> String {
        process::folder_in(place, "tablespace")
    }

    pub async fn execute(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.url()).await.unwrap();
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap().take();
        if let Some(id) = process.as_ref().and_then(Child::id) {
            let all = process::tree(id);
            process::signal(id, Signal::QUIT);
            process::thaw(id);
            // The folder goes next: whoever still writes into it must be gone.
            for process in all.into_iter().rev() {
                process::signal(process, Signal::KILL);
            }
        }
    }
}

/// Every cluster is a copy of one, and has its password.
fn password() -> String {
    let url = std::env::var("PORTCULLIS_TEST_POSTGRES").expect("run the tests by `make test`");
    let url = url::Url::parse(&url).unwrap();
    url.password().unwrap_or_default().to_owned()
}
