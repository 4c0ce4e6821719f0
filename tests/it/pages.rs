//! The pages for people: they only render, run nothing inline, and can be read by everybody.

mod brand;
mod client_files;
pub mod hints;
mod languages;
mod return_to;
mod signed_in;

use std::collections::BTreeMap;

use portcullis::config::{Env, Transport};
use portcullis::ids::MailId;
use portcullis::store::mailbox::{self, CaughtMail};
use serde_json::json;

use crate::support::app::{TestApp, Tuning};
use crate::support::people::PASSWORD;

const PAGES: [&str; 15] = [
    "/",
    "/sign-in",
    "/sign-up",
    "/forgot",
    "/account",
    "/activate/x",
    "/recovery/x",
    "/email/x",
    "/email-undo/x",
    "/device/x",
    "/setup/x",
    "/problems/not_found",
    "/api/docs",
    "/dev/mailbox",
    "/problems/internal/",
];

/// One tag of a page: its name and its attributes, `/name` for the one that ends it.
#[derive(Debug)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
    /// The text up to the next tag.
    text: String,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads a page that is written as ours are: every attribute quoted or bare, no `<` in text.
fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    for piece in html.split('<').skip(1) {
        let mut quoted = false;
        let end = piece.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let (inside, text) = piece.split_at(end.unwrap_or_else(|| panic!("no end of <{piece}")));
        let (name, mut rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                break;
            }
            let end = rest.find([' ', '=']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            let (value, after) = match after.strip_prefix("=\"") {
                Some(value) => value.split_once('"').expect("quotes are closed"),
                None => ("", after),
            };
            attributes.push((key.to_lowercase(), value.replace("&#x2f;", "/")));
            rest = after;
        }
        tags.push(Tag {
            name: name.to_lowercase(),
            attributes,
            text: text[1..].to_owned(),
        });
    }
    tags
}

/// An address on this very host.
fn is_local(address: &str, app: &TestApp) -> bool {
    let own = app.url("/");
    (address.starts_with('/') && !address.starts_with("//"))
        || address.starts_with('#')
        || address.starts_with(&own)
}

