//! What the pages and mails look like: the site's name, logo and colour.

use portcullis::config::Colour;

use super::{PAGES, tags};
use crate::support::app::{TestApp, Tuning};

const NAME: &str = "Sun & \"Dial\"";
const LOGO: &str = "https://cdn.example.org/sundial.svg";

fn branded() -> Tuning {
    Tuning::new().configure(|config| {
        config.site.name = Some(NAME.to_owned());
        config.site.logo = Some(LOGO.to_owned());
        config.site.accent = Colour::parse("#0b5cad");
    })
}

/// The sources of pictures that a page's policy allows.
fn pictures(policy: &str) -> &str {
    let rest = policy.split("img-src ").nth(1).expect("a rule for pictures");
    rest.split(';').next().unwrap()
}

#[tokio::test]
async fn a_site_has_its_name_its_logo_and_its_colour_on_every_page() {
    let (plain, branded) = (TestApp::spawn().await, branded().spawn().await);
    for path in PAGES.into_iter().filter(|path| *path != "/api/docs") {
        for (app, name, logo, allowed, coloured) in [
            (&plain, "Portcullis", "/assets/icon.svg", "'self' data:", false),
            (
                &branded,
                "Sun &amp; &quot;Dial&quot;",
                LOGO,
                "'self' data: https://cdn.example.org/sundial.svg",
                true,
            ),
        ] {
            let page = app.get(path).await.expect(200);
            let policy = page.header("content-security-policy").unwrap();
            assert_eq!(pictures(policy), allowed, "{path}");
            let tags = tags(page.text());
            let title = tags.iter().find(|tag| tag.name == "title").unwrap();
            assert!(
                title.text.ends_with(&format!(" · {name}")),
                "{path}: {}",
                title.text
            );
            let image = tags.iter().find(|tag| tag.name == "img").unwrap();
            assert_eq!(image.attribute("src"), Some(logo), "{path}");
            assert_eq!(image.text.trim(), name, "{path}");
            let sheets = tags
                .iter()
                .filter(|tag| tag.attribute("rel") == Some("stylesheet"));
            let own = sheets.filter(|tag| tag.attribute("href") == Some("/assets/brand.css"));
            assert_eq!(own.count(), usize::from(coloured), "{path}");
        }
    }
    let sheet = branded.get("/assets/brand.css").await.expect(200);
    assert_eq!(sheet.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(sheet.text().contains("--accent: #0b5cad; "), "{}", sheet.text());
    assert!(sheet.text().contains("prefers-color-scheme: dark"));
    let answer = branded.get("/api/auth/oauth/none").await;
    let policy = answer.header("content-security-policy").unwrap();
    assert!(!policy.contains("cdn.example.org"), "only pages show it");
}

#[tokio::test]
async fn a_letter_names_the_site_and_has_its_colour() {
    let hub = branded().spawn().await;
    hub.register("ada@example.org").await.expect(202);
    let mail = hub.mail_to("ada@example.org", 1).await;
    let (text, html) = (mail["text"].as_str().unwrap(), mail["html"].as_str().unwrap());
    assert!(text.contains(&format!("registered at {NAME} with")), "{text}");
    assert!(
        html.contains("background:#0b5cad") && !html.contains("5b34b5"),
        "{html}"
    );
    assert!(
        html.contains("Sun &amp; &quot;Dial&quot;") && !html.contains("cdn.example.org"),
        "{html}"
    );
}
