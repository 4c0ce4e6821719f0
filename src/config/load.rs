//! Brings the sources together: defaults, file, environment; then every rule is asked, and every fault told.

use std::path::Path;

use super::keys::keys;
use super::reader::Reader;
use super::section::Section;
use super::setting::Setting;
use super::sources::{read_environment, read_file};
use super::{
    Config, ConfigErrors, Database, Env, Environment, Fault, Http, Hub, Limits, Links, Log, Mail, Management,
    Metrics, OAuth, Passwords, Redis, Registration, Secrets, Site, Source, Telemetry, Tokens, production,
};

/// Read from the working directory when it exists and no other file is named.
pub const DEFAULT_FILE: &str = "portcullis.toml";

/// A configuration without faults, and where its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// Which logs to write, when `RUST_LOG` says so.
    pub log_filter: Option<String>,
    /// Every key in order, for `config show`.
    pub shown: Vec<Shown>,
}

impl Loaded {
    /// A fault of `key` that was found later, in what its value names.
    #[must_use]
    pub fn fault(&self, key: &str, problem: String) -> Fault {
        let shown = self.shown.iter().find(|shown| shown.key == key);
        Fault {
            key: key.to_owned(),
            source: shown.map_or(Source::Default, |shown| shown.source.clone()),
            problem,
        }
    }
}

/// One line of `config show`.
#[derive(Clone, Debug)]
pub struct Shown {
    pub key: String,
    /// Null when not set; a secret that is set reads `(set)`.
    pub value: serde_json::Value,
    pub source: Source,
    pub secret: bool,
}

impl Config {
    /// Reads `file` (which must exist), or else [`DEFAULT_FILE`] if there is one, and the environment of
    /// this process.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(file: Option<&Path>) -> Result<Loaded, ConfigErrors> {
        Self::from_sources(file, &Environment::of_process())
    }

    /// As [`load`](Self::load), with the given environment.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn from_sources(file: Option<&Path>, environment: &Environment) -> Result<Loaded, ConfigErrors> {
        let mut reader = Reader::default();
        read_file(&mut reader, file);
        read_environment(&mut reader, environment);
        let config = Self::read(&mut reader);
        config.check(&mut reader);
        let shown = config.shown(&reader);
        let faults = reader.into_faults();
        if !faults.is_empty() {
            return Err(ConfigErrors(faults));
        }
        Ok(Loaded {
            config,
            log_filter: environment.log_filter().map(str::to_owned),
            shown,
        })
    }

    fn read(reader: &mut Reader) -> Self {
        let default = Self::for_development();
        Self {
            env: reader.take("env", default.env),
            public_url: reader.take("public_url", default.public_url),
            data_dir: reader.take("data_dir", default.data_dir),
            http: Http::read(reader),
            management: Management::read(reader),
            metrics: Metrics::read(reader),
            log: Log::read(reader),
            telemetry: Telemetry::read(reader),
            database: Database::read(reader),
            redis: Redis::read(reader),
            mail: Mail::read(reader),
            site: Site::read(reader),
            links: Links::read(reader),
            secrets: Secrets::read(reader),
            tokens: Tokens::read(reader),
            passwords: Passwords::read(reader),
            registration: Registration::read(reader),
            hub: Hub::read(reader),
            limits: Limits::read(reader),
            oauth: OAuth::read(reader),
        }
    }

    fn check(&self, reader: &mut Reader) {
        if let Some(url) = &self.public_url {
            super::public_url::check(url, reader);
        }
        self.http.check(reader);
        self.log.check(reader);
        self.telemetry.check(reader);
        self.database.check(reader);
        self.redis.check(reader);
        self.mail.check(reader);
        self.site.check(reader);
        self.links.check(reader);
        self.secrets.check(reader);
        self.tokens.check(reader);
        self.passwords.check(reader);
        self.hub.check(reader);
        self.limits.check(reader);
        self.oauth.check(reader);
        production::check_everywhere(self, reader);
        if self.env == Env::Production {
            production::check(self, reader);
        }
    }

    fn shown(&self, reader: &Reader) -> Vec<Shown> {
        let top = vec![self.env.show(), self.public_url.show(), self.data_dir.show()];
        let values = [
            top,
            self.http.shown(),
            self.management.shown(),
            self.metrics.shown(),
            self.log.shown(),
            self.telemetry.shown(),
            self.database.shown(),
            self.redis.shown(),
            self.mail.shown(),
            self.site.shown(),
            self.links.shown(),
            self.secrets.shown(),
            self.tokens.shown(),
            self.passwords.shown(),
            self.registration.shown(),
            self.hub.shown(),
            self.limits.shown(),
            self.oauth.shown(),
        ];
        let fixed = keys().zip(values.into_iter().flatten());
        let fixed = fixed.map(|(key, value)| (key.name.to_owned(), key.secret, value));
        let line = |(key, secret, value): (String, bool, serde_json::Value)| Shown {
            source: reader.source(&key),
            key,
            value,
            secret,
        };
        fixed.chain(self.oauth.shown_providers()).map(line).collect()
    }
}

#[cfg(test)]
mod tests;
