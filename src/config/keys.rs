//! Every key there is, the variable that sets it, and which one was meant by a name that is none.

use std::path::PathBuf;

use url::Url;

use super::environment::PREFIX;
use super::section::{Key, Section};
use super::{
    Database, Env, Http, Hub, Limits, Links, Log, Mail, Management, Metrics, OAuth, Passwords, Redis,
    Registration, Secrets, Site, Telemetry, Tokens, oauth,
};

const TOP: &[Key] = &[
    Key::of::<Env>("env"),
    Key::of::<Option<Url>>("public_url"),
    Key::of::<PathBuf>("data_dir"),
];

/// Every key, section by section.
const SECTIONS: &[&[Key]] = &[
    TOP,
    Http::KEYS,
    Management::KEYS,
    Metrics::KEYS,
    Log::KEYS,
    Telemetry::KEYS,
    Database::KEYS,
    Redis::KEYS,
    Mail::KEYS,
    Site::KEYS,
    Links::KEYS,
    Secrets::KEYS,
    Tokens::KEYS,
    Passwords::KEYS,
    Registration::KEYS,
    Hub::KEYS,
    Limits::KEYS,
    OAuth::KEYS,
];

/// Every key there is, but for those of providers, which operators name.
pub(super) fn keys() -> impl Iterator<Item = Key> {
    SECTIONS.iter().copied().flatten().copied()
}

/// Whether there is such a key.
pub(super) fn is_key(name: &str) -> bool {
    keys().any(|key| key.name == name) || oauth::is_provider_key(name)
}

/// The key that the variable `name` sets.
pub(super) fn key_of(name: &str) -> Option<String> {
    let fixed = keys().map(|key| key.name.to_owned());
    let mut known = fixed.chain(oauth::key_of(name));
    known.find(|key| variable(key) == name)
}

/// The variable that sets `key`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// Whether `name` is the beginning of keys.
pub(super) fn is_section(name: &str) -> bool {
    keys().any(|key| {
        key.name
            .split_once('.')
            .is_some_and(|(section, _)| section == name)
    })
}

/// The one of `known` that is most like `name`.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = String>) -> String {
    known
        .min_by_key(|known| strsim::damerau_levenshtein(name, known))
        .unwrap_or_default()
}
