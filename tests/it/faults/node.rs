//! A node: a real process of the real binary, with a line of its own to PostgreSQL and to Redis.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::process;
use crate::support::database::Folder;
use crate::support::proxy::Proxy;

/// What every node is told.
pub type Settings = Vec<(String, String)>;

/// One node. It keeps its place while its process dies and comes back.
#[derive(Debug)]
pub struct Node {
    pub index: usize,
    pub to_sql: Proxy,
    pub to_redis: Proxy,
    folder: Folder,
    settings: Mutex<Settings>,
    address: Mutex<SocketAddr>,
    metrics: Mutex<SocketAddr>,
    process: Mutex<Option<Child>>,
    starts: AtomicUsize,
}

/// The program under test.
pub fn binary() -> PathBuf {
    std::env::var_os("PORTCULLIS_FAULTS_BINARY")
        .map_or_else(|| env!("CARGO_BIN_EXE_portcullis").into(), PathBuf::from)
}

impl Node {
    /// A node that is not running yet.
    pub fn new(index: usize, to_sql: Proxy, to_redis: Proxy, settings: Settings) -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        Self {
            index,
            to_sql,
            to_redis,
            folder: Folder::new(),
            settings: Mutex::new(settings),
            address: Mutex::new(nowhere),
            metrics: Mutex::new(nowhere),
            process: Mutex::new(None),
            starts: AtomicUsize::new(0),
        }
    }

    /// Says something to the node that the others are not told; it counts from the next start on.
    pub fn set(&self, name: &str, value: &str) {
        let mut settings = self.settings.lock().unwrap();
        settings.push((name.to_owned(), value.to_owned()));
    }

    /// A command line of this node's installation.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env_clear()
            .envs(self.settings.lock().unwrap().iter().cloned())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command of the binary beside the node; it must succeed. Gives what it printed.
    pub async fn ask(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts its process and waits until it listens. `false`: it ended before, as when SQL is away.
    pub async fn start(&self) -> bool {
        let metrics = crate::support::free_address().await;
        let number = self.starts.fetch_add(1, Ordering::SeqCst);
        let log = std::fs::File::create(self.log(number)).unwrap();
        let mut command = self.command(&["serve"]);
        command
            .env("PORTCULLIS_METRICS__LISTEN", metrics.to_string())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let Ok(Some(first)) = lines.next_line().await else {
            let _ended = child.wait().await;
            return false;
        };
        let address = first.strip_prefix("listening on http://").unwrap();
        // What it prints later is read, or the pipe fills up and stops it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        *self.address.lock().unwrap() = address.parse().unwrap();
        *self.metrics.lock().unwrap() = metrics;
        *self.process.lock().unwrap() = Some(child);
        true
    }

    /// Starts it, again and again until it listens.
    pub async fn start_surely(&self) {
        for _ in 0..60 {
            if self.start().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("node {} does not start:\n{}", self.index, self.last_lines());
    }

    fn log(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("log-{number}"))
    }

    /// All that its processes logged.
    pub fn logged(&self) -> String {
        let starts = self.starts.load(Ordering::SeqCst);
        let read = |number| std::fs::read_to_string(self.log(number)).unwrap_or_default();
        (0..starts).map(read).collect()
    }

    /// What it warned of, and how often; what it says most, first.
    pub fn warnings(&self) -> Vec<(String, usize)> {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for line in self.logged().lines() {
            let loud = ["WARN", "ERROR"]
                .into_iter()
                .find_map(|level| line.split_once(level));
            if let Some((_, said)) = loud {
                let short: String = said.trim().chars().take(160).collect();
                *found.entry(short).or_default() += 1;
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        found
    }

    pub fn last_lines(&self) -> String {
        let all = self.logged();
        let lines: Vec<&str> = all.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    pub fn id(&self) -> Option<u32> {
        self.process.lock().unwrap().as_ref().and_then(Child::id)
    }

    /// How its process ended, if it did so unasked.
    pub fn ended(&self) -> Option<String> {
        let mut process = self.process.lock().unwrap();
        let status = process.as_mut()?.try_wait().unwrap()?;
        Some(status.to_string())
    }

    pub async fn kill(&self) {
        let running = self.process.lock().unwrap().take();
        if let Some(mut process) = running {
            process.kill().await.unwrap();
        }
    }

    /// Asks it to drain and end, and waits until it has.
    pub async fn terminate(&self) {
        let running = self.process.lock().unwrap().take();
        if let Some(mut process) = running {
            process::signal(process.id().unwrap(), Signal::TERM);
            process.wait().await.unwrap();
        }
    }

    pub fn freeze(&self) {
        if let Some(id) = self.id() {
            process::signal(id, Signal::STOP);
        }
    }

    pub fn thaw(&self) {
        if let Some(id) = self.id() {
            process::signal(id, Signal::CONT);
        }
    }

    /// The sum of the series of this name; labels may follow it, as in `name{code="1012"}`.
    pub async fn metric(&self, client: &reqwest::Client, name: &str) -> Option<f64> {
        let url = format!("http://{}/metrics", *self.metrics.lock().unwrap());
        let text = client.get(url).send().await.ok()?.text().await.ok()?;
        let is_of = |line: &&str| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| name.ends_with('}') || rest.starts_with([' ', '{']))
        };
        let values = text
            .lines()
            .filter(is_of)
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Some(values.sum())
    }
}
