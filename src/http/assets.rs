//! The static files of the pages and the JavaScript client, compiled in. Each has a tag of its contents, so that a
//! browser that has it is told so.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use data_encoding::HEXLOWER;

use super::edge::Edge;
use super::pages::{Language, Texts};
use crate::config::{Palette, Site};

/// The type of a script.
pub const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The type of a style sheet.
const STYLE: &str = "text/css; charset=utf-8";

macro_rules! built_in {
    ($($name:literal: $kind:expr),+ $(,)?) => {
        &[$((concat!("/assets/", $name), $kind, include_str!(concat!("assets/", $name)))),+]
    };
}

/// Path, type, text.
const FILES: &[(&str, &str, &str)] = built_in![
    "account.js": SCRIPT,
    "attempt.js": SCRIPT,
    "demo.js": SCRIPT,
    "demo_cable.js": SCRIPT,
    "demo_device.js": SCRIPT,
    "demo_manager.js": SCRIPT,
    "demo_person.js": SCRIPT,
    "docs.js": SCRIPT,
    "forgot.js": SCRIPT,
    "form.js": SCRIPT,
    "hints.js": SCRIPT,
    "hub.js": SCRIPT,
    "identities.js": SCRIPT,
    "icon.svg": "image/svg+xml",
    "link.js": SCRIPT,
    "pages.css": STYLE,
    "pages.js": SCRIPT,
    "providers.js": SCRIPT,
    "return_to.js": SCRIPT,
    "sessions.js": SCRIPT,
    "sign_in.js": SCRIPT,
    "sign_up.js": SCRIPT,
    "texts.js": SCRIPT,
];

/// A file as it is sent.
#[derive(Clone, Debug)]
pub struct File {
    kind: &'static str,
    /// `Cache-Control`.
    keep: &'static str,
    bytes: Bytes,
    tag: HeaderValue,
}

impl File {
    /// One that a browser asks for anew each time, and mostly has: parts of pages must fit each other.
    pub fn new(kind: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let sum = digest(&SHA256, &bytes);
        // Weak: whether it is compressed is not part of it.
        let tag = format!("W/\"{}\"", HEXLOWER.encode(&sum.as_ref()[..16]));
        Self {
            kind,
            keep: "no-cache",
            bytes,
            tag: HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("W/\"\"")),
        }
    }

    /// The same file, for everybody to keep for five minutes.
    #[must_use]
    pub const fn kept(mut self) -> Self {
        self.keep = "public, max-age=300";
        self
    }

    /// 200 with the file, or 304 to whoever has it.
    pub fn answer(&self, asked: &HeaderMap) -> Response {
        let has = |known: &HeaderValue| known.to_str().is_ok_and(|known| self.is_named_in(known));
        let headers = [
            (ETAG, self.tag.clone()),
            (CACHE_CONTROL, HeaderValue::from_static(self.keep)),
        ];
        if asked.get_all(IF_NONE_MATCH).iter().any(has) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let kind = [(CONTENT_TYPE, HeaderValue::from_static(self.kind))];
        (headers, kind, self.bytes.clone()).into_response()
    }

    /// Whether `If-None-Match` names it (RFC 9110, 13.1.2: weakly compared).
    fn is_named_in(&self, known: &str) -> bool {
        let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let own = self.tag.to_str().map(bare).unwrap_or_default();
        known.split(',').any(|tag| tag.trim() == "*" || bare(tag) == own)
    }
}

/// The site's own colours, over those of `pages.css`.
pub fn colours(brand: &Site) -> File {
    File::new(STYLE, brand_css(brand))
}

fn brand_css(brand: &Site) -> String {
    let [light, dark] = brand.palettes().map(|palette| {
        let Palette {
            accent,
            strong,
            ink,
            tint,
        } = palette;
        format!("--accent: {accent}; --accent-strong: {strong}; --on-accent: {ink}; --tint: {tint};")
    });
    format!(":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n")
}

/// A route for each file, for the scripts' texts in each language, and for the site's colours.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let files = FILES
        .iter()
        .map(|(path, kind, text)| ((*path).to_owned(), File::new(kind, *text)));
    let texts = Language::ALL.into_iter().map(|language| {
        let path = format!("/assets/texts.{}.js", language.tag());
        (path, File::new(SCRIPT, Texts::of(language).module()))
    });
    let brand =
        |Extension(edge): Extension<Arc<Edge>>, asked: HeaderMap| async move { edge.colours.answer(&asked) };
    let router = Router::new().route("/assets/brand.css", get(brand));
    files.chain(texts).fold(router, |router, (path, file)| {
        let file = Arc::new(file);
        router.route(
            &path,
            get(move |asked: HeaderMap| async move { file.answer(&asked) }),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(file: &File, known: Option<&str>) -> Response {
        let mut asked = HeaderMap::new();
        if let Some(known) = known {
            asked.insert(IF_NONE_MATCH, HeaderValue::from_str(known).unwrap());
        }
        file.answer(&asked)
    }

    #[test]
    fn the_built_in_colours_are_those_of_the_style_sheet() {
        let (_, _, sheet) = FILES
            .iter()
            .find(|(path, _, _)| *path == "/assets/pages.css")
            .unwrap();
        let built_in = brand_css(&Site::default());
        let rules = built_in.split(['{', '}', ';']).map(str::trim);
        let mut found = 0;
        for rule in rules.filter(|rule| rule.starts_with("--")) {
            let rule = rule.replace("#ffffff", "#fff");
            assert!(sheet.contains(&format!("{rule};")), "{rule}");
            found += 1;
        }
        assert_eq!(found, 8);
    }

    #[test]
    fn who_has_a_file_is_told_so_and_nobody_else() {
        let (file, other) = (File::new(SCRIPT, "one"), File::new(SCRIPT, "other"));
        let tag = answer(&file, None).headers()[ETAG].to_str().unwrap().to_owned();
        for (known, status) in [
            (None, 200),
            (Some("\"x\""), 200),
            (Some(""), 200),
            (Some(&*tag), 304),
            (Some(&*format!("\"x\", {tag}")), 304),
            (Some(tag.trim_start_matches("W/")), 304),
            (Some("*"), 304),
        ] {
            assert_eq!(answer(&file, known).status(), status, "{known:?}");
        }
        assert_eq!(answer(&other, Some(&tag)).status(), 200);
        assert_eq!(answer(&file, Some(&tag)).headers()[ETAG], *tag);
    }
}
