//! The five attacks of "Pre-hijacked Accounts" (arXiv 2205.10174), T16: somebody prepares an account with the
//! address of a person who has none yet, and waits for the person to come through a provider.

use serde_json::json;

use super::{Hub, ada_but, identities_of};
use crate::support::app::Tuning;
use crate::support::people::PASSWORD;
use crate::support::provider::{Browser, ProviderServer, ada};

const VICTIM: &str = "ada@example.org";

/// 1: the attacker has registered the address with a password, and the provider leads to the same account.
#[tokio::test]
async fn t16_classic_federated_merge() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let attack = json!({ "email": VICTIM, "password": PASSWORD, "name": "Not Ada" });
    hub.post("/api/users", attack).await.expect(202);
    let activation = hub.mailed_token(VICTIM, 1).await;
    let pair = browser.sign_in("acme").await;
    assert_eq!(pair.body["user"]["name"], "Ada Lovelace");
    hub.try_sign_in(VICTIM, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    // The link of the attacker's registration is dead, so it cannot bring the password back.
    hub.patch(&format!("/api/auth/activate/{activation}"))
        .await
        .problem(410, "token_spent");
    assert!(hub.is_live(&pair).await);
    assert_eq!(
        hub.number("select count(*) from users where password_hash is not null")
            .await,
        0
    );
}

/// 2: the attacker stays signed in to the account that the victim then takes over.
#[tokio::test]
async fn t16_unexpired_session() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    // A session of an account whose address nobody proved cannot begin; here it is made by force.
    let (_, attacker) = hub.signed_in(VICTIM, "user").await;
    hub.tamper(
        "update users set status = 'pending', email_verified = false, avatar_url = 'https://evil.example/1'",
    )
    .await;
    let victim = browser.sign_in("acme").await;
    assert_eq!(
        victim.body["user"]["avatar_url"], "https://images.example.org/ada.png",
        "nor does the attacker's picture stay"
    );
    assert!(!hub.is_live(&attacker).await);
    hub.try_refresh(&attacker.refresh)
        .await
        .problem(401, "session_revoked");
    assert!(hub.is_live(&victim).await);
}

/// 3: the attacker has linked an identity of their own to the account.
#[tokio::test]
async fn t16_trojan_identifier() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let trojan = json!({ "sub": "the attacker", "email": "eve@example.org", "email_verified": true });
    hub.provider.configure(json!({ "account": trojan })).await;
    let eve = browser.sign_in("acme").await;
    hub.tamper("update users set email = 'ada@example.org', status = 'pending', email_verified = false")
        .await;
    hub.provider.configure(json!({ "account": ada() })).await;
    let victim = Browser::at(&hub).sign_in("acme").await;
    assert_eq!(
        victim.body["user"]["id"], eve.body["user"]["id"],
        "the account was claimed"
    );
    assert!(!hub.is_live(&eve).await);
    hub.provider.configure(json!({ "account": trojan })).await;
    let again = Browser::at(&hub).sign_in("acme").await;
    assert_ne!(
        again.body["user"]["id"], victim.body["user"]["id"],
        "the trojan leads elsewhere"
    );
    assert_eq!(identities_of(&hub, &victim).await.len(), 1);
}

/// 4: the attacker has asked to change an account of their own to the victim's address, and waits for a click.
#[tokio::test]
async fn t16_unexpired_email_change() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let (_, attacker) = hub.signed_in("eve@example.org", "user").await;
    let change = json!({ "email": VICTIM, "password": PASSWORD });
    hub.post_as(&attacker.access, "/api/users/me/email", change)
        .await
        .expect(202);
    let link = hub.mailed_token(VICTIM, 1).await;
    let victim = browser.sign_in("acme").await;
    // The victim clicks on everything.
    let answer = hub.post(&format!("/api/users/me/email/{link}"), json!({})).await;
    assert_ne!(answer.status, 200);
    let me = hub
        .get_as(&victim.access, "/api/users/me")
        .await
        .expect(200)
        .json();
    assert_eq!(me["email"], VICTIM);
    let eve = hub
        .get_as(&attacker.access, "/api/users/me")
        .await
        .expect(200)
        .json();
    assert_eq!(eve["email"], "eve@example.org");
}

/// 4, the other way round: the attacker has asked to change the account with the victim's address to their own.
#[tokio::test]
async fn t16_a_change_that_was_asked_for_before_the_claim_is_void() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let (_, attacker) = hub.signed_in(VICTIM, "user").await;
    let change = json!({ "email": "eve@example.org", "password": PASSWORD });
    hub.post_as(&attacker.access, "/api/users/me/email", change)
        .await
        .expect(202);
    let link = hub.mailed_token("eve@example.org", 1).await;
    // By force, as above.
    hub.tamper("update users set status = 'pending', email_verified = false")
        .await;
    let victim = browser.sign_in("acme").await;
    hub.post(&format!("/api/users/me/email/{link}"), json!({}))
        .await
        .problem(410, "token_spent");
    assert!(hub.is_live(&victim).await);
    assert_eq!(hub.text("select email from users").await, VICTIM);
}

/// 5: the attacker comes through a provider that does not look whether an address is its owner's.
#[tokio::test]
async fn t16_non_verifying_provider() {
    let careless = ProviderServer::of_ada().await;
    let careful = ProviderServer::of_ada().await;
    let hub = Tuning::new()
        .configure(careless.configured_as("careless"))
        .configure(careful.configured_as("careful"))
        .spawn()
        .await;
    let mut forged = ada_but("sub", json!("the attacker"));
    forged["account"]["email_verified"] = json!(false);
    careless.configure(forged).await;
    let mut attacker = Browser::at(&hub);
    assert_eq!(attacker.refusal("careless").await, "email_unverified");
    let victim = Browser::at(&hub).sign_in("careful").await;
    assert_eq!(
        attacker.refusal("careless").await,
        "email_unverified",
        "nor afterwards"
    );
    assert_eq!(identities_of(&hub, &victim).await.len(), 1);
}
