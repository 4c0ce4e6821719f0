//! The end of a flow: a code is good once, for who asked for it (T17), and in cookie mode as every sign-in (T24).

use reqwest::Method;
use serde_json::json;

use super::Hub;
use crate::support::Pair;
use crate::support::http::Answer;
use crate::support::provider::{Browser, ProofKey};

#[tokio::test]
async fn t17_a_code_is_exchanged_once() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let code = browser.code("acme").await;
    let pair = Pair::of(&browser.exchange(&code).await.expect(200));
    browser.exchange(&code).await.problem(410, "token_spent");
    assert!(hub.is_live(&pair).await, "the session is whose it was");
    browser
        .exchange("pco_of_nobody")
        .await
        .problem(410, "token_spent");
}

#[tokio::test]
async fn t17_of_sixteen_at_once_one_gets_the_session() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let code = browser.code("acme").await;
    let tries = (0..16).map(|_| browser.exchange(&code));
    let answers = futures_util::future::join_all(tries).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    assert_eq!(hub.number("select count(*) from sessions").await, 1);
    assert_eq!(hub.number("select count(*) from users").await, 1);
}

#[tokio::test]
async fn t17_another_verifier_ends_the_code_and_opens_nothing() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let code = browser.code("acme").await;
    let thief = Browser {
        key: ProofKey::of("the verifier of somebody who has found the code"),
        ..browser.clone()
    };
    thief.exchange(&code).await.problem(410, "token_spent");
    // The challenge itself is no verifier: `plain` does not exist.
    let plain = Browser {
        key: ProofKey {
            verifier: browser.key.challenge.clone(),
            challenge: String::new(),
        },
        ..browser.clone()
    };
    let code = {
        browser.exchange(&code).await.problem(410, "token_spent");
        browser.code("acme").await
    };
    plain.exchange(&code).await.problem(410, "token_spent");
    assert_eq!(hub.number("select count(*) from users").await, 0);
    assert_eq!(hub.number("select count(*) from sessions").await, 0);
}

#[tokio::test]
async fn t24_in_cookie_mode_the_refresh_token_is_in_its_cookie_alone() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let code = browser.code("acme").await;
    let body = json!({ "code": code, "code_verifier": browser.key.verifier });
    let ask = |origin: String| {
        let request = hub.request(Method::POST, "/api/auth/oauth/exchange").json(&body);
        request
            .header("X-Portcullis-Mode", "cookie")
            .header("Origin", origin)
    };
    let refused = Answer::of(ask("https://evil.example".to_owned())).await;
    refused.problem(403, "origin_refused");
    let answer = Answer::of(ask(hub.url(""))).await.expect(200);
    assert!(answer.json().get("refresh_token").is_none());
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(
        cookies.len(),
        3,
        "the refresh token's, the note of it, the trusted browser's"
    );
    assert!(
        cookies[0]
            .to_str()
            .unwrap()
            .starts_with("portcullis_refresh=pcr_")
    );
}

#[tokio::test]
async fn a_field_that_is_missing_or_too_long_is_named() {
    let hub = Hub::with_acme().await;
    let answer = hub
        .post("/api/auth/oauth/exchange", json!({ "device": "x".repeat(101) }))
        .await;
    let errors = answer.problem(422, "validation_failed")["errors"].clone();
    let fields: Vec<_> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["field"])
        .collect();
    assert_eq!(fields, ["code", "code_verifier", "device"]);
}

#[tokio::test]
async fn t09_a_new_device_is_told_to_the_owner_and_the_first_is_not() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    browser.sign_in("acme").await;
    browser.sign_in("acme").await;
    let code = browser.code("acme").await;
    let body = json!({ "code": code, "code_verifier": browser.key.verifier });
    let request = hub.request(Method::POST, "/api/auth/oauth/exchange").json(&body);
    let agent = "Mozilla/5.0 (Windows NT 10.0) Firefox/141.0";
    Answer::of(request.header("User-Agent", agent)).await.expect(200);
    let mail = hub.mail_to("ada@example.org", 1).await;
    assert!(
        mail["text"].as_str().unwrap().contains("Firefox on Windows"),
        "{mail}"
    );
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to("ada@example.org").await.len(), 1);
}
