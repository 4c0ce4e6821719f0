//! Pages in the reader's language.

use reqwest::Method;

use super::{PAGES, tags};
use crate::support::app::TestApp;
use crate::support::http::Answer;

async fn read(hub: &TestApp, path: &str, headers: &[(&str, &str)]) -> (String, Answer) {
    let mut request = hub.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let page = Answer::of(request).await.expect(200);
    let html = tags(page.text()).into_iter().find(|tag| tag.name == "html");
    (html.unwrap().attribute("lang").unwrap().to_owned(), page)
}

#[tokio::test]
async fn a_page_is_in_the_language_that_was_picked_or_else_asked_for() {
    let hub = TestApp::spawn().await;
    let russian = ("accept-language", "de, ru-RU;q=0.9, en;q=0.5");
    for (headers, expected, word) in [
        (&[][..], "en", "Sign in"),
        (&[russian], "ru", "Вход"),
        (
            &[russian, ("cookie", "a=b; portcullis_language=en")],
            "en",
            "Sign in",
        ),
        (&[("cookie", "portcullis_language=ru")], "ru", "Вход"),
        (&[("cookie", "portcullis_language=<script>")], "en", "Sign in"),
    ] {
        let (language, page) = read(&hub, "/sign-in", headers).await;
        assert_eq!(language, expected, "{headers:?}");
        assert_eq!(page.header("content-language"), Some(expected));
        assert!(page.text().contains(&format!("<h1>{word}</h1>")), "{headers:?}");
        assert!(!page.text().contains("<script>"));
    }
}

#[tokio::test]
async fn every_page_is_there_in_russian_but_those_for_programmers() {
    let hub = TestApp::spawn().await;
    for path in PAGES {
        let english = ["/api/docs", "/problems/not_found", "/problems/internal/"].contains(&path);
        let (language, page) = read(&hub, path, &[("accept-language", "ru")]).await;
        assert_eq!(language == "en", english, "{path}");
        let is_cyrillic = |c: char| ('а'..='я').contains(&c);
        let heading = tags(page.text()).into_iter().find(|tag| tag.name == "h1");
        let speaks = heading.is_some_and(|heading| heading.text.contains(is_cyrillic));
        assert_eq!(speaks, !english, "{path}");
    }
    for (file, word) in [("en", "Fill this in."), ("ru", "Заполните")] {
        let texts = hub.get(&format!("/assets/texts.{file}.js")).await.expect(200);
        assert!(texts.text().starts_with("export default {") && texts.text().contains(word));
    }
}
