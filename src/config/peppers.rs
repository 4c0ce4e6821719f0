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

/// Stands in front, where new hashes get no pepper.
const NONE: &str = "none";

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

/// The configured peppers.
#[derive(Clone, Debug, Default)]
pub struct Peppers {
    /// Goes into new hashes.
    pub current: Option<Pepper>,
    /// Needed for some that are stored, or soon for new ones.
    pub others: Vec<Pepper>,
}

impl Peppers {
    /// The pepper with this id.
    #[must_use]
    pub fn find(&self, id: &[u8]) -> Option<&Pepper> {
        self.all().find(|pepper| pepper.id.as_bytes() == id)
    }

    fn all(&self) -> impl Iterator<Item = &Pepper> {
        self.current.iter().chain(&self.others)
    }
}

/// A list of texts, or one text with a pepper on each line or between commas.
impl Setting for Peppers {
    const SECRET: bool = true;
    const WANTED: &'static str = "write id:secret, the current one first (or none), several on lines of their own or between commas; an id is 1 to 8 lower-case letters and digits";

    fn read(raw: &Raw) -> Option<Self> {
        let items = match raw.text() {
            Some(text) => text.split([',', '\n']).map(str::to_owned).collect(),
            None => raw.items()?,
        };
        let mut given = items
            .iter()
            .map(|item| item.trim())
            .filter(|item| !item.is_empty());
        let current = match given.next() {
            None | Some(NONE) => None,
            Some(first) => Some(Pepper::parse(first)?),
        };
        let others = given.map(Pepper::parse).collect::<Option<_>>()?;
        Some(Self { current, others })
    }

    fn show(&self) -> serde_json::Value {
        self.all()
            .next()
            .map_or(serde_json::Value::Null, |_| json!("(set)"))
    }
}

/// The rules of `passwords.peppers`.
pub(super) fn check(peppers: &Peppers, reader: &mut Reader) {
    let ids: BTreeSet<&str> = peppers.all().map(|pepper| pepper.id.as_str()).collect();
    reader.require(
        "passwords.peppers",
        ids.len() == peppers.all().count(),
        "gives one id to two peppers: a new pepper needs an id of its own",
    );
    let long = |pepper: &Pepper| pepper.secret.expose_secret().chars().count() >= MIN_SECRET;
    reader.require(
        "passwords.peppers",
        peppers.all().all(long),
        "has a secret that is too short: use at least 32 random characters, as from `openssl rand -base64 48`",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    /// The ids of the current pepper and of all.
    fn ids(text: &str) -> Option<(Option<String>, Vec<String>)> {
        let peppers = Peppers::read(&Raw::Text(text.to_owned()))?;
        let right = |pepper: &Pepper| pepper.secret.expose_secret() == SECRET;
        assert!(peppers.all().all(right));
        let all = peppers.all().map(|pepper| pepper.id.clone()).collect();
        Some((peppers.current.map(|pepper| pepper.id), all))
    }

    #[test]
    fn peppers_stand_on_lines_or_between_commas() {
        let (new, old) = ("2027a".to_owned(), "2026a".to_owned());
        let both = Some((Some(new.clone()), vec![new, old.clone()]));
        assert_eq!(ids(&format!("2027a:{SECRET}\n 2026a:{SECRET} \n")), both);
        assert_eq!(ids(&format!("2027a:{SECRET},2026a:{SECRET}")), both);
        assert_eq!(ids(" "), Some((None, Vec::new())));
        assert_eq!(ids(&format!("none\n2026a:{SECRET}")), Some((None, vec![old])));
        assert_eq!(ids(&format!("2026a:{SECRET},none")), None);
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
            check(&Peppers::read(&Raw::Text(text.clone())).unwrap(), &mut reader);
            assert_eq!(reader.into_faults().len(), faults, "{text}");
        }
    }
}
