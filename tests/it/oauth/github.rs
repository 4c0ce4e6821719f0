//! GitHub, as its documentation says that it answers.

use serde_json::{Value, json};

use super::Hub;
use crate::support::provider::{Browser, ProviderServer};

fn octo(emails: &Value) -> Value {
    json!({ "account": {
        "id": 583_231, "login": "ada", "name": "Ada Lovelace", "email": null,
        "avatar_url": "https://avatars.githubusercontent.com/u/583231", "emails": emails,
    } })
}

fn address(email: &str, primary: bool, verified: bool) -> Value {
    json!({ "email": email, "primary": primary, "verified": verified, "visibility": null })
}

async fn hub_with_github(emails: Value) -> Hub {
    let github = ProviderServer::start("github", octo(&emails)).await;
    Hub::with("github", github, |tuning| tuning).await
}

#[tokio::test]
async fn the_primary_verified_address_counts_and_the_number_is_who_it_is() {
    let emails = json!([
        address("old@example.org", false, true),
        address("ada@example.org", true, true),
        address("583231+ada@users.noreply.github.com", false, true),
    ]);
    let hub = hub_with_github(emails).await;
    let mut browser = Browser::at(&hub);
    let listed = hub.get("/api/auth/oauth").await.expect(200).json();
    assert_eq!(listed["providers"][0]["name"], "GitHub");
    let pair = browser.sign_in("github").await;
    let user = &pair.body["user"];
    assert_eq!(
        (&user["email"], &user["name"]),
        (&json!("ada@example.org"), &json!("Ada Lovelace"))
    );
    assert_eq!(
        user["avatar_url"],
        "https://avatars.githubusercontent.com/u/583231"
    );
    let stored = hub.text("select subject from identities").await;
    assert_eq!(stored, "583231");
    let seen = hub.provider.seen().await;
    let begun = seen
        .iter()
        .find(|request| request["path"] == "/login/oauth/authorize")
        .unwrap();
    let scopes = begun["query"]["scope"].as_str().unwrap();
    assert!(scopes.contains("user:email"), "{scopes}");
    assert_eq!(begun["query"]["code_challenge_method"], "S256");
    // Somebody renames the account there: still the same person.
    let mut renamed = octo(&json!([address("new@example.org", true, true)]));
    renamed["account"]["login"] = json!("countess");
    hub.provider.configure(renamed).await;
    let again = browser.sign_in("github").await;
    assert_eq!(again.body["user"]["id"], user["id"]);
}

#[tokio::test]
async fn t16_an_address_that_github_has_not_verified_opens_nothing() {
    for emails in [
        json!([address("ada@example.org", true, false)]),
        // Verified, but not the primary one: whose it is now, nobody says.
        json!([address("ada@example.org", false, true)]),
        json!([]),
    ] {
        let hub = hub_with_github(emails).await;
        let mut browser = Browser::at(&hub);
        assert_eq!(browser.refusal("github").await, "email_unverified");
        assert_eq!(hub.number("select count(*) from users").await, 0);
    }
}

#[tokio::test]
async fn the_primary_address_is_found_among_many() {
    let mut emails: Vec<Value> = (0..60)
        .map(|n| address(&format!("ada{n}@example.org"), false, true))
        .collect();
    emails.push(address("ada@example.org", true, true));
    let hub = hub_with_github(json!(emails)).await;
    let mut browser = Browser::at(&hub);
    let pair = browser.sign_in("github").await;
    assert_eq!(pair.body["user"]["email"], "ada@example.org");
}

#[tokio::test]
async fn what_github_refuses_is_refused() {
    let hub = hub_with_github(json!([address("ada@example.org", true, true)])).await;
    for (mode, error) in [
        ("access_denied", "access_denied"),
        ("application_suspended", "provider_refused"),
        ("unverified_user_email", "provider_refused"),
        ("token_revoked", "provider_refused"),
        ("scope_withheld", "provider_refused"),
        ("rate_limited", "provider_unavailable"),
        ("rate_limited_secondary", "provider_unavailable"),
    ] {
        hub.provider.misbehave(mode).await;
        let heard = Browser::at(&hub).refusal("github").await;
        // Whether a limit is the provider's fault is a matter of taste; that nobody gets in is not.
        let same = heard == error || (mode.starts_with("rate") && heard == "provider_refused");
        assert!(same, "{mode}: {heard}");
    }
    for endpoint in ["token", "user", "emails"] {
        for mode in ["server_error", "html", "redirect", "huge_body", "truncated"] {
            hub.provider.misbehave_at(mode, endpoint).await;
            let heard = Browser::at(&hub).refusal("github").await;
            assert!(
                matches!(&*heard, "provider_refused" | "provider_unavailable"),
                "{endpoint} {mode}"
            );
        }
    }
    assert_eq!(hub.number("select count(*) from users").await, 0);
    // RFC 9207, as GitHub once sent it: the server of this test is not at github.com.
    hub.provider.misbehave("iss_sent").await;
    assert_eq!(Browser::at(&hub).refusal("github").await, "provider_refused");
    hub.provider.misbehave(json!(null)).await;
    Browser::at(&hub).sign_in("github").await;
}
