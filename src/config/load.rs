//! Brings the sources together: defaults, file, environment. Knows every key, and says which one was
//! meant where an unknown one stands.

use std::path::{Path, PathBuf};

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Value};

use super::environment::PREFIX;
use super::reader::Reader;
use super::section::{Key, Section};
use super::setting::{Raw, Setting};
use super::{
    Config, ConfigErrors, Database, Env, Environment, Http, Hub, Limits, Links, Mail, Management, Metrics,
    Passwords, Redis, Registration, Secrets, Source, Tokens, production,
};

/// Read from the working directory when it exists and no other file is named.
pub const DEFAULT_FILE: &str = "portcullis.toml";

const TOP: &[Key] = &[
    Key::of::<Env>("env"),
    Key::of::<Option<url::Url>>("public_url"),
    Key::of::<PathBuf>("data_dir"),
];

/// Every key, section by section.
pub(super) const SECTIONS: &[&[Key]] = &[
    TOP,
    Http::KEYS,
    Management::KEYS,
    Metrics::KEYS,
    Database::KEYS,
    Redis::KEYS,
    Mail::KEYS,
    Links::KEYS,
    Secrets::KEYS,
    Tokens::KEYS,
    Passwords::KEYS,
    Registration::KEYS,
    Hub::KEYS,
    Limits::KEYS,
];

/// Every key there is.
pub(super) fn keys() -> impl Iterator<Item = Key> {
    SECTIONS.iter().copied().flatten().copied()
}

/// The variable that sets `key`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// A configuration without faults, and where its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// Which logs to write, when `RUST_LOG` says so.
    pub log_filter: Option<String>,
    /// Every key in order, for `config show`.
    pub shown: Vec<Shown>,
}

/// One line of `config show`.
#[derive(Clone, Debug)]
pub struct Shown {
    pub key: &'static str,
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
            database: Database::read(reader),
            redis: Redis::read(reader),
            mail: Mail::read(reader),
            links: Links::read(reader),
            secrets: Secrets::read(reader),
            tokens: Tokens::read(reader),
            passwords: Passwords::read(reader),
            registration: Registration::read(reader),
            hub: Hub::read(reader),
            limits: Limits::read(reader),
        }
    }

    fn check(&self, reader: &mut Reader) {
        if let Some(url) = &self.public_url {
            super::site::check(url, reader);
        }
        self.http.check(reader);
        self.database.check(reader);
        self.redis.check(reader);
        self.mail.check(reader);
        self.links.check(reader);
        self.secrets.check(reader);
        self.tokens.check(reader);
        self.passwords.check(reader);
        self.hub.check(reader);
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
            self.database.shown(),
            self.redis.shown(),
            self.mail.shown(),
            self.links.shown(),
            self.secrets.shown(),
            self.tokens.shown(),
            self.passwords.shown(),
            self.registration.shown(),
            self.hub.shown(),
            self.limits.shown(),
        ];
        let line = |(key, value): (Key, serde_json::Value)| Shown {
            key: key.name,
            value,
            source: reader.source(key.name),
            secret: key.secret,
        };
        keys().zip(values.into_iter().flatten()).map(line).collect()
    }
}

fn read_file(reader: &mut Reader, named: Option<&Path>) {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let source = Source::File(path.to_owned());
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => return,
        Err(error) => return reader.fault("--config", source, format!("cannot be read: {error}")),
    };
    match Toml::from_str::<Dict>(&text) {
        Ok(dict) => flatten(reader, "", dict, &source),
        // Without the excerpt that the error would print: the line may hold a secret.
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            let message = error.message().replace('\n', ", ");
            reader.fault(format!("line {line}"), source, format!("not TOML: {message}"));
        }
    }
}

fn flatten(reader: &mut Reader, above: &str, dict: Dict, source: &Source) {
    for (name, value) in dict {
        let name = if above.is_empty() {
            name
        } else {
            format!("{above}.{name}")
        };
        let known = keys().find(|key| key.name == name);
        match (known, value) {
            (Some(key), value) => reader.give(key.name, Raw::Toml(value), source.clone()),
            (None, Value::Dict(_, dict)) if !dict.is_empty() => flatten(reader, &name, dict, source),
            (None, Value::Dict(..)) if is_section(&name) => {}
            (None, _) if is_section(&name) => {
                let problem = format!("is a section; write [{name}] and its keys below it");
                reader.fault(name, source.clone(), problem);
            }
            (None, _) => {
                let nearest = nearest(&name, keys().map(|key| key.name.to_owned()));
                let problem = format!("there is no such key; did you mean `{nearest}`?");
                reader.fault(name, source.clone(), problem);
            }
        }
    }
}

fn is_section(name: &str) -> bool {
    keys().any(|key| {
        key.name
            .split_once('.')
            .is_some_and(|(section, _)| section == name)
    })
}

fn read_environment(reader: &mut Reader, environment: &Environment) {
    for name in &environment.unreadable {
        reader.fault(name, Source::Variable(name.clone()), "is not UTF-8");
    }
    // Names without our prefix first: where both are set, ours is the one that was meant for us.
    let (ours, others): (Vec<_>, Vec<_>) = environment
        .variables
        .iter()
        .partition(|(name, _)| name.starts_with(PREFIX));
    for (name, value) in others {
        let key = match name.strip_suffix("_FILE").unwrap_or(name) {
            "DATABASE_URL" => "database.url",
            "REDIS_URL" => "redis.url",
            _ => continue,
        };
        // Empty is as good as absent in a variable that other programs read too.
        if !value.is_empty() {
            give_variable(reader, environment, key, name, value);
        }
    }
    for (name, value) in ours {
        let plain = name.strip_suffix("_FILE").unwrap_or(name);
        match keys().find(|key| variable(key.name) == *name || variable(key.name) == plain) {
            Some(key) => give_variable(reader, environment, key.name, name, value),
            None => reader.fault(name, Source::Variable(name.clone()), unknown_variable(name)),
        }
    }
}

fn give_variable(reader: &mut Reader, environment: &Environment, key: &'static str, name: &str, value: &str) {
    let Some(plain) = name.strip_suffix("_FILE") else {
        return reader.give(
            key,
            Raw::Text(value.to_owned()),
            Source::Variable(name.to_owned()),
        );
    };
    let source = Source::VariableFile {
        variable: name.to_owned(),
        path: PathBuf::from(value),
    };
    if environment.variables.contains_key(plain) {
        return reader.fault(
            key,
            source,
            format!("{plain} is set as well; leave one of them out"),
        );
    }
    match std::fs::read_to_string(value) {
        Ok(text) => {
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            reader.give(key, Raw::Text(text.to_owned()), source);
        }
        Err(error) => reader.fault(key, source, format!("the file cannot be read: {error}")),
    }
}

fn unknown_variable(name: &str) -> String {
    let nearest = nearest(name, keys().map(|key| variable(key.name)));
    let mut problem = format!("there is no such variable; did you mean `{nearest}`?");
    if name.starts_with("PORTCULLIS_PORT") || name.starts_with("PORTCULLIS_SERVICE_") {
        problem.push_str(
            " Kubernetes sets it for a service of this name: `enableServiceLinks: false` ends that",
        );
    }
    problem
}

fn nearest(name: &str, known: impl Iterator<Item = String>) -> String {
    known
        .min_by_key(|known| strsim::damerau_levenshtein(name, known))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
