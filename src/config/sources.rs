//! Reads the file and the environment into a [`Reader`], and complains of names that are no keys.

use std::path::{Path, PathBuf};

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Value};

use super::environment::PREFIX;
use super::keys::{is_key, is_section, key_of, keys, nearest, variable};
use super::load::DEFAULT_FILE;
use super::raw::Raw;
use super::reader::Reader;
use super::{Environment, Source, oauth};

/// Gives what the file says: `named`, which must exist, or else [`DEFAULT_FILE`] if it does.
pub(super) fn read_file(reader: &mut Reader, named: Option<&Path>) {
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
        match value {
            value if is_key(&name) => reader.give(name, Raw::Toml(value), source.clone()),
            Value::Dict(_, dict) if !dict.is_empty() => flatten(reader, &name, dict, source),
            Value::Dict(..) if is_section(&name) => {}
            _ if is_section(&name) => {
                let problem = format!("is a section; write [{name}] and its keys below it");
                reader.fault(name, source.clone(), problem);
            }
            _ => {
                let known = keys().map(|key| key.name.to_owned());
                let nearest = nearest(&name, known.chain(oauth::keys_like(&name)));
                let problem = format!("there is no such key; did you mean `{nearest}`?");
                reader.fault(name, source.clone(), problem);
            }
        }
    }
}

/// Gives what the environment says, over what is there.
pub(super) fn read_environment(reader: &mut Reader, environment: &Environment) {
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
        let of_file = || key_of(name.strip_suffix("_FILE")?);
        match key_of(name).or_else(of_file) {
            Some(key) => give_variable(reader, environment, &key, name, value),
            None => reader.fault(name, Source::Variable(name.clone()), unknown_variable(name)),
        }
    }
}

fn give_variable(reader: &mut Reader, environment: &Environment, key: &str, name: &str, value: &str) {
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
        Err(error) => reader.give_none(key, source, format!("the file cannot be read: {error}")),
    }
}

fn unknown_variable(name: &str) -> String {
    let known = keys().map(|key| key.name.to_owned());
    let known = known.chain(oauth::keys_like(&oauth::as_key(name)));
    let nearest = nearest(name, known.map(|key| variable(&key)));
    let mut problem = format!("there is no such variable; did you mean `{nearest}`?");
    if name.starts_with("PORTCULLIS_PORT") || name.starts_with("PORTCULLIS_SERVICE_") {
        problem.push_str(
            " Kubernetes sets it for a service of this name: `enableServiceLinks: false` ends that",
        );
    }
    problem
}
