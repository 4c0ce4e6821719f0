//! The JavaScript client, which pages of every origin may load.

use reqwest::Method;

use crate::support::app::TestApp;
use crate::support::http::Answer;

const FILES: [(&str, &str); 2] = [
    ("/client.js", include_str!("../../../client-js/dist/client.js")),
    (
        "/client.global.js",
        include_str!("../../../client-js/dist/client.global.js"),
    ),
];

async fn from_elsewhere(hub: &TestApp, path: &str, known: Option<&str>) -> Answer {
    let mut request = hub
        .request(Method::GET, path)
        .header("origin", "https://somebody.example");
    if let Some(known) = known {
        request = request.header("if-none-match", known);
    }
    Answer::of(request).await
}

#[tokio::test]
async fn the_client_is_what_was_built_and_any_page_may_load_it_but_without_credentials() {
    let hub = TestApp::spawn().await;
    for (path, built) in FILES {
        let file = from_elsewhere(&hub, path, None).await.expect(200);
        assert_eq!(file.text(), built, "{path}");
        for (name, value) in [
            ("content-type", Some("text/javascript; charset=utf-8")),
            ("cache-control", Some("public, max-age=300")),
            ("cross-origin-resource-policy", Some("cross-origin")),
            ("access-control-allow-origin", Some("*")),
            ("access-control-allow-credentials", None),
            ("set-cookie", None),
        ] {
            assert_eq!(file.header(name), value, "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn who_has_the_client_is_told_so() {
    let hub = TestApp::spawn().await;
    let mut tags = Vec::new();
    for (path, _) in FILES {
        let tag = from_elsewhere(&hub, path, None).await;
        let tag = tag.header("etag").expect("a tag").to_owned();
        let again = from_elsewhere(&hub, path, Some(&tag)).await.expect(304);
        assert!(again.bytes.is_empty());
        assert_eq!(again.header("etag"), Some(&*tag));
        assert_eq!(again.header("access-control-allow-origin"), Some("*"));
        from_elsewhere(&hub, path, Some("\"another\"")).await.expect(200);
        tags.push(tag);
    }
    assert_ne!(tags[0], tags[1]);
}
