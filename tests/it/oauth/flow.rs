//! The way to the provider and back: what is sent, what must come back, and who may bring it (T17).

use std::time::Duration;

use portcullis::config::Config;
use reqwest::Method;
use serde_json::json;
use url::Url;

use super::{Hub, parameter};
use crate::support::Pair;
use crate::support::app::Tuning;
use crate::support::http::Answer;
use crate::support::provider::{Browser, FRONTEND, ProofKey, ProviderServer, location, outcome};

#[tokio::test]
async fn somebody_signs_in_and_the_socket_is_open() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let listed = hub.get("/api/auth/oauth").await.expect(200).json();
    let start = hub.url("/api/auth/oauth/acme/start");
    assert_eq!(
        listed,
        json!({ "providers": [{ "id": "acme", "name": "acme", "start": start }] })
    );
    let pair = browser.sign_in("acme").await;
    let user = &pair.body["user"];
    assert_eq!(user["email"], "ada@example.org");
    assert_eq!(
        (&user["email_verified"], &user["status"]),
        (&json!(true), &json!("active"))
    );
    assert_eq!(
        (&user["name"], &user["site_role"]),
        (&json!("Ada Lovelace"), &json!("user"))
    );
    assert_eq!(user["avatar_url"], "https://images.example.org/ada.png");
    let (_socket, ready) = hub.open(&pair.access).await;
    assert_eq!(ready["type"], "ready");
    assert_eq!(
        crate::support::jwt::part(&pair.access, 1)["amr"],
        json!(["oauth"])
    );
}

#[tokio::test]
async fn t17_state_nonce_and_proof_key_go_out_and_no_token_ever_stands_in_an_address() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let away = browser.start("acme").await;
    assert_eq!(parameter(&away, "response_type").as_deref(), Some("code"));
    assert_eq!(parameter(&away, "code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(parameter(&away, "code_challenge").unwrap().len(), 43);
    for name in ["state", "nonce"] {
        assert_eq!(parameter(&away, name).unwrap().len(), 43, "{name}");
    }
    assert_ne!(parameter(&away, "state"), parameter(&away, "nonce"));
    let callback = parameter(&away, "redirect_uri").unwrap();
    assert!(callback.ends_with("/api/auth/oauth/acme/callback"), "{callback}");
    let back = browser.visit(&away).await;
    let last = location(&browser.come_back(&back).await.expect(302));
    let (name, code) = outcome(&last);
    assert_eq!(name, "code");
    assert!(code.starts_with("pco_") && code.len() == 47, "{code}");
    // The provider saw the verifier, once, and never the frontend's.
    let seen = hub.provider.seen().await;
    let asked: Vec<_> = seen
        .iter()
        .filter(|request| request["path"] == "/token")
        .collect();
    assert_eq!(asked.len(), 1);
    let verifier = asked[0]["form"]["code_verifier"].as_str().unwrap();
    assert_eq!(
        ProofKey::of(verifier).challenge,
        parameter(&away, "code_challenge").unwrap()
    );
    assert_ne!(verifier, browser.key.verifier);
}

#[tokio::test]
async fn t17_the_cookie_is_of_this_flow_alone_and_goes_with_it() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let path = browser.start_path("acme", FRONTEND);
    let begun = browser.get(&path).await.expect(302);
    let line = begun.header("set-cookie").unwrap().to_owned();
    assert!(
        line.contains("; HttpOnly; SameSite=Lax; Path=/; Max-Age=600"),
        "{line}"
    );
    let (first, away) = (browser.cookies.clone(), location(&begun));
    let second = browser.start("acme").await;
    assert_eq!(browser.cookies.len(), 2, "another tab has another cookie");
    // Whichever comes back first.
    for away in [second, away] {
        let back = browser.visit(&away).await;
        let answer = browser.come_back(&back).await.expect(302);
        assert_eq!(outcome(&location(&answer)).0, "code");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
    assert!(browser.cookies.is_empty());
    assert_eq!(first.len(), 1);

    let https = |config: &mut Config| {
        config.public_url = Some("https://auth.example.org/below/".parse().unwrap());
    };
    let https = Hub::with_acme_and(|tuning| tuning.configure(https)).await;
    let request = https.request(Method::GET, &browser.start_path("acme", FRONTEND));
    let answer = Answer::of(request.header("Host", "auth.example.org"))
        .await
        .expect(302);
    let line = answer.header("set-cookie").unwrap();
    assert!(line.starts_with("__Host-portcullis_oauth_"), "{line}");
    assert!(
        line.contains("; Secure; Path=/;") && !line.contains("Domain"),
        "{line}"
    );
    let callback = parameter(&location(&answer), "redirect_uri").unwrap();
    assert_eq!(
        callback,
        "https://auth.example.org/below/api/auth/oauth/acme/callback"
    );
}

/// Answers with a page, and sends nobody anywhere.
#[track_caller]
fn stops(answer: &Answer) {
    assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(&answer.bytes));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("location"), None);
}

