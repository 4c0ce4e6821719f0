//! The real binary, run as an operator runs it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use super::database::{self, Folder};
use super::http::Caller;
use super::{DEADLINE, eventually};

/// A folder, a database, and what the binary is told about them.
#[derive(Debug)]
pub struct Installation {
    pub folder: Folder,
    variables: Vec<(String, String)>,
}

/// A server process; killed when dropped.
#[derive(Debug)]
pub struct Server {
    pub caller: Caller,
    pub process: Child,
    /// What it has printed so far.
    printed: Arc<Mutex<Vec<String>>>,
}

impl Installation {
    /// A folder, and nothing that the binary is told.
    pub fn bare() -> Self {
        Self {
            folder: Folder::new(),
            variables: Vec::new(),
        }
    }

    /// As a newcomer has it, but for the port and cheap passwords.
    pub async fn new() -> Self {
        let mut installation = Self::bare();
        let database = database::fresh(&installation.folder).await;
        for (name, value) in [
            ("DATABASE_URL", database.as_str()),
            ("PORTCULLIS_HTTP__LISTEN", "127.0.0.1:0"),
            ("PORTCULLIS_METRICS__LISTEN", ""),
            ("PORTCULLIS_PASSWORDS__MEMORY_KIB", "1024"),
            ("PORTCULLIS_PASSWORDS__ITERATIONS", "1"),
            ("PORTCULLIS_DATA_DIR", "./data"),
        ] {
            installation.set(name, value);
        }
        installation
    }

    /// The URL of its database.
    pub fn database_url(&self) -> &str {
        let found = self.variables.iter().rfind(|(name, _)| name == "DATABASE_URL");
        &found.unwrap().1
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().cloned());
        command.current_dir(self.folder.path()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap()
    }

    /// Runs a command that must succeed; gives what it printed.
    pub async fn ask(&self, arguments: &[&str]) -> String {
        self.ask_with(arguments, "").await
    }

    /// As [`ask`](Self::ask), with `input` on standard input.
    pub async fn ask_with(&self, arguments: &[&str], input: &str) -> String {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// As [`serve`](Self::serve), with its log in the file `log`.
    pub async fn serve_logging_to(&self, log: &Path) -> Server {
        let log = std::fs::File::create(log).unwrap();
        self.serve_with(&["serve"], Stdio::from(log)).await
    }

    /// Starts `serve` and waits until it listens.
    pub async fn serve(&self) -> Server {
        self.serve_with(&["serve"], Stdio::inherit()).await
    }

    /// As [`serve`](Self::serve), and leaves the database as it is, which is what production does.
    pub async fn serve_as_it_is(&self) -> Server {
        self.serve_with(&["serve", "--no-migrate"], Stdio::inherit())
            .await
    }

    async fn serve_with(&self, arguments: &[&str], stderr: Stdio) -> Server {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines
            .next_line()
            .await
            .unwrap()
            .expect("the server says where it listens");
        let address = first
            .strip_prefix("listening on http://")
            .expect("the first line names the address");
        let caller = Caller::new(address.parse::<SocketAddr>().unwrap());
        let printed = Arc::new(Mutex::new(Vec::new()));
        let print = Arc::clone(&printed);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                print.lock().unwrap().push(line);
            }
        });
        Server {
            caller,
            process,
            printed,
        }
    }
}

impl Server {
    /// Asks it to drain and end, and waits until it has.
    pub async fn terminate(mut self) {
        assert_eq!(self.end().await, 0);
    }

    /// Asks the process to end, and waits until it has; gives its exit code.
    pub async fn end(&mut self) -> i32 {
        let id = i32::try_from(self.process.id().expect("it runs")).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
        let ended = tokio::time::timeout(DEADLINE, self.process.wait()).await;
        ended.expect("it ends").unwrap().code().expect("by itself")
    }

    /// The token in the address that makes the first admin.
    pub async fn setup_token(&self) -> String {
        eventually("the set-up address is printed", || async {
            let printed = self.printed.lock().unwrap();
            let after = printed.iter().find_map(|line| line.split_once("/setup/"))?.1;
            after.split_whitespace().next().map(str::to_owned)
        })
        .await
    }
}
