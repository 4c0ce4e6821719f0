//! A private Redis that a scenario kills, freezes, empties and swaps.

use std::net::SocketAddr;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Child;

use super::process::{self, ServerFolder};
use crate::support::{DEADLINE, eventually};

const PASSWORD: &str = "a-private-redis";

/// A Redis; gone with the value.
#[derive(Debug)]
pub struct Redis {
    folder: ServerFolder,
    pub address: SocketAddr,
    process: Option<Child>,
}

impl Redis {
    pub async fn start() -> Self {
        let folder = ServerFolder::new("redis");
        let lines = format!(
            "bind 127.0.0.1\nrequirepass {PASSWORD}\nsave \"\"\nappendonly no\ndir {}\n",
            folder.path().display()
        );
        folder.write("redis.conf", &lines);
        let address = crate::support::free_address().await;
        let mut redis = Self {
            folder,
            address,
            process: None,
        };
        redis.run().await;
        redis
    }

    /// What the hub is told, when it reaches this server at `address`.
    pub fn url_at(address: SocketAddr) -> String {
        format!("redis://default:{PASSWORD}@{address}/0")
    }

    /// Starts it, empty, at the same address.
    pub async fn run(&mut self) {
        let mut command = process::server("redis-server", &self.folder);
        command.arg(self.folder.file("redis.conf"));
        command.args(["--port", &self.address.port().to_string()]);
        command.stdout(std::process::Stdio::null());
        self.process = Some(command.spawn().unwrap());
        eventually("Redis answers", || async {
            let said = self.try_say(&["PING"]).await?;
            said.contains("PONG").then_some(())
        })
        .await;
    }

    pub async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await.unwrap();
        }
    }

    pub fn freeze(&self) {
        process::signal(self.id(), Signal::STOP);
    }

    pub fn thaw(&self) {
        process::signal(self.id(), Signal::CONT);
    }

    fn id(&self) -> u32 {
        self.process.as_ref().and_then(Child::id).unwrap_or(0)
    }

    /// Sends one command; gives the raw answer.
    pub async fn say(&self, words: &[&str]) -> String {
        self.try_say(words).await.expect("Redis answers")
    }

    /// Sends many commands on one connection, and waits until all are done.
    pub async fn say_all(&self, commands: &[Vec<String>]) {
        let words: Vec<Vec<&str>> = commands
            .iter()
            .map(|command| command.iter().map(String::as_str).collect())
            .collect();
        let lists: Vec<&[&str]> = words.iter().map(Vec::as_slice).collect();
        self.send(&lists).await.expect("Redis answers");
    }

    async fn try_say(&self, words: &[&str]) -> Option<String> {
        self.send(&[words]).await
    }

    async fn send(&self, commands: &[&[&str]]) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        let mut bytes = Vec::new();
        write_command(&mut bytes, &["AUTH", PASSWORD]);
        for command in commands {
            write_command(&mut bytes, command);
        }
        write_command(&mut bytes, &["QUIT"]);
        stream.write_all(&bytes).await.ok()?;
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        tokio::time::timeout(DEADLINE, reading).await.ok()?.ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// A command as Redis reads it.
fn write_command(bytes: &mut Vec<u8>, words: &[&str]) {
    bytes.extend(format!("*{}\r\n", words.len()).bytes());
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
}
