//! The command line: what an operator types, and how it ends. One file each.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or configuration. Results go to stdout, faults to stderr.
//! Commands build the same [`App`] as the server and work beside a running one.

mod config;
mod doctor;
mod duration;
mod healthcheck;
mod key;
mod keys;
mod migrate;
mod openapi;
mod output;
mod serve;
mod user;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::app::App;
use crate::config::{Config, ConfigErrors, Env, Fault, Loaded};
use crate::password::Breached;
use crate::store::condition;
use crate::{mail, telemetry};

/// A WebSocket-first realtime auth hub.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, disable_help_subcommand = true)]
struct Cli {
    /// Configuration file; without it portcullis.toml in the working directory, if there is one
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub; what happens without a command
    Serve(serve::Args),
    /// Bring the database up to date; safe when several start at once
    Migrate,
    /// Create, list and change users
    User(user::Args),
    /// Create, list and revoke service keys
    Key(key::Args),
    /// List, rotate and withdraw the keys that sign tokens
    Keys(keys::Args),
    /// Check or show the configuration
    Config(config::Args),
    /// Try everything that the hub needs; say what is wrong and what to do
    Doctor(doctor::Args),
    /// Print the OpenAPI document
    Openapi,
    /// Ask a running hub whether it lives; for containers
    Healthcheck(healthcheck::Args),
}

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Exit code 2; each fault is a line.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Exit code 2, and everything has been said.
    #[error("the configuration is not valid")]
    Told,
    /// Exit code 1.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

/// Runs the command in `arguments`, whose first is the program's name; answers the exit code.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are "errors" too, with code 0 and for stdout.
            drop(error.print());
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    match execute(cli).await {
        Ok(()) => 0,
        Err(Failure::Config(faults)) => {
            eprintln!("portcullis: the configuration has {} fault(s):", faults.0.len());
            eprintln!("{faults}");
            2
        }
        Err(Failure::Told) => 2,
        Err(Failure::Failed(error)) => {
            eprintln!("portcullis: {error:#}");
            1
        }
    }
}

async fn execute(cli: Cli) -> Result<(), Failure> {
    let file = cli.config.as_deref();
    match cli.command.unwrap_or(Command::Serve(serve::Args::default())) {
        Command::Serve(args) => serve::run(load(file)?, &args).await,
        Command::Migrate => migrate::run(load(file)?).await,
        Command::User(args) => user::run(load(file)?, args).await,
        Command::Key(args) => key::run(load(file)?, args).await,
        Command::Keys(args) => keys::run(load(file)?, args).await,
        Command::Config(args) => config::run(file, &args),
        Command::Doctor(args) => doctor::run(load(file)?, &args).await,
        Command::Openapi => openapi::run(),
        Command::Healthcheck(args) => healthcheck::run(file, args).await,
    }
}

/// The configuration, with what its paths name: templates of mails and the list of breached passwords are part of it.
fn load(file: Option<&Path>) -> Result<Loaded, ConfigErrors> {
    let loaded = Config::load(file)?;
    let found = mail::faults(&loaded.config).into_iter();
    let mut faults: Vec<Fault> = found
        .map(|fault| loaded.fault(fault.key, fault.problem))
        .collect();
    let list = loaded.config.passwords.breached.as_deref();
    if let Some(Err(unfit)) = list.map(Breached::open) {
        faults.push(loaded.fault("passwords.breached", unfit.to_string()));
    }
    if faults.is_empty() {
        Ok(loaded)
    } else {
        Err(ConfigErrors(faults))
    }
}

/// The services, for a command that acts and ends. Its log keeps to what is wrong.
async fn open(loaded: Loaded) -> anyhow::Result<App> {
    telemetry::init(&loaded.config, loaded.log_filter.as_deref(), "warn");
    let migrate = loaded.config.env == Env::Development;
    let bound = loaded.config.http.listen;
    if let Some(file) = condition::missing_file(&loaded.config.database_url()) {
        let file = file.display();
        // Where the hub does not run, a command would look into an empty database and leave it behind.
        eprintln!("portcullis: {file} does not exist yet and is made now; does the hub run in this folder?");
    }
    App::build(Arc::new(loaded.config), bound, migrate).await
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    async fn code(arguments: &[&str]) -> u8 {
        run(["portcullis"].iter().chain(arguments).map(OsString::from)).await
    }

    #[test]
    fn the_definition_of_the_commands_holds_together() {
        Cli::command().debug_assert();
    }

    #[tokio::test]
    async fn wrong_usage_and_wrong_configuration_end_with_2_and_help_with_0() {
        for arguments in [
            &["fly"][..],
            &["serve", "--migrate", "--no-migrate"],
            &["user", "create"],
            &["user", "create", "--email", "ada@example.org"],
            &[
                "user",
                "create",
                "--email",
                "ada@example.org",
                "--password-stdin",
                "--invite",
            ],
            &["user", "create", "--email", "ada", "--invite"],
            &["user", "role", "ada@example.org"],
            &["key", "create", "--name", "x", "--scopes", "users:all"],
            &[
                "key",
                "create",
                "--name",
                "x",
                "--scopes",
                "users:read",
                "--expires",
                "soon",
            ],
            &[
                "key",
                "create",
                "--name",
                "x",
                "--scopes",
                "users:read",
                "--allow",
                "everybody",
            ],
            &["key", "revoke", "1"],
            &["keys"],
            &["keys", "withdraw"],
            &["--config", "/nonexistent.toml", "migrate"],
            &["config", "check", "--config", "/nonexistent.toml"],
            &["config", "check", "--json", "--config", "/nonexistent.toml"],
        ] {
            assert_eq!(code(arguments).await, 2, "{arguments:?}");
        }
        for arguments in [&["--help"][..], &["--version"], &["user", "create", "--help"]] {
            assert_eq!(code(arguments).await, 0, "{arguments:?}");
        }
    }

    #[tokio::test]
    async fn what_fails_ends_with_1() {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        // Nothing listens on port 1 of loopback.
        assert_eq!(code(&["healthcheck", "http://127.0.0.1:1"]).await, 1);
    }
}
