//! A certified OpenID provider and a browser: somebody signs in there, consents, and is back with an open socket.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::app::{TestApp, Tuning};
use crate::support::provider::{Browser, ProviderServer, ada};
use crate::support::source::root;

async fn ground(options: Value) -> (TestApp, ProviderServer) {
    let mut ada = ada();
    ada["sub"] = json!("ada");
    let mut all = json!({ "accounts": [ada] });
    for (name, value) in options.as_object().unwrap() {
        all[name] = value.clone();
    }
    let provider = ProviderServer::start("provider", all).await;
    let hub = Tuning::new()
        .configure(provider.configured_as("acme"))
        .spawn()
        .await;
    let callback = hub.url("/api/auth/oauth/acme/callback");
    provider.configure(json!({ "redirect_uri": callback })).await;
    (hub, provider)
}

/// What a person in a browser gets who answers the provider's question with `answer`.
async fn person(hub: &TestApp, answer: &str) -> Value {
    let order = json!({ "hub": hub.url(""), "provider": "acme", "sub": "ada", "answer": answer });
    let output = Command::new(root().join("scripts/with-node"))
        .args(["tests/oidc_provider", "node", "browser.mjs", &order.to_string()])
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn somebody_goes_there_in_a_browser_and_is_back_with_an_open_socket() {
    let (hub, _provider) = ground(json!({})).await;
    let seen = person(&hub, "yes").await;
    assert_eq!(seen["address"], hub.url("/account").as_str());
    let who = seen["who"].as_str().unwrap();
    assert!(
        who.contains("Ada Lovelace") && who.contains("ada@example.org"),
        "{seen}"
    );
    assert_eq!(seen["after_reload"], seen["who"], "the session is in the cookie");
    assert_eq!(hub.number("select count(*) from users").await, 1);
}

#[tokio::test]
async fn who_does_not_consent_reads_so_on_the_sign_in_page() {
    let (hub, _provider) = ground(json!({})).await;
    let seen = person(&hub, "no").await;
    assert!(
        seen["text"]
            .as_str()
            .unwrap()
            .contains("You have not agreed there."),
        "{seen}"
    );
    assert_eq!(hub.number("select count(*) from users").await, 0);
}

/// Fills in the provider's forms as a browser does, without one.
async fn sign_in(hub: &TestApp, provider: &ProviderServer) -> (String, String) {
    let mut browser = Browser::at(hub);
    let away = browser.start("acme").await;
    let back = provider.sign_in_by_hand(away, "ada", "yes").await;
    let answer = browser.come_back(&back).await.expect(302);
    crate::support::provider::outcome(&crate::support::provider::location(&answer))
}

#[tokio::test]
async fn every_kind_of_signature_and_of_client_secret_works() {
    for options in [
        json!({ "alg": "RS256" }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "EdDSA" }),
        json!({ "auth_method": "client_secret_post" }),
    ] {
        let (hub, provider) = ground(options.clone()).await;
        let (name, value) = sign_in(&hub, &provider).await;
        assert_eq!(name, "code", "{options}: {value}");
    }
}
