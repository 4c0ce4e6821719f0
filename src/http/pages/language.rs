//! Which language a page is in: the one that was picked on a page, else what the browser asks for, else English.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use cookie::Cookie;

use super::super::client::Client;
use crate::mail::accepted;

/// Keeps what was picked. A script of the page writes it: it holds no secret and decides nothing else.
const COOKIE: &str = "portcullis_language";

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Russian,
}

impl Language {
    /// Every one, the default first.
    pub const ALL: [Self; 2] = [Self::English, Self::Russian];

    /// As in `lang` and `Accept-Language`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
        }
    }

    /// As its speakers call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Russian => "Русский",
        }
    }

    fn of(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    fn choose(picked: Option<&str>, accepts: &str) -> Self {
        let wanted = || accepted(accepts, &Self::ALL.map(Self::tag)).and_then(Self::of);
        picked.and_then(Self::of).or_else(wanted).unwrap_or(Self::English)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let client = Client::from_request_parts(parts, state).await?;
        let lines = parts.headers.get_all(axum::http::header::COOKIE).iter();
        let texts = lines.filter_map(|line| line.to_str().ok());
        let mut cookies = texts.flat_map(Cookie::split_parse).flatten();
        let picked = cookies.find(|cookie| cookie.name() == COOKIE);
        let picked = picked.as_ref().map(Cookie::value);
        Ok(Self::choose(
            picked,
            client.languages.as_deref().unwrap_or_default(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_picked_comes_before_what_the_browser_asks_for() {
        for (picked, accepts, chosen) in [
            (None, "", "en"),
            (None, "ru", "ru"),
            (None, "ru-RU,en;q=0.9", "ru"),
            (None, "de, ru;q=0.5, en;q=0.9", "en"),
            (None, "de-CH,ru-RU;q=0.8", "ru"),
            (None, "*", "en"),
            (Some("en"), "ru", "en"),
            (Some("ru"), "en", "ru"),
            // what is no language of the pages says nothing
            (Some("<b>"), "ru", "ru"),
            (Some(""), "", "en"),
        ] {
            assert_eq!(
                Language::choose(picked, accepts).tag(),
                chosen,
                "{picked:?} {accepts}"
            );
        }
    }
}
