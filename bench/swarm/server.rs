//! The server under measurement: the release binary beside this one, with users made beforehand.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::Context as _;
use portcullis::accounts::NewUser;
use portcullis::app::App;
use portcullis::audit::{Actor, Origin};
use portcullis::config::Config;
use portcullis::email::Email;
use portcullis::roles::Permission;
use portcullis::service_keys::NewServiceKey;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// What every user signs in with.
pub const PASSWORD: &str = "a password for ten thousand";
/// Sockets of one user; below `hub.per_user`.
const PER_USER: usize = 50;
/// Cheap hashing: what is measured here comes after it.
const MEMORY_KIB: u32 = 1024;

/// The running server.
pub struct Server {
    pub address: SocketAddr,
    pub users: Vec<String>,
    pub service_key: String,
    process: Child,
    folder: PathBuf,
}

impl Server {
    /// Makes the users and starts the server.
    pub async fn start(sockets: usize) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("portcullis-swarm-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let users: Vec<String> = (0..sockets.div_ceil(PER_USER))
            .map(|number| format!("user{number}@example.org"))
            .collect();
        let service_key = prepare(&folder, &users).await?;
        let (process, address) = launch(&folder).await?;
        Ok(Self {
            address,
            users,
            service_key,
            process,
            folder,
        })
    }

    /// The server's resident memory.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let id = self.process.id().context("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }

    /// Ends the server and removes its folder.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.process.kill().await?;
        std::fs::remove_dir_all(&self.folder)?;
        Ok(())
    }
}

async fn prepare(folder: &Path, users: &[String]) -> anyhow::Result<String> {
    let mut config = Config::for_development();
    config.data_dir = folder.to_owned();
    config.passwords.memory_kib = MEMORY_KIB;
    config.passwords.iterations = 1;
    let address = config.http.listen;
    let app = App::build(Arc::new(config), address, true).await?;
    let operator = Origin::local(Actor::Operator);
    for email in users {
        let user = NewUser {
            email: Email::parse(email)?,
            name: None,
            role: "user".to_owned(),
            active: true,
            password: Some(PASSWORD.to_owned().into()),
            invite: false,
        };
        app.accounts.create(user, &operator).await?;
    }
    let key = NewServiceKey {
        name: "swarm".to_owned(),
        scopes: vec![Permission::SessionsRevoke],
        allow: Vec::new(),
        expires_in: None,
    };
    let (_, secret) = app.service_keys.create(key, &operator).await?;
    app.close().await;
    Ok(secret.expose().to_owned())
}

async fn launch(folder: &Path) -> anyhow::Result<(Child, SocketAddr)> {
    let binary = std::env::current_exe()?;
    let binary = binary
        .parent()
        .and_then(Path::parent)
        .context("no target folder")?
        .join("portcullis");
    let mut process = Command::new(&binary)
        .current_dir(folder)
        .env_clear()
        .env("PORTCULLIS_DATA_DIR", folder)
        .env("PORTCULLIS_HTTP__LISTEN", "127.0.0.1:0")
        .env("PORTCULLIS_METRICS__LISTEN", "")
        .env("PORTCULLIS_LIMITS__ENABLED", "false")
        .env("PORTCULLIS_PASSWORDS__MEMORY_KIB", MEMORY_KIB.to_string())
        .env("PORTCULLIS_PASSWORDS__ITERATIONS", "1")
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = line.strip_prefix("listening on http://") {
            return Ok((process, address.parse()?));
        }
    }
    anyhow::bail!("the server ended before it listened")
}
