//! Configuration: what an operator may set, its defaults and its rules. See `config.example.toml`.
//!
//! Defaults, then a file, then the environment, which is read here and nowhere else. Each section is a
//! file below with its keys, their meaning, defaults and rules. Every fault is collected, so that an
//! operator mends all of them at once; each names its key, where the value came from, and what to do.

mod colour;
mod environment;
#[cfg(test)]
mod example;
mod fault;
mod hazards;
mod keys;
mod load;
mod master;
mod production;
mod public_url;
mod raw;
mod reader;
mod section;
mod setting;
mod sources;

mod database;
mod http;
mod hub;
mod limits;
mod links;
mod log;
mod mail;
mod management;
mod metrics;
mod oauth;
mod passwords;
mod peppers;
mod redis;
mod registration;
mod secrets;
mod site;
mod telemetry;
mod tokens;

use std::path::PathBuf;

use secrecy::ExposeSecret as _;
use url::Url;

pub use colour::Colour;
pub use database::Database;
pub use environment::Environment;
pub use fault::{ConfigErrors, Fault};
pub use hazards::Hazard;
pub use http::Http;
pub use hub::Hub;
pub use limits::Limits;
pub use links::Links;
pub use load::{DEFAULT_FILE, Loaded, Shown};
pub use log::{Log, LogFormat};
pub use mail::{Mail, Transport};
pub use management::Management;
pub use master::MasterError;
pub use metrics::Metrics;
pub use oauth::{OAuth, Provider};
pub use passwords::Passwords;
pub use peppers::{Pepper, Peppers};
pub use public_url::{PublicUrl, is_loopback};
pub use reader::Source;
pub use redis::Redis;
pub use registration::Registration;
pub use secrets::Secrets;
pub use site::{Palette, Site};
pub use telemetry::Telemetry;
pub use tokens::Tokens;

/// What the server is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Env {
    /// Everything in one process, mail caught locally, secrets generated.
    Development,
    /// Refuses what is only fit for development.
    Production,
}

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    pub env: Env,
    /// Base of links and issuer of tokens; `http://` and the bound address unless set.
    pub public_url: Option<Url>,
    /// The SQLite file and, in development, generated secrets.
    pub data_dir: PathBuf,
    pub http: Http,
    pub management: Management,
    pub metrics: Metrics,
    pub log: Log,
    pub telemetry: Telemetry,
    pub database: Database,
    pub redis: Redis,
    pub mail: Mail,
    pub site: Site,
    pub links: Links,
    pub secrets: Secrets,
    pub tokens: Tokens,
    pub passwords: Passwords,
    pub registration: Registration,
    pub hub: Hub,
    pub limits: Limits,
    pub oauth: OAuth,
}

impl Config {
    /// The defaults, untouched by files and environment. For tests.
    #[must_use]
    pub fn for_development() -> Self {
        Self {
            env: Env::Development,
            public_url: None,
            data_dir: PathBuf::from("./data"),
            http: Http::default(),
            management: Management::default(),
            metrics: Metrics::default(),
            log: Log::default(),
            telemetry: Telemetry::default(),
            database: Database::default(),
            redis: Redis::default(),
            mail: Mail::default(),
            site: Site::default(),
            links: Links::default(),
            secrets: Secrets::default(),
            tokens: Tokens::default(),
            passwords: Passwords::default(),
            registration: Registration::default(),
            hub: Hub::default(),
            limits: Limits::default(),
            oauth: OAuth::default(),
        }
    }

    /// Where the data is: `database.url`, or else `sqlite://<data_dir>/portcullis.db`. It may hold a
    /// password: for opening the database, never for a log.
    #[must_use]
    pub fn database_url(&self) -> String {
        if let Some(url) = &self.database.url {
            return url.expose_secret().to_owned();
        }
        let folder = self.data_dir.display().to_string();
        // What sqlx would take for an escape, or for the beginning of options.
        let folder = folder.replace('%', "%25").replace('?', "%3F");
        format!("sqlite://{folder}/portcullis.db")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_database_is_sqlite_in_the_data_folder_unless_set() {
        let mut config = Config::for_development();
        assert_eq!(config.database_url(), "sqlite://./data/portcullis.db");
        config.data_dir = Path::new("/srv/50%?").to_owned();
        assert_eq!(config.database_url(), "sqlite:///srv/50%25%3F/portcullis.db");
        config.database.url = Some("postgres://db/hub".to_owned().into());
        assert_eq!(config.database_url(), "postgres://db/hub");
    }
}