#[tokio::test]
async fn t17_an_answer_is_heard_once_from_the_browser_that_began() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let away = browser.start("acme").await;
    let back = browser.visit(&away).await;
    // Whom somebody sends the address: no cookie, or the cookie of a flow of their own.
    let mut victim = Browser::at(&hub);
    stops(&victim.come_back(&back).await);
    victim.start("acme").await;
    stops(&victim.come_back(&back).await);
    // The cookie's value, but another flow's name; the name, but another value.
    let (name, value) = browser.cookies[0].clone();
    for cookie in [
        (victim.cookies[0].0.clone(), value.clone()),
        (name.clone(), victim.cookies[0].1.clone()),
        (name.clone(), format!("{value}x")),
    ] {
        let mut thief = Browser::at(&hub);
        thief.cookies = vec![cookie];
        stops(&thief.come_back(&back).await);
    }
    assert_eq!(
        hub.provider.count("/token").await,
        0,
        "nobody asked the provider for that"
    );
    // None of it has ended the flow.
    let kept = browser.cookies.clone();
    let answer = browser.come_back(&back).await.expect(302);
    assert_eq!(outcome(&location(&answer)).0, "code");
    // A copy of everything, a second time.
    browser.cookies = kept;
    stops(&browser.come_back(&back).await);
    assert_eq!(hub.provider.count("/token").await, 1);
}

#[tokio::test]
async fn t17_a_flow_lives_for_ten_minutes() {
    for (wait, lives) in [(599, true), (600, false)] {
        let hub = Hub::with_acme_and(Tuning::manual_clock).await;
        let mut browser = Browser::at(&hub);
        let away = browser.start("acme").await;
        hub.clock.as_ref().unwrap().advance(Duration::from_secs(wait));
        let back = browser.visit(&away).await;
        let answer = browser.come_back(&back).await;
        if lives {
            // (What became of it is the provider's affair, whose clock has not moved on.)
            assert_eq!(answer.status, 302);
        } else {
            stops(&answer);
        }
        assert_eq!(hub.provider.count("/token").await, usize::from(lives));
    }
}

#[tokio::test]
async fn t17_a_code_lives_for_a_minute() {
    for (wait, status) in [(59, 200), (60, 410)] {
        let hub = Hub::with_acme_and(Tuning::manual_clock).await;
        let mut browser = Browser::at(&hub);
        let code = browser.code("acme").await;
        hub.clock.as_ref().unwrap().advance(Duration::from_secs(wait));
        browser.exchange(&code).await.expect(status);
    }
}

