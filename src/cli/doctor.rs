//! `doctor`: tries what the hub needs, as the hub would, and says what is wrong and what to do. It changes nothing and
//! works beside a running hub.
//!
//! Each file below is a check: a function from the [`Patient`] to what it found. To add one, write its file and its line
//! in [`examine`].

mod bus;
mod configuration;
mod database;
mod files;
mod keys;
mod mail;
mod providers;
mod public;
mod socket;
mod web;

use std::net::SocketAddr;

use serde_json::json;

use super::{Failure, output};
use crate::clock::Clock;
use crate::config::{Config, Loaded, PublicUrl, Shown};
use crate::secret::MasterKey;
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is looked at: a configuration, and the machine it is for.
struct Patient {
    config: Config,
    shown: Vec<Shown>,
    /// The public address; `None` where only a running server knows it.
    site: Option<PublicUrl>,
    master: Option<MasterKey>,
    clock: Clock,
}

impl Patient {
    fn of(loaded: Loaded) -> Self {
        let config = loaded.config;
        let listen: SocketAddr = config.http.listen;
        let is_known = config.public_url.is_some() || listen.port() != 0;
        Self {
            site: is_known.then(|| PublicUrl::new(&config, listen)),
            // In development it may not have been made yet, and a look makes none.
            master: keys::master(&config),
            shown: loaded.shown,
            config,
            clock: Clock::System,
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    /// It works, and should be thought over.
    Warn,
    /// It does not work, or not as it must.
    Wrong,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Wrong => "wrong",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
struct Finding {
    /// What was looked at, in a word.
    of: &'static str,
    verdict: Verdict,
    /// How it is.
    what: String,
    /// What to do; empty where nothing is.
    todo: String,
}

impl Finding {
    fn ok(of: &'static str, what: impl Into<String>) -> Self {
        Self::new(of, Verdict::Ok, what, "")
    }

    fn warn(of: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(of, Verdict::Warn, what, todo)
    }

    fn wrong(of: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(of, Verdict::Wrong, what, todo)
    }

    fn new(of: &'static str, verdict: Verdict, what: impl Into<String>, todo: impl Into<String>) -> Self {
        let (what, todo) = (what.into(), todo.into());
        Self {
            of,
            verdict,
            what,
            todo,
        }
    }
}

pub(super) async fn run(loaded: Loaded, args: &Args) -> Result<(), Failure> {
    telemetry::init(&loaded.config, loaded.log_filter.as_deref(), "error");
    let found = examine(&Patient::of(loaded)).await;
    let wrong = found
        .iter()
        .filter(|finding| finding.verdict == Verdict::Wrong)
        .count();
    if args.json {
        print_json(&found, wrong == 0);
    } else {
        print_text(&found);
    }
    match wrong {
        0 => Ok(()),
        1 => Err(anyhow::anyhow!("one thing is wrong").into()),
        many => Err(anyhow::anyhow!("{many} things are wrong").into()),
    }
}

/// Every check, in the order in which one would look.
async fn examine(patient: &Patient) -> Vec<Finding> {
    let mut found = configuration::look(patient);
    found.extend(files::look(patient));
    found.extend(keys::look_at_master(patient));
    found.extend(database::look(patient).await);
    found.extend(bus::look(patient).await);
    found.extend(mail::look(patient).await);
    found.extend(providers::look(patient).await);
    found.extend(public::look(patient).await);
    found.extend(socket::look(patient).await);
    found
}

fn print_text(found: &[Finding]) {
    let width = found.iter().map(|finding| finding.of.len()).max().unwrap_or(0);
    for finding in found {
        let Finding {
            of,
            verdict,
            what,
            todo,
        } = finding;
        output::line(format!(
            "{:5}  {of:width$}  {}",
            verdict.as_str(),
            output::plain(what)
        ));
        if !todo.is_empty() {
            output::line(format!("{:5}  {:width$}  -> {}", "", "", output::plain(todo)));
        }
    }
}

fn print_json(found: &[Finding], healthy: bool) {
    let item = |finding: &Finding| {
        json!({
            "check": finding.of,
            "verdict": finding.verdict.as_str(),
            "found": finding.what,
            "advice": Some(&finding.todo).filter(|todo| !todo.is_empty()),
        })
    };
    let items: Vec<_> = found.iter().map(item).collect();
    output::line(json!({ "healthy": healthy, "items": items }).to_string());
}
