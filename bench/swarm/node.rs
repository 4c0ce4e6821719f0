//! What is started: nodes of the hub, the bare server, and the databases that they are given.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::process::Command;

use super::ground::{PUBLIC_URL, TOKEN_SECONDS};
use super::process::{Process, built, family_of};

/// More than anybody has here: caps are not what is measured.
const NO_CAP: &str = "100000";

/// The servers that `scripts/bench` has started, and a folder.
pub struct PublicUrl {
    postgres: url::Url,
    redis: String,
    pub folder: PathBuf,
}

impl PublicUrl {
    /// From the environment that `scripts/with-test-servers` sets. Refuses whatever is not on this machine.
    pub fn find() -> anyhow::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "no configuration of the hub")]
        let variable = |name| {
            let unset = || format!("{name} is not set: start this by scripts/bench");
            std::env::var(name).with_context(unset)
        };
        let postgres: url::Url = variable("PORTCULLIS_TEST_POSTGRES")?.parse()?;
        let redis: url::Url = variable("PORTCULLIS_TEST_REDIS")?.parse()?;
        for url in [&postgres, &redis] {
            let host = url.host_str().unwrap_or_default();
            let near = host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
            anyhow::ensure!(
                near,
                "{host} is not a loopback address: this measures its own machine alone"
            );
        }
        let folder = std::env::temp_dir().join(format!("portcullis-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let redis = redis.to_string();
        Ok(Self {
            postgres,
            redis,
            folder,
        })
    }

    /// A new PostgreSQL database.
    pub async fn postgres(&self, name: &'static str) -> anyhow::Result<String> {
        let mut connection = sqlx::postgres::PgConnectOptions::from_url(&self.postgres)?
            .connect()
            .await?;
        let sql = sqlx::AssertSqlSafe(format!("create database {name}"));
        sqlx::query(sql).execute(&mut connection).await?;
        connection.close().await?;
        let mut url = self.postgres.clone();
        url.set_path(name);
        Ok(url.to_string())
    }

    /// A new SQLite file.
    pub fn sqlite(&self, name: &str) -> String {
        format!("sqlite://{}/{name}.db", self.folder.display())
    }

    /// The processes of PostgreSQL.
    pub async fn postgres_processes(&self) -> anyhow::Result<Vec<u32>> {
        let mut connection = sqlx::postgres::PgConnectOptions::from_url(&self.postgres)?
            .connect()
            .await?;
        let id: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut connection)
            .await?;
        let family = family_of(id.try_into()?)?;
        connection.close().await?;
        Ok(family
            .into_iter()
            .filter(|process| i64::from(*process) != i64::from(id))
            .collect())
    }

    /// The process of Redis.
    pub async fn redis_process(&self) -> anyhow::Result<u32> {
        let client = redis::Client::open(self.redis.as_str())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await?;
        let id = info.lines().find_map(|line| line.strip_prefix("process_id:"));
        Ok(id.context("Redis does not say its process")?.trim().parse()?)
    }

    /// A node as production has it, but for limits, which would refuse these clients, and for caps. With
    /// Redis unless the database is SQLite.
    pub async fn node(&self, database: &str) -> anyhow::Result<Process> {
        let mut command = Command::new(built("portcullis")?);
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("DATABASE_URL", database)
            .env("PORTCULLIS_PUBLIC_URL", PUBLIC_URL)
            .env("PORTCULLIS_DATA_DIR", &self.folder)
            .env("PORTCULLIS_HTTP__LISTEN", "127.0.0.1:0")
            .env("PORTCULLIS_METRICS__LISTEN", "127.0.0.1:0")
            .env("PORTCULLIS_LIMITS__ENABLED", "false")
            .env("PORTCULLIS_TOKENS__SOCKET_TTL", TOKEN_SECONDS.to_string())
            .env("PORTCULLIS_TOKENS__ACCESS_TTL", TOKEN_SECONDS.to_string())
            .env("PORTCULLIS_HUB__PER_USER", NO_CAP)
            .env("PORTCULLIS_HUB__PER_SESSION", NO_CAP)
            .env("RUST_LOG", "error");
        if database.starts_with("postgres") {
            command.env("REDIS_URL", &self.redis);
        }
        Process::start(command).await
    }
}

impl Drop for PublicUrl {
    fn drop(&mut self) {
        let _may_be_gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// The bare server.
pub struct Bare {
    pub process: Process,
    pub echo: SocketAddr,
}

impl Bare {
    pub async fn serve() -> anyhow::Result<Self> {
        let mut command = Command::new(built("bare")?);
        command.arg("serve");
        let mut process = Process::start(command).await?;
        let line = process.line().await?;
        let echo = line.strip_prefix("echo on ").context("no echo")?.parse()?;
        Ok(Self { process, echo })
    }

    /// Runs one of its commands to the end; gives the figures that it prints.
    pub async fn run(arguments: &[&str]) -> anyhow::Result<Value> {
        let mut command = Command::new(built("bare")?);
        let output = command.args(arguments).kill_on_drop(true).output().await?;
        let error = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "bare {arguments:?}: {error}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Stops a process by SIGSTOP, until this is dropped.
pub struct Frozen(rustix::process::Pid);

impl Frozen {
    pub fn freeze(process: u32) -> anyhow::Result<Self> {
        use rustix::process::{Pid, Signal, kill_process};
        let id = Pid::from_raw(process.try_into()?).context("no process")?;
        kill_process(id, Signal::STOP)?;
        Ok(Self(id))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _may_be_gone = rustix::process::kill_process(self.0, rustix::process::Signal::CONT);
    }
}

/// Cargo's folder for what it builds: the figures are written there.
pub fn target_folder() -> anyhow::Result<PathBuf> {
    let binary = built("portcullis")?;
    let folder = binary.parent().and_then(Path::parent);
    Ok(folder.context("no target folder")?.to_owned())
}
