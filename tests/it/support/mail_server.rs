//! The mail server of `tests/mail_server`: aiosmtpd, a program of somebody else's making, with TLS and sign-in.
//! What it is told is in its own words; how it treats a receiver stands in the address.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use portcullis::config::{Config, Transport};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::database::Folder;
use super::eventually;
use super::source::root;

/// How the server is run.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// `none`, `starttls` or `implicit`.
    pub tls: &'static str,
    /// `trusted`, `stranger` or `self`.
    pub certificate: &'static str,
    /// Name and password of whoever may send; anybody, when empty.
    pub login: Option<(&'static str, &'static str)>,
}

impl Manner {
    /// As a provider runs it: STARTTLS, then sign-in.
    pub fn strict() -> Self {
        Self {
            tls: "starttls",
            certificate: "trusted",
            login: Some(("hub", "pass word/1")),
        }
    }

    /// Takes mail from anybody, in clear.
    pub fn plain() -> Self {
        Self {
            tls: "none",
            certificate: "trusted",
            login: None,
        }
    }
}

/// The server; killed when dropped.
#[derive(Debug)]
pub struct MailServer {
    pub port: u16,
    folder: Folder,
    manner: Manner,
    process: Child,
    /// Every attempt to deliver, also to those that went before on this port.
    attempts: Arc<Mutex<Vec<Value>>>,
}

impl MailServer {
    pub async fn start(manner: Manner) -> Self {
        let folder = Folder::new();
        let attempts = Arc::default();
        let (process, port) = run(&manner, &folder, 0, &attempts).await;
        Self {
            port,
            folder,
            manner,
            process,
            attempts,
        }
    }

    /// It goes away: connections are refused from now on.
    pub async fn stop(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// It comes back, on the same port.
    pub async fn come_back(&mut self) {
        let (process, port) = run(&self.manner, &self.folder, self.port, &self.attempts).await;
        assert_eq!(port, self.port);
        self.process = process;
    }

    /// The certificate of who signed the server's, or its own.
    pub fn authority(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }

    /// A configuration that sends its mail here, as `url` says; `{}` in it stands for the server.
    pub fn configure(&self, url: &str, authority: Option<&str>) -> impl FnOnce(&mut Config) + Send + use<> {
        let url = url.replace("{}", &format!("127.0.0.1:{}", self.port));
        let ca_certificates = authority.map(|name| self.authority(name));
        move |config| {
            config.mail.transport = Transport::Smtp;
            config.mail.smtp_url = Some(url.into());
            config.mail.ca_certificates = ca_certificates;
            config.mail.from = String::from("Portcullis <no-reply@example.net>");
        }
    }

    pub fn attempts(&self) -> Vec<Value> {
        self.attempts.lock().unwrap().clone()
    }

    /// The manners of all attempts to deliver to `email`.
    pub fn manners(&self, email: &str) -> Vec<String> {
        let attempts = self.attempts().into_iter();
        let to = attempts.filter(|attempt| attempt["to"][0] == email);
        to.map(|attempt| attempt["manner"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until `count` deliveries were attempted.
    pub async fn attempted(&self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} deliveries"), || async {
            let attempts = self.attempts();
            (attempts.len() >= count).then_some(attempts)
        })
        .await
    }
}

async fn run(manner: &Manner, folder: &Folder, port: u16, attempts: &Arc<Mutex<Vec<Value>>>) -> (Child, u16) {
    let (user, password) = manner.login.unwrap_or_default();
    let mut process = Command::new(root().join("scripts/python-tool"))
        .args(["mail_server", "--folder"])
        .arg(folder.path())
        .args(["--port", &port.to_string()])
        .args(["--tls", manner.tls, "--certificate", manner.certificate])
        .args(["--user", user, "--password", password])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap();
    let first: Value =
        serde_json::from_str(&first.expect("the mail server starts; stderr says why not")).unwrap();
    let attempts = Arc::clone(attempts);
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            let attempt = serde_json::from_str(&line).unwrap();
            attempts.lock().unwrap().push(attempt);
        }
    });
    (process, u16::try_from(first["port"].as_u64().unwrap()).unwrap())
}
