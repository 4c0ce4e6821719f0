//! Yandex, as its documentation says that it answers.

use portcullis::config::Config;
use serde_json::{Value, json};

use super::Hub;
use crate::support::provider::{Browser, ProviderServer};

fn account() -> Value {
    json!({ "account": {
        "id": "1000034426", "login": "ada", "psuid": "1.AAceCw", "default_email": "ada@example.org",
        "emails": ["ada@example.org"], "display_name": "ada", "real_name": "Ada Lovelace",
        "default_avatar_id": "131652443", "is_avatar_empty": false,
    } })
}

async fn hub_with_yandex(trust: Option<bool>) -> Hub {
    let yandex = ProviderServer::start("yandex", account()).await;
    let trusting = move |config: &mut Config| config.oauth.providers[0].trust_email = trust;
    Hub::with("yandex", yandex, |tuning| tuning.configure(trusting)).await
}

#[tokio::test]
async fn somebody_signs_in_where_the_operator_trusts_yandex_with_addresses() {
    let hub = hub_with_yandex(Some(true)).await;
    let mut browser = Browser::at(&hub);
    let listed = hub.get("/api/auth/oauth").await.expect(200).json();
    assert_eq!(listed["providers"][0]["name"], "Yandex");
    let user = browser.sign_in("yandex").await.body["user"].clone();
    assert_eq!(
        (&user["email"], &user["name"]),
        (&json!("ada@example.org"), &json!("Ada Lovelace"))
    );
    assert_eq!(
        user["avatar_url"],
        "https://avatars.yandex.net/get-yapic/131652443/islands-200"
    );
    assert_eq!(hub.text("select subject from identities").await, "1000034426");
    let seen = hub.provider.seen().await;
    let asked = seen.iter().find(|request| request["path"] == "/info").unwrap();
    let authorization = asked["headers"]["authorization"].as_str().unwrap();
    assert!(authorization.starts_with("OAuth "), "{authorization}");
}

#[tokio::test]
async fn t16_without_that_trust_the_address_opens_nothing() {
    for trust in [None, Some(false)] {
        let hub = hub_with_yandex(trust).await;
        let mut browser = Browser::at(&hub);
        hub.person("ada@example.org", "user").await;
        assert_eq!(browser.refusal("yandex").await, "email_unverified", "{trust:?}");
        assert_eq!(hub.number("select count(*) from identities").await, 0);
    }
}

#[tokio::test]
async fn what_yandex_refuses_is_refused() {
    let hub = hub_with_yandex(Some(true)).await;
    for (mode, error) in [
        ("access_denied", "access_denied"),
        ("unauthorized_client", "provider_refused"),
        ("invalid_scope", "provider_refused"),
        ("code_expired", "provider_refused"),
        ("token_revoked", "provider_refused"),
        ("email_withheld", "email_unverified"),
    ] {
        hub.provider.misbehave(mode).await;
        assert_eq!(Browser::at(&hub).refusal("yandex").await, error, "{mode}");
    }
    assert_eq!(hub.number("select count(*) from users").await, 0);
    hub.provider.misbehave(json!(null)).await;
    let mut bare = account();
    bare["account"]["is_avatar_empty"] = json!(true);
    hub.provider.configure(bare).await;
    let user = Browser::at(&hub).sign_in("yandex").await.body["user"].clone();
    assert_eq!(user["avatar_url"], Value::Null);
}
