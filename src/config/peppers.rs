//! `passwords.peppers`: secrets that go into every hash of a password, each with an id that is kept beside
//! the hash, so that one can follow another.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::raw::Raw;
use super::reader::Reader;
use super::setting::Setting;

/// The longest id: what a PHC string has room for (`keyid`).
const MAX_ID: usize = 8;
/// The least length of a secret.
const MIN_SECRET: usize = 32;

/// A secret that is mixed into hashes of passwords, and its name.
#[derive(Clone, Debug)]
pub struct Pepper {
    /// 1 to 8 lower-case letters and digits; kept with each hash that it went into.
    pub id: String,
    pub secret: SecretString,
}

impl Pepper {
    /// `id:secret`
    fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.trim().split_once(':')?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let named = (1..=MAX_ID).contains(&id.len()) && id.chars().all(plain);
        named.then(|| Self {
            id: id.to_owned(),
            secret: secret.trim().to_owned().into(),
        })
    }
}

/// A list of texts, or one text with a pepper on each line or between commas.
impl Setting for Vec<Pepper> {
    const SECRET: bool = true;
    const WANTED: &'static str = "write id:secret, the newest first, several on lines of their own or between commas; an id is 1 to 8 lower-case letters and digits";

    fn read(raw: &Raw) -> Option<Self> {
        let items = match raw.text() {
            Some(text) => text.split([',', '\n']).map(str::to_owned).collect(),
            None => raw.items()?,
        };
        let given = items.iter().filter(|item| !item.trim().is_empty());
        given.map(|item| Pepper::parse(item)).collect()
    }

    fn show(&self) -> serde_json::Value {
        if self.is_empty() {
            serde_json::Value::Null
        } else {
            json!("(set)")
        }
    }
}

/// The rules of `passwords.peppers`.
pub(super) fn check(peppers: &[Pepper], reader: &mut Reader) {
    let ids: BTreeSet<&str> = peppers.iter().map(|pepper| pepper.id.as_str()).collect();
    reader.require(
        "passwords.peppers",
        ids.len() == peppers.len(),
        "gives one id to two peppers: a new pepper needs an id of its own",
    );
    let long = |pepper: &Pepper| pepper.secret.expose_secret().chars().count() >= MIN_SECRET;
    reader.require(
        "passwords.peppers",
        peppers.iter().all(long),
        "has a secret that is too short: use at least 32 random characters, as from `openssl rand -base64 48`",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn ids(text: &str) -> Option<Vec<String>> {
        let peppers = Vec::<Pepper>::read(&Raw::Text(text.to_owned()))?;
        for pepper in &peppers {
            assert_eq!(pepper.secret.expose_secret(), SECRET);
        }
        Some(peppers.into_iter().map(|pepper| pepper.id).collect())
    }

    #[test]
    fn peppers_stand_on_lines_or_between_commas() {
        let both = Some(vec!["2027a".to_owned(), "2026a".to_owned()]);
        assert_eq!(ids(&format!("2027a:{SECRET}\n 2026a:{SECRET} \n")), both);
        assert_eq!(ids(&format!("2027a:{SECRET},2026a:{SECRET}")), both);
        assert_eq!(ids(" "), Some(Vec::new()));
        for id in ["", "2026A", "ninechars", "a b", "ä"] {
            assert_eq!(ids(&format!("{id}:{SECRET}")), None, "{id:?}");
        }
    }

    #[test]
    fn an_id_names_one_pepper_and_a_secret_is_long() {
        for (text, faults) in [
            (format!("a:{SECRET},b:{SECRET}"), 0),
            (format!("a:{SECRET},a:{SECRET}"), 1),
            (format!("a:{SECRET},b:short"), 1),
        ] {
            let mut reader = Reader::default();
            check(&Vec::read(&Raw::Text(text.clone())).unwrap(), &mut reader);
            assert_eq!(reader.into_faults().len(), faults, "{text}");
        }
    }
}