#[tokio::test]
async fn t23_a_page_runs_nothing_inline_and_loads_nothing_from_elsewhere() {
    let app = TestApp::spawn().await;
    app.register("ada@example.org").await.expect(202);
    app.mail_to("ada@example.org", 1).await;
    for path in PAGES {
        let page = app.get(path).await.expect(200);
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8"),
            "{path}"
        );
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{path}"
        );
        for tag in tags(page.text()) {
            assert!(
                !["style", "iframe", "object", "embed", "base"].contains(&tag.name.as_str()),
                "{path}: {tag:?}"
            );
            if tag.name == "script" {
                assert!(tag.attribute("src").is_some(), "{path}: {tag:?}");
                assert_eq!(tag.text.trim(), "", "{path}: a script inline");
            }
            for (name, value) in &tag.attributes {
                assert!(name != "style" && !name.starts_with("on"), "{path}: {tag:?}");
                if [
                    "src",
                    "href",
                    "action",
                    "data-endpoint",
                    "data-document",
                    "data-next",
                ]
                .contains(&name.as_str())
                {
                    assert!(is_local(value, &app), "{path}: {tag:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_a_page_loads_is_there() {
    let app = TestApp::spawn().await;
    for path in PAGES {
        for tag in tags(app.get(path).await.text()) {
            let address = match tag.name.as_str() {
                "script" => tag.attribute("src"),
                "link" => tag.attribute("href"),
                _ => None,
            };
            if let Some(address) = address {
                app.get(address).await.expect(200);
            }
        }
    }
    let styles = app.get("/assets/pages.css").await.expect(200);
    assert!(!styles.text().contains("url(") && !styles.text().contains("@import"));
}

/// Every script of the pages: those that they name, and what these import.
async fn scripts(app: &TestApp) -> BTreeMap<String, String> {
    let mut waiting = vec!["/assets/texts.en.js".to_owned(), "/assets/texts.ru.js".to_owned()];
    for path in PAGES {
        let page = app.get(path).await;
        let tags = tags(page.text());
        let named = tags.iter().filter(|tag| tag.name == "script");
        waiting.extend(named.map(|tag| tag.attribute("src").unwrap().to_owned()));
    }
    let mut found = BTreeMap::new();
    while let Some(path) = waiting.pop() {
        if path.ends_with("swagger-ui-bundle.js") || path.starts_with("/client.") || found.contains_key(&path)
        {
            continue;
        }
        let script = app.get(&path).await.expect(200);
        assert_eq!(
            script.header("content-type"),
            Some("text/javascript; charset=utf-8"),
            "{path}"
        );
        let text = script.text().to_owned();
        for import in text.split("from \"").skip(1) {
            let name = import.split('"').next().unwrap();
            let from = url::Url::parse("http://hub").unwrap().join(&path).unwrap();
            waiting.push(from.join(name).unwrap().path().to_owned());
        }
        found.insert(path, text);
    }
    found
}

#[tokio::test]
async fn a_script_of_the_pages_writes_text_alone_and_calls_nobody_else() {
    let app = TestApp::spawn().await;
    let scripts = scripts(&app).await;
    assert!(scripts.len() > 15, "{:?}", scripts.keys());
    for (path, text) in scripts {
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "new Function",
        ] {
            assert!(!text.contains(forbidden), "{forbidden} in {path}");
        }
        for (at, _) in text.match_indices("://") {
            // The demonstration's addresses that are on no network.
            assert!(
                text[at..].starts_with("://${name}.invalid"),
                "{path}: {}",
                &text[at - 8..]
            );
        }
        assert!(text.lines().count() <= 200, "{path}");
    }
}

#[tokio::test]
async fn a_page_has_a_language_a_title_one_heading_and_a_label_for_each_field() {
    let app = TestApp::spawn().await;
    for path in PAGES {
        let html = app.get(path).await;
        let html = html.text();
        assert!(html.to_lowercase().starts_with("<!doctype html>"), "{path}");
        let tags = tags(html);
        let named = |name: &str| tags.iter().filter(|tag| tag.name == name).collect::<Vec<_>>();
        assert_eq!(named("html")[0].attribute("lang"), Some("en"), "{path}");
        assert!(!named("title")[0].text.trim().is_empty(), "{path}");
        assert_eq!(named("main").len(), 1, "{path}");
        if path != "/api/docs" {
            assert_eq!(named("h1").len(), 1, "{path}");
            assert!(
                named("a")
                    .iter()
                    .any(|link| link.attribute("href") == Some("#main")),
                "{path}"
            );
        }
        let labels: Vec<_> = named("label")
            .iter()
            .map(|label| label.attribute("for"))
            .collect();
        let seen = |input: &&&Tag| input.attribute("type") != Some("hidden");
        for input in named("input").iter().filter(seen).chain(&named("select")) {
            assert!(labels.contains(&input.attribute("id")), "{path}: {input:?}");
            assert_ne!(input.attribute("id"), None, "{path}");
        }
        assert!(
            named("meta")
                .iter()
                .any(|meta| meta.attribute("name") == Some("viewport")),
            "{path}"
        );
        for form in named("form") {
            // Should a script ever fail, no password goes into an address.
            assert_eq!(form.attribute("method"), Some("post"), "{path}: {form:?}");
        }
        for input in named("input") {
            let completes = input.attribute("autocomplete");
            let wanted: &[&str] = match input.attribute("type") {
                Some("password") => &["current-password", "new-password"],
                Some("email") => &["username", "email"],
                _ => continue,
            };
            assert!(
                completes.is_some_and(|it| wanted.contains(&it)),
                "{path}: {input:?}"
            );
        }
        if !named("form").is_empty() {
            assert_eq!(named("noscript").len(), 1, "{path}");
            assert!(
                tags.iter().any(|tag| tag.attribute("role") == Some("alert")),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn t07_a_page_behind_a_link_consumes_nothing_however_often_it_is_read() {
    let app = TestApp::spawn().await;
    app.register("ada@example.org").await.expect(202);
    let token = app.mailed_token("ada@example.org", 1).await;
    let setup = app.app.accounts.offer_setup().await.unwrap().unwrap();
    let setup = setup.expose();
    for _ in 0..10 {
        for path in [
            format!("/activate/{token}"),
            format!("/recovery/{token}"),
            format!("/setup/{setup}"),
        ] {
            let page = app.get(&path).await.expect(200);
            // Not even said back: it stays in the address bar alone.
            assert!(!page.text().contains(&token) && !page.text().contains(setup));
            app.call("HEAD", &path, None, None).await.expect(200);
        }
    }
    app.patch(&format!("/api/auth/activate/{token}"))
        .await
        .expect(200);
    let admin = json!({ "email": "boss@example.org", "password": PASSWORD });
    app.post(&format!("/api/setup/{setup}"), admin).await.expect(201);
}

#[tokio::test]
async fn t20_what_stands_in_a_mail_is_shown_and_not_run() {
    let app = TestApp::spawn().await;
    let hostile = "<script src=//evil.example></script>\"'><img onerror=x>";
    let mail = CaughtMail {
        id: MailId::generate(&app.app.cx.clock, &app.app.cx.rng),
        to: hostile.to_owned(),
        subject: hostile.to_owned(),
        text: hostile.to_owned(),
        html: hostile.to_owned(),
        links: vec![
            "javascript:alert(1)".to_owned(),
            format!("https://x.example/{hostile}"),
        ],
        token: None,
        sent_at: app.now(),
    };
    let mut tx = app.app.cx.db.begin().await.unwrap();
    mailbox::insert(&mut tx, &mail).await.unwrap();
    tx.commit().await.unwrap();
    let page = app.get("/dev/mailbox").await.expect(200);
    assert!(page.text().contains("&lt;script"), "the mail is shown");
    assert!(!page.text().contains("javascript:"));
    for tag in tags(page.text()) {
        let icon = tag.attribute("src") == Some("/assets/icon.svg");
        assert!(
            (tag.name != "img" || icon) && tag.attribute("onerror").is_none(),
            "{tag:?}"
        );
        assert!(
            tag.attribute("src").is_none_or(|source| !source.contains("evil")),
            "{tag:?}"
        );
    }
}

#[tokio::test]
async fn under_a_path_every_address_of_a_page_has_that_path() {
    let app = Tuning::new()
        .configure(|config| config.public_url = Some("http://localhost/auth/hub".parse().unwrap()))
        .spawn()
        .await;
    for path in PAGES {
        for tag in tags(app.get(path).await.expect(200).text()) {
            for (name, value) in &tag.attributes {
                if ["src", "href", "data-endpoint", "data-document", "data-next"].contains(&name.as_str())
                    && value.starts_with('/')
                {
                    assert!(value.starts_with("/auth/hub/"), "{path}: {value}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_demonstration_is_for_development_and_production_has_a_plain_home() {
    let app = TestApp::spawn().await;
    let home = app.get("/").await.expect(200);
    let facts = [
        "demo.js",
        "/dev/mailbox",
        app.app.cx.db.kind(),
        env!("CARGO_PKG_VERSION"),
    ];
    for fact in facts {
        assert!(home.text().contains(fact), "{fact}");
    }
    let production = Tuning::new()
        .configure(|config| {
            config.env = Env::Production;
            config.mail.transport = Transport::Smtp;
            config.mail.smtp_url = Some("smtp://127.0.0.1:1".to_owned().into());
        })
        .spawn()
        .await;
    let home = production.get("/").await.expect(200);
    for fact in facts {
        assert!(!home.text().contains(fact), "{fact}");
    }
    assert!(home.text().contains("/sign-in") && home.text().contains("/api/docs"));
}
