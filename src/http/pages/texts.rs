//! What the pages say, in each language: one file for each, of which the part `script` goes to the scripts.

use minijinja::Value;
use serde_json::Value as Json;

use super::Language;

const ENGLISH: &str = include_str!("texts/en.json");
const RUSSIAN: &str = include_str!("texts/ru.json");
/// The part that the scripts of the pages get, as a module.
const SCRIPT: &str = "script";

/// The texts of one language.
#[derive(Clone, Debug)]
pub struct Texts(Json);

impl Texts {
    /// Those of `language`.
    pub fn of(language: Language) -> Self {
        let source = match language {
            Language::English => ENGLISH,
            Language::Russian => RUSSIAN,
        };
        #[expect(clippy::expect_used, reason = "compiled in, and a test reads each")]
        Self(serde_json::from_str(source).expect("texts that are compiled in can be read"))
    }

    /// For templates, where it is called `t`.
    pub fn page(&self) -> Value {
        value(&self.0)
    }

    /// An ES module whose default export are the texts of the scripts.
    pub fn module(&self) -> String {
        format!("export default {};\n", self.0[SCRIPT])
    }
}

/// The same for templates: objects of texts.
fn value(json: &Json) -> Value {
    match json {
        Json::Object(map) => Value::from_pairs(map.iter().map(|(key, inner)| (key.as_str(), value(inner)))),
        other => Value::from(other.as_str().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The path of every text, and the text.
    fn leaves(value: &Json, path: &str, found: &mut BTreeMap<String, String>) {
        match value {
            Json::Object(map) => {
                for (key, value) in map {
                    leaves(value, &format!("{path}.{key}"), found);
                }
            }
            Json::String(text) => {
                found.insert(path.to_owned(), text.clone());
            }
            other => panic!("{path} is no text: {other}"),
        }
    }

    fn all(language: Language) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        leaves(&Texts::of(language).0, "", &mut found);
        found
    }

    /// The places of a text that are filled in: `{email}`.
    fn places(text: &str) -> Vec<&str> {
        let starts = text.match_indices('{').map(|(at, _)| &text[at..]);
        let mut places: Vec<&str> = starts
            .map(|rest| &rest[..=rest.find('}').expect("a brace is closed")])
            .collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn every_language_says_the_same_things_and_fills_in_the_same_places() {
        let (english, russian) = (all(Language::English), all(Language::Russian));
        assert!(english.len() > 100, "the texts were read");
        assert_eq!(
            english.keys().collect::<Vec<_>>(),
            russian.keys().collect::<Vec<_>>()
        );
        for (key, text) in &english {
            assert_eq!(places(text), places(&russian[key]), "{key}");
        }
    }

    #[test]
    fn hints_are_the_servers_own_words_and_none_begins_another() {
        let hints = |language| Texts::of(language).0[SCRIPT]["hints"].clone();
        let english = hints(Language::English);
        let english = english.as_object().unwrap();
        for (sentence, words) in english {
            assert_eq!(words, sentence, "in English they are what the server says");
            let others = english.keys().filter(|other| *other != sentence);
            for other in others {
                assert!(!other.starts_with(sentence.as_str()), "{sentence} and {other}");
            }
        }
    }

    #[test]
    fn every_text_says_something() {
        for language in Language::ALL {
            for (key, text) in all(language) {
                // Where the server says it in English, and better, a text of the scripts is empty.
                let may_be_empty = language == Language::English && key.starts_with(".script.faults.");
                assert!(may_be_empty || !text.trim().is_empty(), "{key}");
                assert_eq!(text, text.trim(), "{key}");
            }
        }
        let cyrillic = |text: &String| text.chars().any(|c| ('а'..='я').contains(&c));
        assert!(!all(Language::English).values().any(cyrillic));
    }
}
