//! Which language a letter is written in: the reader's own, else what the request accepts, else the
//! configured one. Called by services through [`Outbox::language`](super::Outbox::language).

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// The longest tag that is kept: RFC 5646, 4.4.1.
const MAX_TAG: usize = 35;

/// A language that there are letters in, as `en` or `pt-br`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Language(Arc<str>);

impl Language {
    /// `None` when it is no tag of RFC 5646: letters and digits in groups of 8 at most, between hyphens.
    pub(super) fn parse(tag: &str) -> Option<Self> {
        is_tag(tag).then(|| Self(tag.to_ascii_lowercase().into()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The languages that there are, and which one is written to whom nothing is known of.
#[derive(Clone, Debug)]
pub(super) struct Languages {
    pub known: BTreeSet<Language>,
    pub default: Language,
}

impl Languages {
    /// The best for somebody with this `locale` (a tag) whose request says `accepts` (`Accept-Language`).
    pub(super) fn choose(&self, locale: Option<&str>, accepts: Option<&str>) -> Language {
        let own = locale.into_iter();
        let accepted = ranges(accepts.unwrap_or_default());
        own.chain(accepted)
            .find_map(|tag| self.look_up(tag))
            .unwrap_or_else(|| self.default.clone())
    }

    fn look_up(&self, tag: &str) -> Option<Language> {
        find_shorter(tag, |rest| {
            self.known.iter().find(|known| known.as_str() == rest).cloned()
        })
    }
}

/// RFC 4647, 3.4: the tag itself, then without its last part, and so on, until `find` finds something.
fn find_shorter<T>(tag: &str, find: impl Fn(&str) -> Option<T>) -> Option<T> {
    let tag = tag.trim().replace('_', "-").to_ascii_lowercase();
    let mut rest = tag.as_str();
    loop {
        if let Some(found) = find(rest) {
            return Some(found);
        }
        rest = rest.rsplit_once('-')?.0;
    }
}

/// The one of `known`, tags in lower case, that `Accept-Language` wants most.
#[must_use]
pub fn accepted<'a>(accepts: &str, known: &[&'a str]) -> Option<&'a str> {
    let find = |rest: &str| known.iter().copied().find(|known| *known == rest);
    ranges(accepts)
        .into_iter()
        .find_map(|tag| find_shorter(tag, find))
}

/// What `Accept-Language` asks for first, as a tag, where it asks for anything: to be kept as somebody's locale.
#[must_use]
pub fn preferred(accepts: &str) -> Option<&str> {
    ranges(accepts).into_iter().find(|tag| is_tag(tag))
}

/// The ranges of `Accept-Language`, the most wanted first.
fn ranges(accepts: &str) -> Vec<&str> {
    let mut wanted: Vec<(f32, &str)> = accepts
        .split(',')
        .filter_map(|part| {
            let (tag, weight) = part.split_once(';').unwrap_or((part, "q=1"));
            let weight: f32 = weight.trim().strip_prefix("q=")?.trim().parse().ok()?;
            (weight > 0.0 && weight <= 1.0).then_some((weight, tag.trim()))
        })
        .collect();
    // Stable: of equals the one that was named first.
    wanted.sort_by(|one, other| other.0.total_cmp(&one.0));
    wanted.into_iter().map(|(_, tag)| tag).collect()
}

fn is_tag(text: &str) -> bool {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let language = text.split('-').next().unwrap_or_default();
    text.len() <= MAX_TAG
        && (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && text.split('-').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn languages() -> Languages {
        let tag = |tag: &&str| Language::parse(tag).unwrap();
        Languages {
            known: ["en", "ru", "pt-br"].iter().map(tag).collect(),
            default: tag(&"en"),
        }
    }

    #[test]
    fn the_locale_comes_before_the_request_and_the_request_before_the_default() {
        for (locale, accepts, chosen) in [
            (None, None, "en"),
            (Some("ru"), Some("en"), "ru"),
            (Some("ru-RU"), None, "ru"),
            (Some("RU_ru"), None, "ru"),
            (Some("pt-BR-x"), None, "pt-br"),
            (Some("pt"), None, "en"),
            // what there are no letters in says nothing
            (Some("de"), Some("ru"), "ru"),
            (None, Some("de, ru;q=0.5, en;q=0.9"), "en"),
            (None, Some("de-CH,ru-RU;q=0.8,en;q=0.8"), "ru"),
            (None, Some("en;q=0, ru;q=0.1"), "ru"),
            (None, Some("*"), "en"),
            (None, Some("ru;q=nan"), "en"),
            (None, Some("ru;q=2"), "en"),
            (None, Some(";;,,=;q=,ru ; q=0.3"), "ru"),
            (Some(""), Some(""), "en"),
        ] {
            let language = languages().choose(locale, accepts);
            assert_eq!(language.as_str(), chosen, "{locale:?} {accepts:?}");
        }
    }

    #[test]
    fn what_is_kept_as_a_locale_is_a_tag() {
        assert_eq!(preferred("en;q=0.5, ru-RU"), Some("ru-RU"));
        assert_eq!(preferred("*, de;q=0.1"), Some("de"));
        for accepts in [
            "",
            "*",
            "x",
            "r u",
            "<b>",
            "en;q=0",
            "a-very-long-tag-of-more-than-35-characters-x",
        ] {
            assert_eq!(preferred(accepts), None, "{accepts}");
        }
    }
}
