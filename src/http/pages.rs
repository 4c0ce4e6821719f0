//! The pages for people, and what they are made of: templates, texts in two languages, scripts that stand in `assets/`.
//!
//! A page is rendered without looking anything up. What somebody does on it its script sends to the public routes,
//! as any other client would.

mod language;
pub mod links;
mod return_to;
pub mod sign_in;
mod texts;

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_LANGUAGE, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use minijinja::{Environment, UndefinedBehavior, Value, context};

pub use language::Language;
pub use texts::Texts;

use super::problem::Problem;
use crate::error::Code;

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("pages/", $name)))),+]
    };
}

const TEMPLATES: &[(&str, &str)] = built_in![
    "account.html",
    "activation.html",
    "base.html",
    "demo.html",
    "device.html",
    "docs.html",
    "email.html",
    "email_undo.html",
    "fields.html",
    "forgot.html",
    "home.html",
    "mailbox.html",
    "problem.html",
    "recovery.html",
    "setup.html",
    "sign_in.html",
    "sign_up.html",
    "stopped.html",
    "ways.html",
];

/// What every page knows of the hub around it.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The path under which people reach the hub, without a slash at its end: mostly empty.
    pub root: String,
    /// The public address, without a slash at its end.
    pub base: String,
    /// Mail is caught, and `/dev/mailbox` shows it.
    pub mailbox: bool,
    /// The shortest password.
    pub password_length: usize,
    /// What the site is called.
    pub name: String,
    /// The address of its logo.
    pub logo: Option<String>,
    /// Whether it has colours of its own, which `/assets/brand.css` has.
    pub coloured: bool,
}

/// The templates and texts, read once.
#[derive(Debug)]
pub struct Pages {
    templates: Environment<'static>,
    texts: Vec<(Language, Value)>,
    around: Surroundings,
}

impl Pages {
    /// Compiles them.
    pub fn new(around: Surroundings) -> Self {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            if let Err(error) = templates.add_template(name, source) {
                tracing::error!(%error, template = name, "a page does not compile");
            }
        }
        let texts = Language::ALL.map(|language| (language, Texts::of(language).page()));
        Self {
            templates,
            texts: texts.into(),
            around,
        }
    }

    /// The address of `path`, as a browser needs it.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.around.root)
    }

    /// The page `name`, filled in; everything is escaped.
    pub fn render(&self, name: &str, language: Language, values: Value) -> Response {
        let texts = self.texts.iter().find(|(known, _)| *known == language);
        let languages =
            Language::ALL.map(|language| context! { tag => language.tag(), name => language.name() });
        let Surroundings {
            root,
            base,
            mailbox,
            password_length,
            name: site,
            logo,
            coloured,
        } = &self.around;
        let whole = context! {
            root, base, mailbox, password_length, site, logo, coloured,
            t => texts.map(|(_, texts)| texts),
            language => language.tag(),
            languages,
            ..values
        };
        let text = self
            .templates
            .get_template(name)
            .and_then(|template| template.render(whole));
        match text {
            Ok(text) => {
                let headers = [
                    (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                    (CONTENT_LANGUAGE, HeaderValue::from_static(language.tag())),
                ];
                (headers, text).into_response()
            }
            Err(error) => {
                tracing::error!(%error, template = name, "a page could not be rendered");
                Problem::new(Code::Internal).into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::edge::Edge;
    use super::*;

    /// What the pages are given that are given anything.
    fn values() -> Value {
        context! {
            next => "/account",
            query => "",
            ask => true,
            issuer => "https://auth.example.org",
            socket => "wss://auth.example.org/ws",
            version => "0",
            database => "sqlite",
            mails => Vec::<Value>::new(),
            code => "internal",
            status => 500,
            title => "t",
            detail => "d",
            remedy => "r",
            offered => vec![context! { id => "google", name => "Google" }],
            why => "stray",
            faults => vec![context! { field => "redirect_to", detail => "d" }],
        }
    }

    #[test]
    fn every_page_renders_in_every_language_and_has_nothing_inline() {
        let edge = Edge::for_tests();
        for (name, source) in TEMPLATES {
            for inline in ["<style", " style=", "<script>", " onclick", "javascript:"] {
                assert!(!source.contains(inline), "{inline} in {name}");
            }
            for language in Language::ALL {
                let page = edge.pages.render(name, language, values());
                assert_eq!(page.status(), 200, "{name} in {}", language.tag());
                assert_eq!(page.headers()[CONTENT_LANGUAGE], language.tag());
            }
        }
    }

    #[test]
    fn no_page_says_anything_of_its_own() {
        // What stands between tags, and in the attributes that are read out, comes from the texts.
        for (name, source) in TEMPLATES {
            if ["docs.html", "problem.html"].contains(name) {
                continue;
            }
            let mut rest = source.replace('\n', " ");
            for (open, close) in [
                ("{% block width %}", "{% endblock %}"),
                ("{#", "#}"),
                ("{%", "%}"),
                ("{{", "}}"),
                ("<code", "</code>"),
                ("<", ">"),
            ] {
                while let Some(at) = rest.find(open) {
                    let end = rest[at..].find(close).expect("it is closed") + close.len();
                    rest.replace_range(at..at + end, " ");
                }
            }
            let words: Vec<&str> = rest
                .split_whitespace()
                .filter(|word| word.chars().any(char::is_alphabetic))
                .collect();
            assert_eq!(words, [""; 0], "{name}");
        }
    }
}
