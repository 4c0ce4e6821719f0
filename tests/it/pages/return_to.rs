//! T22: where the page to sign in leads, whatever its address asks for.

use super::tags;
use crate::support::app::{TestApp, Tuning};

const LISTED: &str = "https://app.example.org/welcome";

/// Where the form says that it leads to, and whether the links to the other pages take the wish along.
async fn next(hub: &TestApp, asked: &str) -> (String, bool) {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("return_to", asked)
        .finish();
    let page = hub.get(&format!("/sign-in?{query}")).await.expect(200);
    let tags = tags(page.text());
    let form = tags.iter().find_map(|tag| tag.attribute("data-next"));
    let sign_up = |tag: &&super::Tag| tag.attribute("href").is_some_and(|to| to.contains("/sign-up"));
    let link = tags.iter().find(sign_up).and_then(|tag| tag.attribute("href"));
    (form.unwrap().to_owned(), link.unwrap().contains("return_to="))
}

#[tokio::test]
async fn t22_a_sign_in_leads_to_this_origin_or_to_a_listed_address_and_else_to_the_account() {
    let hub = Tuning::new()
        .configure(|config| config.links.return_to = Some(vec![LISTED.to_owned()]))
        .spawn()
        .await;
    for wanted in ["/", "/shop/cart?item=7#top", LISTED] {
        let (next, taken_along) = next(&hub, wanted).await;
        assert_eq!(next, wanted);
        assert!(taken_along, "{wanted}");
    }
    for hostile in [
        "",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%2fevil.example",
        "/%5Cevil.example",
        "/..//evil.example",
        "https://evil.example",
        "https://app.example.org/welcome/",
        "https://app.example.org/welcome@evil.example",
        "https://app.example.org.evil.example/welcome",
        "javascript:alert(document.domain)",
        "data:text/html,<script>alert(1)</script>",
        "/\"><script>alert(1)</script>",
        "\u{ff0f}\u{ff0f}evil.example",
    ] {
        assert_eq!(
            next(&hub, hostile).await,
            ("/account".to_owned(), false),
            "{hostile:?}"
        );
    }
}

#[tokio::test]
async fn t22_what_the_scripts_keep_for_the_way_through_a_letter_is_what_was_heard() {
    let hub = TestApp::spawn().await;
    for path in ["/sign-in", "/sign-up", "/forgot"] {
        for (asked, kept) in [
            ("?return_to=/cart", "?return_to=%2Fcart"),
            ("?return_to=//evil.example", ""),
            ("", ""),
        ] {
            let page = hub.get(&format!("{path}{asked}")).await.expect(200);
            let tags = tags(page.text());
            let query = tags.iter().find_map(|tag| tag.attribute("data-query"));
            assert_eq!(query, Some(kept), "{path}{asked}");
        }
    }
    // No letter and no page behind one says where it leads: the browser that asked knows.
    for path in ["/activate/x", "/recovery/x"] {
        let page = hub.get(&format!("{path}?return_to=/cart")).await.expect(200);
        let tags = tags(page.text());
        let link = tags.iter().find(|tag| tag.attribute("data-sign-in").is_some());
        assert_eq!(link.unwrap().attribute("href"), Some("/sign-in"), "{path}");
    }
}

#[tokio::test]
async fn t22_without_a_list_no_other_origin_is_led_to_and_under_a_path_the_account_is_there() {
    let hub = Tuning::new()
        .configure(|config| config.public_url = Some("http://localhost/auth".parse().unwrap()))
        .spawn()
        .await;
    assert_eq!(next(&hub, LISTED).await.0, "/auth/account");
    assert_eq!(next(&hub, "/shop").await.0, "/shop");
}
