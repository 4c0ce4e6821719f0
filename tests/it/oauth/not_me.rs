//! "It was not me", where somebody came in through a provider or left a way in behind.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Hub, identities_of, link_a_second_identity};
use crate::support::app::Tuning;
use crate::support::people::PASSWORD;
use crate::support::provider::Browser;

const BOB: &str = "bob@example.org";
const THIEF: &str = "thief@example.org";

/// The letters to `address` by now, the newest first.
async fn letters(hub: &Hub, address: &str) -> Vec<Value> {
    hub.outbox_is_empty().await;
    hub.mails_to(address).await
}

#[tokio::test]
async fn t16_what_was_linked_after_a_change_of_address_goes_with_it() {
    for is_confirmed in [true, false] {
        let hub = Hub::with_acme_and(Tuning::manual_clock).await;
        let tick = || hub.clock.as_ref().unwrap().advance(Duration::from_secs(1));
        let mut browser = Browser::at(&hub);
        let (bob, pair) = hub.signed_in(BOB, "user").await;
        let own = browser.link(&pair.access, "acme").await;
        tick();
        let body = json!({ "email": THIEF, "password": PASSWORD });
        hub.post_as(&pair.access, "/api/users/me/email", body)
            .await
            .expect(202);
        if is_confirmed {
            let token = hub.mailed_token(THIEF, 1).await;
            let path = format!("/api/users/me/email/{token}");
            hub.post(&path, json!({})).await.expect(200);
        }
        tick();
        link_a_second_identity(&hub, &mut browser, &pair).await;
        tick();
        let told = letters(&hub, BOB).await;
        let undo = told.iter().find(|mail| !mail["token"].is_null()).unwrap();
        let path = format!("/api/users/email-undo/{}", undo["token"].as_str().unwrap());
        hub.post(&path, json!({})).await.expect(200);

        let owner = hub.sign_in(BOB).await;
        assert_eq!(identities_of(&hub, &owner).await, [own], "{is_confirmed}");
        let thief = browser.sign_in("acme").await;
        assert_ne!(
            thief.body["user"]["id"],
            bob.id.as_str(),
            "the thief is somebody else"
        );
        let last = letters(&hub, BOB).await.swap_remove(0);
        assert_eq!(last["subject"], "Choose another password");
        let text = last["text"].as_str().unwrap();
        assert!(text.contains("have been taken off: acme."), "{text}");
        let lines = "select count(*) from audit where action = 'identity.unlink' and outcome = 'ok'";
        assert_eq!(hub.number(lines).await, 1);
    }
}

#[tokio::test]
async fn who_disowns_a_sign_in_through_a_provider_reads_of_providers() {
    let hub = Hub::with_acme_and(Tuning::forwarded).await;
    hub.person("ada@example.org", "user").await;
    hub.sign_in_with("curl/8.14.1", "192.0.2.7", "ada@example.org")
        .await;
    Browser::at(&hub).sign_in("acme").await;
    let told = letters(&hub, "ada@example.org").await;
    let subject = "A new device signed in to your account";
    let told = told.iter().find(|mail| mail["subject"] == subject).unwrap();
    let path = format!("/api/auth/device-revoke/{}", told["token"].as_str().unwrap());
    hub.post(&path, json!({})).await.expect(204);
    let last = letters(&hub, "ada@example.org").await.swap_remove(0);
    let text = last["text"].as_str().unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains("came in through a provider"), "{text}");
}