#[tokio::test]
async fn t17_providers_are_not_mixed_up() {
    let honest = ProviderServer::of_ada().await;
    let evil = ProviderServer::of_ada().await;
    let hub = Tuning::new()
        .configure(honest.configured_as("acme"))
        .configure(evil.configured_as("evil"))
        .spawn()
        .await;
    let mut browser = Browser::at(&hub);
    let away = browser.start("acme").await;
    let back = browser.visit(&away).await;
    // The attacker's provider sends the browser to its own callback, with the code of the honest one.
    let mixed = Url::parse(&back.as_str().replace("/acme/", "/evil/")).unwrap();
    stops(&browser.come_back(&mixed).await);
    for provider in [&honest, &evil] {
        assert_eq!(
            provider.count("/token").await,
            0,
            "no provider got the other's code"
        );
    }
    browser
        .get("/api/auth/oauth/nobody/callback?state=x&code=y")
        .await
        .expect(404);
    let nobody = browser.start_path("nobody", FRONTEND);
    browser.get(&nobody).await.expect(404);
}

#[tokio::test]
async fn t17_two_states_or_codes_are_none() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    for name in ["state", "code", "iss"] {
        let away = browser.start("acme").await;
        let mut back = browser.visit(&away).await;
        let value = parameter(&back, name).unwrap_or_default();
        back.query_pairs_mut().append_pair(name, &value);
        let doubled = back.query_pairs().filter(|(key, _)| key == name).count() == 2;
        if doubled {
            stops(&browser.come_back(&back).await);
        }
    }
    stops(&browser.get("/api/auth/oauth/acme/callback").await);
    assert_eq!(hub.provider.count("/token").await, 0);
}

#[tokio::test]
async fn a_provider_that_says_no_or_is_out_of_order_is_told_to_the_frontend() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    for (mode, error) in [
        ("access_denied", "access_denied"),
        ("error_of_the_server", "provider_unavailable"),
        ("error_html", "provider_refused"),
        ("code_missing", "provider_refused"),
    ] {
        hub.provider.misbehave(mode).await;
        assert_eq!(browser.refusal("acme").await, error, "{mode}");
    }
    // One that is gone before the hub has asked it anything.
    let mut hub = Hub::with_acme().await;
    hub.provider.stop().await;
    let mut browser = Browser::at(&hub);
    assert_eq!(browser.refusal("acme").await, "provider_unavailable");
    assert!(browser.cookies.is_empty());
    let rows = hub.rows_with("provider_unavailable").await;
    assert!(rows.iter().any(|row| row.starts_with("audit:")), "{rows:?}");
}

#[tokio::test]
async fn nothing_that_leads_on_is_used_up_by_head() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let (_, ada) = hub.signed_in("ada@example.org", "user").await;
    let url = browser.ask_to_link(&ada.access, "acme").await.expect(200).json()["url"].clone();
    let url = Url::parse(url.as_str().unwrap()).unwrap();
    let away = browser.start("acme").await;
    let back = browser.visit(&away).await;
    for path in [
        browser.start_path("acme", FRONTEND),
        url.path().to_owned(),
        back[url::Position::BeforePath..].to_owned(),
    ] {
        let answer = Answer::of(hub.request(Method::HEAD, &path)).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("GET")),
            "{path}"
        );
    }
    assert_eq!(
        outcome(&location(&browser.come_back(&back).await.expect(302))).0,
        "code"
    );
    browser.come_back(&url).await.expect(302);
}

#[tokio::test]
async fn t14_what_leads_on_is_stored_as_a_hash() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let away = browser.start("acme").await;
    let state = parameter(&away, "state").unwrap();
    let nonce = parameter(&away, "nonce").unwrap();
    let back = browser.visit(&away).await;
    for secret in [&state, &nonce, &browser.cookies[0].1] {
        assert_eq!(hub.rows_with(secret).await, [""; 0]);
    }
    let answer = browser.come_back(&back).await.expect(302);
    let (_, code) = outcome(&location(&answer));
    for secret in [
        code.as_str(),
        &parameter(&back, "code").unwrap(),
        "ada-at-the-provider",
        "ada lovelace",
    ] {
        assert_eq!(hub.rows_with(secret).await, [""; 0], "{secret}");
    }
    let pair = Pair::of(&browser.exchange(&code).await.expect(200));
    assert!(hub.is_live(&pair).await);
}
