//! Where an answer may go (T22): the addresses of `oauth.redirects`, to the letter.

use super::Hub;
use crate::support::provider::{Browser, FRONTEND, location};

/// Two hundred ways to write another address than the one that is listed.
fn hostile() -> Vec<String> {
    let mut found: Vec<String> = [
        "",
        "/",
        "/welcome",
        "//evil.example",
        "///evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "http:evil.example",
        "evil.example",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "blob:https://evil.example/1",
        "file:///etc/passwd",
        "about:blank",
        "ftp://app.example.org/welcome?from=hub",
        "ws://app.example.org/",
        "https://evil.example/",
        "https://evil.example/https://app.example.org/welcome?from=hub",
        "https://evil.example?https://app.example.org/welcome?from=hub",
        "https://evil.example#https://app.example.org/welcome?from=hub",
        "https://app.example.org@evil.example/",
        "https://app.example.org:x@evil.example/",
        "https://app.example.org%40evil.example/",
        "https://app.example.org.evil.example/welcome?from=hub",
        "https://evil-app.example.org/welcome?from=hub",
        "https://appexample.org/welcome?from=hub",
        "https://app.example.org:443/welcome?from=hub",
        "https://app.example.org:8443/welcome?from=hub",
        "https://app.example.org./welcome?from=hub",
        "https://APP.example.org/welcome?from=hub",
        "HTTPS://app.example.org/welcome?from=hub",
        "http://app.example.org/welcome?from=hub",
        "https://app.example.org/welcome",
        "https://app.example.org/welcome/",
        "https://app.example.org/welcome?",
        "https://app.example.org/welcome?from=hub#",
        "https://app.example.org/welcome?from=hub&code=1",
        "https://app.example.org/welcome?from=hub&x=1",
        "https://app.example.org/welcome?from=hu",
        "https://app.example.org/welcome?from=hub/..",
        "https://app.example.org/Welcome?from=hub",
        "https://app.example.org/a/../welcome?from=hub",
        "https://app.example.org/./welcome?from=hub",
        "https://app.example.org//welcome?from=hub",
        "https://app.example.org/%77elcome?from=hub",
        "https://app.example.org/welcome%3Ffrom=hub",
        "https://app.example.org/welcome?from=%68ub",
        "https://app.example.org/welcome?from=hub%00",
        "https://app.example.org\\@evil.example/",
        "https://app.example.org/\\evil.example",
        "https://app%2eexample.org/welcome?from=hub",
        "https://app\u{3002}example\u{3002}org/welcome?from=hub",
        "https://\u{ff41}pp.example.org/welcome?from=hub",
        "https://app.example.org\u{ff0f}welcome?from=hub",
        "https://xn--app-.example.org/",
        "https://*.example.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "null",
        "undefined",
        "*",
        ".",
        "..",
        "{public_url}/",
    ]
    .map(str::to_owned)
    .into();
    // Whatever browsers drop, or take for something else, at each place where it could matter.
    let odd = ('\0'..='\u{20}').chain("\u{7f}\u{85}\u{a0}\u{200b}\u{2028}\u{feff}\"<>`{|}^".chars());
    for odd in odd {
        for hostile in [
            format!("{odd}{FRONTEND}"),
            format!("{FRONTEND}{odd}"),
            FRONTEND.replacen("app.", &format!("app{odd}."), 1),
        ] {
            found.push(hostile);
        }
    }
    found
}

#[tokio::test]
async fn t22_nobody_is_sent_anywhere_but_where_the_operator_said() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let hostile = hostile();
    assert!(hostile.len() >= 200, "{}", hostile.len());
    for address in hostile {
        let path = browser.start_path("acme", &address);
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, 400, "{address:?}");
        assert_eq!(answer.header("location"), None, "{address:?}");
        assert!(
            answer.text().contains("redirect_to") && !answer.text().contains("evil"),
            "{address:?}"
        );
    }
    assert!(browser.cookies.is_empty());
    assert_eq!(hub.provider.count("/authorize").await, 0);
}

/// A hub whose `oauth.redirects` are these.
async fn hub_that_lists(redirects: Option<Vec<String>>) -> Hub {
    Hub::with_acme_and(|tuning| tuning.configure(|config| config.oauth.redirects = redirects)).await
}

#[tokio::test]
async fn t22_what_is_listed_and_the_hubs_own_pages_are_heard() {
    let listed = ["https://one.example.org/", "com.example.app:/callback"];
    let hub = hub_that_lists(Some(listed.map(str::to_owned).into())).await;
    let mut browser = Browser::at(&hub);
    let own = [hub.url("/sign-in"), hub.url("/account")];
    for address in own.iter().map(String::as_str).chain(listed) {
        let path = browser.start_path("acme", address);
        let away = location(&browser.get(&path).await.expect(302));
        let back = browser.visit(&away).await;
        let last = location(&browser.come_back(&back).await.expect(302));
        assert!(
            last.as_str().starts_with(&format!("{address}?code=pco_")),
            "{last}"
        );
    }
    let unlisted = browser.start_path("acme", &hub.url("/"));
    browser.get(&unlisted).await.expect(400);
}

#[tokio::test]
async fn where_nothing_is_listed_the_public_address_is() {
    let hub = hub_that_lists(None).await;
    let mut browser = Browser::at(&hub);
    let path = browser.start_path("acme", &hub.url("/"));
    browser.get(&path).await.expect(302);
    let path = browser.start_path("acme", FRONTEND);
    browser.get(&path).await.expect(400);
}

#[tokio::test]
async fn t17_a_start_without_a_proof_key_is_refused() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let good = browser.start_path("acme", FRONTEND);
    let (before, challenge) = good.split_once("code_challenge=").unwrap();
    for wrong in [
        String::new(),
        "&code_challenge=".to_owned(),
        format!("&code_challenge={}", &challenge[1..]),
        format!("&code_challenge={challenge}a"),
        format!("&code_challenge={}%3D", &challenge[1..]),
        format!("&code_challenge={}%2B", &challenge[1..]),
        format!("&code_challenge={challenge}&code_challenge_method=plain"),
        format!("&code_challenge={challenge}&code_challenge={challenge}"),
    ] {
        let path = format!("{}{wrong}", before.trim_end_matches('&'));
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.text().contains("code_challenge"), "{path}");
    }
    browser.get(&good).await.expect(302);
}
