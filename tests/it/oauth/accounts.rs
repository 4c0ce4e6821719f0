//! Whose account it is: found by the identity, linked or claimed by a verified address, or made.

use portcullis::config::Config;
use serde_json::{Value, json};

use super::{Hub, ada_but};
use crate::support::app::Tuning;
use crate::support::people::PASSWORD;
use crate::support::provider::{Browser, ProviderServer};

#[tokio::test]
async fn an_identity_is_its_subject_whatever_becomes_of_the_address() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let first = browser.sign_in("acme").await;
    let id = &first.body["user"]["id"];
    // Another address there, unverified even: the same person.
    let mut moved = ada_but("email", json!("ada@elsewhere.example.org"));
    moved["account"]["email_verified"] = json!(false);
    moved["account"]["name"] = json!("Somebody Else");
    moved["account"]["picture"] = json!("https://images.example.org/other.png");
    hub.provider.configure(moved).await;
    let second = browser.sign_in("acme").await;
    let user = &second.body["user"];
    assert_eq!(&user["id"], id);
    assert_eq!(
        user["email"], "ada@example.org",
        "the account's address is its own"
    );
    assert_eq!(user["name"], "Ada Lovelace", "taken over once");
    assert_eq!(user["avatar_url"], "https://images.example.org/ada.png");
    // Her address at the provider is somebody else's by now: that is another person.
    hub.provider.configure(ada_but("sub", json!("a stranger"))).await;
    let third = browser.sign_in("acme").await;
    assert_eq!(
        &third.body["user"]["id"], id,
        "who has the verified address is linked"
    );
    assert_eq!(hub.number("select count(*) from identities").await, 2);
}

#[tokio::test]
async fn t16_one_subject_at_two_providers_is_two_people() {
    let (acme, other) = (ProviderServer::of_ada().await, ProviderServer::of_ada().await);
    other.configure(ada_but("email", json!("eve@example.org"))).await;
    let hub = Tuning::new()
        .configure(acme.configured_as("acme"))
        .configure(other.configured_as("other"))
        .spawn()
        .await;
    let mut browser = Browser::at(&hub);
    let ada = browser.sign_in("acme").await;
    let eve = browser.sign_in("other").await;
    assert_ne!(ada.body["user"]["id"], eve.body["user"]["id"]);
    assert_eq!(eve.body["user"]["email"], "eve@example.org");
}

#[tokio::test]
async fn a_verified_address_links_to_the_account_that_has_proven_it() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let (person, before) = hub.signed_in("ada@example.org", "moderator").await;
    let pair = browser.sign_in("acme").await;
    let user = &pair.body["user"];
    assert_eq!(user["id"], person.id.as_str());
    assert_eq!(user["site_role"], "moderator");
    assert!(hub.is_live(&before).await, "nothing of the account is wiped");
    hub.sign_in("ada@example.org").await;
    let mail = hub.mail_to("ada@example.org", 1).await;
    assert_eq!(mail["subject"], "Another way to sign in to your account");
    assert!(
        mail["text"].as_str().unwrap().contains("with acme from now on"),
        "{mail}"
    );
}

#[tokio::test]
async fn t16_an_address_that_the_provider_does_not_vouch_for_opens_and_makes_nothing() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let known = hub.person("known@example.org", "user").await;
    for email in ["ada@example.org", known.email.as_str()] {
        for verified in [json!(false), Value::Null, json!("yes"), json!(1)] {
            let mut account = ada_but("email", json!(email));
            account["account"]["email_verified"] = verified.clone();
            hub.provider.configure(account).await;
            let error = browser.refusal("acme").await;
            // What is no boolean is no answer at all.
            let odd = !verified.is_boolean() && !verified.is_null();
            let wanted = if odd {
                "provider_refused"
            } else {
                "email_unverified"
            };
            assert_eq!(error, wanted, "{email} {verified}");
        }
    }
    assert_eq!(hub.number("select count(*) from identities").await, 0);
    assert_eq!(hub.number("select count(*) from users").await, 1);
}

