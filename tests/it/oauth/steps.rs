//! What leads on from one step leads on from no other, nor at another provider; and every step is limited (T17).

use portcullis::ids::IdentityId;
use reqwest::Method;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::{Hub, MINE, parameter};
use crate::support::app::Tuning;
use crate::support::http::Answer;
use crate::support::people::PASSWORD;
use crate::support::provider::{Browser, FRONTEND, ProviderServer, location, outcome};

#[tokio::test]
async fn t17_what_leads_on_from_one_step_leads_on_from_no_other() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let (_, bob) = hub.signed_in("bob@example.org", "user").await;
    let asked = browser.ask_to_link(&bob.access, "acme").await.expect(200).json();
    let ticket = asked["url"]
        .as_str()
        .unwrap()
        .rsplit_once('/')
        .unwrap()
        .1
        .to_owned();
    let link = |secret: &str| format!("/api/auth/oauth/acme/link/{secret}");
    let away = browser.start("acme").await;
    let state = parameter(&away, "state").unwrap();
    for secret in [&state, &ticket] {
        browser
            .exchange_as(&bob.access, secret)
            .await
            .problem(410, "token_spent");
    }
    browser.get(&link(&state)).await.expect(400);
    // None of it was used up.
    let back = browser.visit(&away).await;
    let (name, code) = outcome(&location(&browser.come_back(&back).await.expect(302)));
    assert_eq!(name, "code");
    browser.get(&link(&code)).await.expect(400);
    browser.exchange(&code).await.expect(200);
    browser.get(&link(&ticket)).await.expect(302);
}

#[tokio::test]
async fn t17_an_address_at_which_a_link_begins_is_of_one_provider() {
    let (acme, evil) = (ProviderServer::of_ada().await, ProviderServer::of_ada().await);
    let hub = Tuning::new()
        .configure(acme.configured_as("acme"))
        .configure(evil.configured_as("evil"))
        .spawn()
        .await;
    let (_, bob) = hub.signed_in("bob@example.org", "user").await;
    let mut browser = Browser::at(&hub);
    let asked = browser.ask_to_link(&bob.access, "acme").await.expect(200).json();
    let mixed = asked["url"].as_str().unwrap().replace("/acme/", "/evil/");
    let answer = browser.come_back(&Url::parse(&mixed).unwrap()).await;
    assert_eq!((answer.status, answer.header("location")), (400, None));
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn t17_a_refusal_of_another_provider_is_not_heard_either() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let away = browser.start("acme").await;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("state", &parameter(&away, "state").unwrap())
        .append_pair("error", "access_denied")
        .append_pair("iss", "https://evil.example")
        .finish();
    let path = format!("/api/auth/oauth/acme/callback?{query}");
    let heard = outcome(&location(&browser.get(&path).await.expect(302)));
    assert_eq!(heard, ("error".to_owned(), "provider_refused".to_owned()));
}

#[tokio::test]
async fn t17_a_link_to_somewhere_else_or_without_a_proof_key_does_not_begin() {
    let hub = Hub::with_acme().await;
    let browser = Browser::at(&hub);
    let (_, bob) = hub.signed_in("bob@example.org", "user").await;
    for (redirect_to, challenge, field) in [
        (
            "https://evil.example/",
            browser.key.challenge.as_str(),
            "redirect_to",
        ),
        (FRONTEND, "short", "code_challenge"),
    ] {
        let body = json!({ "redirect_to": redirect_to, "code_challenge": challenge });
        let answer = hub.post_as(&bob.access, &format!("{MINE}/acme"), body).await;
        let problem = answer.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn every_step_is_limited_by_address() {
    // (Nothing is filled up again meanwhile.)
    let hub = Hub::with_acme_and(|tuning| {
        tuning
            .manual_clock()
            .configure(|config| config.limits.enabled = true)
    })
    .await;
    let (_, bob) = hub.signed_in("bob@example.org", "user").await;
    let mut browser = Browser::at(&hub);
    let start = browser.start_path("nobody", FRONTEND);
    let mut last = 404;
    for _ in 0..700 {
        last = browser.get(&start).await.status;
        if last == 429 {
            break;
        }
    }
    assert_eq!(last, 429);
    for path in ["callback?state=x&code=y", "link/x"] {
        let path = format!("/api/auth/oauth/acme/{path}");
        browser.get(&path).await.problem(429, "rate_limited");
    }
    browser.exchange("x").await.problem(429, "rate_limited");
    let asked = browser.ask_to_link(&bob.access, "acme").await;
    asked.problem(429, "rate_limited");
    let path = format!("{MINE}/{}", IdentityId::from(Uuid::from_u128(1)));
    hub.delete_as(&bob.access, &path)
        .await
        .problem(429, "rate_limited");
}

#[tokio::test]
async fn t24_a_sign_in_in_cookie_mode_ends_the_session_whose_cookie_it_replaces() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    hub.person("ada@example.org", "user").await;
    let sign_in = json!({ "email": "ada@example.org", "password": PASSWORD });
    let cookie_mode = |request: reqwest::RequestBuilder| {
        let request = request.header("X-Portcullis-Mode", "cookie");
        request.header("Origin", hub.url(""))
    };
    let first = cookie_mode(hub.request(Method::POST, "/api/auth").json(&sign_in));
    let first = Answer::of(first).await.expect(200);
    let cookie = first.header("set-cookie").unwrap().split(';').next().unwrap();
    let code = browser.code("acme").await;
    let body = json!({ "code": code, "code_verifier": browser.key.verifier });
    let second = cookie_mode(hub.request(Method::POST, "/api/auth/oauth/exchange").json(&body));
    Answer::of(second.header("Cookie", cookie)).await.expect(200);
    assert_eq!(hub.number("select count(*) from sessions").await, 2);
    let live = "select count(*) from sessions where revoked_at is null";
    assert_eq!(hub.number(live).await, 1);
}