#[tokio::test]
async fn t16_a_provider_that_is_not_trusted_with_addresses_vouches_for_none() {
    let distrust = |config: &mut Config| config.oauth.providers[0].trust_email = Some(false);
    let hub = Hub::with_acme_and(|tuning| tuning.configure(distrust)).await;
    let mut browser = Browser::at(&hub);
    assert_eq!(browser.refusal("acme").await, "email_unverified");
    // Somebody who has linked it signs in all the same.
    let (_, pair) = hub.signed_in("bob@example.org", "user").await;
    browser.link(&pair.access, "acme").await;
    let again = browser.sign_in("acme").await;
    assert_eq!(again.body["user"]["email"], "bob@example.org");
}

#[tokio::test]
async fn a_disabled_account_stays_closed() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let pair = browser.sign_in("acme").await;
    let (_, boss) = hub.signed_in("boss@example.org", "admin").await;
    let code = browser.code("acme").await;
    let path = format!("/api/users/{}", pair.body["user"]["id"].as_str().unwrap());
    let disabled = json!({ "status": "disabled" });
    hub.call("PATCH", &path, Some(&boss.access), Some(&disabled))
        .await
        .expect(200);
    browser.exchange(&code).await.problem(403, "account_disabled");
    assert_eq!(browser.refusal("acme").await, "account_disabled");
    assert!(!hub.is_live(&pair).await);
    // By its address as well, where the identity is not known.
    hub.tamper("delete from identities").await;
    assert_eq!(browser.refusal("acme").await, "account_disabled");
    // Who looks at the account sees each try.
    let tries = "select count(*) from audit where outcome = 'account_disabled' and user_id is not null";
    assert_eq!(hub.number(tries).await, 3);
}

#[tokio::test]
async fn where_registration_is_closed_nobody_new_comes_in() {
    let hub = Hub::with_acme_and(|tuning| tuning.configure(|config| config.registration.open = false)).await;
    let mut browser = Browser::at(&hub);
    assert_eq!(browser.refusal("acme").await, "registration_closed");
    assert_eq!(hub.number("select count(*) from users").await, 0);
    hub.person("ada@example.org", "user").await;
    browser.sign_in("acme").await;
}

#[tokio::test]
async fn somebody_without_a_password_chooses_one_by_recovery() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let pair = browser.sign_in("acme").await;
    hub.try_sign_in("ada@example.org", PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    hub.post("/api/auth/recovery", json!({ "email": "ada@example.org" }))
        .await
        .expect(202);
    let token = hub.mailed_token("ada@example.org", 1).await;
    let path = format!("/api/auth/recovery/{token}");
    hub.post(&path, json!({ "password": PASSWORD })).await.expect(204);
    assert!(!hub.is_live(&pair).await);
    hub.sign_in("ada@example.org").await;
    browser.sign_in("acme").await;
}

#[tokio::test]
async fn of_sixteen_first_sign_ins_at_once_one_makes_the_account_and_all_get_in() {
    let hub = Hub::with_acme().await;
    let browser = Browser::at(&hub);
    let tries = (0..16).map(|_| {
        let mut browser = browser.clone();
        async move {
            let code = browser.code("acme").await;
            // Who waited for too long comes again: the code is as it was.
            loop {
                let status = browser.exchange(&code).await.status;
                if status != 503 {
                    return status;
                }
            }
        }
    });
    let statuses = futures_util::future::join_all(tries).await;
    assert_eq!(statuses, [200; 16]);
    assert_eq!(hub.number("select count(*) from users").await, 1);
    assert_eq!(hub.number("select count(*) from identities").await, 1);
}

#[tokio::test]
async fn what_a_provider_says_of_a_person_is_cleaned() {
    let hub = Hub::with_acme().await;
    for mode in [
        "name_long",
        "name_control",
        "picture_javascript",
        "picture_data",
        "picture_long",
    ] {
        let sub = format!("somebody for whom it does {mode}");
        let mut account = ada_but("sub", json!(sub));
        account["account"]["email"] = json!(format!("{mode}@example.org"));
        hub.provider.configure(account).await;
        hub.provider.misbehave(mode).await;
        let mut browser = Browser::at(&hub);
        let user = browser.sign_in("acme").await.body["user"].clone();
        if mode.starts_with("name") {
            let name = user["name"].as_str();
            assert!(name.is_none_or(|name| name.chars().count() <= 100 && !name.contains(char::is_control)));
        } else {
            assert_eq!(user["avatar_url"], Value::Null, "{mode}");
        }
    }
}
