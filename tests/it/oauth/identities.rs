//! One's own identities: linked by the session that began, unlinked but for the last way in, each told by mail.

use std::time::Duration;

use serde_json::json;

use super::{Hub, identities_of, link_a_second_identity, path_of};
use crate::support::people::PASSWORD;
use crate::support::provider::{Browser, location};

#[tokio::test]
async fn an_identity_is_linked_to_the_account_of_the_session_that_began() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let (bob, pair) = hub.signed_in("bob@example.org", "user").await;
    let code = browser.link_code(&pair.access, "acme").await;
    assert_eq!(
        identities_of(&hub, &pair).await.len(),
        0,
        "the callback links nothing"
    );
    let answer = browser.exchange_as(&pair.access, &code).await.expect(200).json();
    assert_eq!(answer.as_object().unwrap().len(), 1, "no tokens: {answer}");
    let identity = &answer["identity"];
    assert_eq!(
        (&identity["provider"], &identity["name"]),
        (&json!("acme"), &json!("acme"))
    );
    assert_eq!(identity["email"], "ada@example.org");
    assert_eq!(identities_of(&hub, &pair).await, std::slice::from_ref(identity));
    let subject = hub.mail_to("bob@example.org", 1).await["subject"].clone();
    assert_eq!(subject, "Another way to sign in to your account");
    let again = browser.sign_in("acme").await;
    assert_eq!(again.body["user"]["id"], bob.id.as_str());
    // Once more is no fault, and writes nobody.
    let code = browser.link_code(&pair.access, "acme").await;
    let same = browser.exchange_as(&pair.access, &code).await.expect(200).json();
    assert_eq!(same["identity"]["id"], identity["id"]);
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to("bob@example.org").await.len(), 1);
}

#[tokio::test]
async fn t17_nobody_else_finishes_a_link() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let (_, bob) = hub.signed_in("bob@example.org", "user").await;
    let (_, eve) = hub.signed_in("eve@example.org", "user").await;
    let other_session = hub.sign_in("bob@example.org").await;
    let code = browser.link_code(&bob.access, "acme").await;
    browser.exchange(&code).await.problem(403, "forbidden");
    for bearer in [&eve.access, &other_session.access, "nonsense", &bob.refresh] {
        browser.exchange_as(bearer, &code).await.problem(403, "forbidden");
    }
    assert_eq!(hub.number("select count(*) from identities").await, 0);
    // All that has left the code as it was.
    browser.exchange_as(&bob.access, &code).await.expect(200);
    let code = browser.link_code(&bob.access, "acme").await;
    hub.call("POST", "/api/auth/logout", Some(&bob.access), None)
        .await
        .expect(204);
    browser
        .exchange_as(&bob.access, &code)
        .await
        .problem(403, "forbidden");
}

#[tokio::test]
async fn t16_an_identity_of_another_account_stays_there() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let ada = browser.sign_in("acme").await;
    let (_, eve) = hub.signed_in("eve@example.org", "user").await;
    let code = browser.link_code(&eve.access, "acme").await;
    browser
        .exchange_as(&eve.access, &code)
        .await
        .problem(409, "identity_taken");
    assert_eq!(identities_of(&hub, &eve).await.len(), 0);
    assert_eq!(identities_of(&hub, &ada).await.len(), 1);
    let again = browser.sign_in("acme").await;
    assert_eq!(again.body["user"]["id"], ada.body["user"]["id"]);
}

#[tokio::test]
async fn t16_a_link_begins_with_a_fresh_sign_in_by_an_address_of_one_use() {
    let hub = Hub::with_acme_and(|tuning| {
        tuning
            .manual_clock()
            .configure(|config| config.tokens.access_ttl = 900)
    })
    .await;
    let clock = hub.clock.clone().unwrap();
    let mut browser = Browser::at(&hub);
    let (_, pair) = hub.signed_in("bob@example.org", "user").await;
    let ask = async || {
        let url = browser.ask_to_link(&pair.access, "acme").await.expect(200).json()["url"].clone();
        url::Url::parse(url.as_str().unwrap()).unwrap()
    };
    let (used, expired) = (ask().await, ask().await);
    let elsewhere = used.as_str().replace("/acme/", "/nobody/");
    browser
        .come_back(&url::Url::parse(&elsewhere).unwrap())
        .await
        .expect(404);
    let away = location(&browser.come_back(&used).await.expect(302));
    assert!(away.as_str().starts_with(&hub.provider.address), "{away}");
    browser.come_back(&used).await.expect(400);
    clock.advance(Duration::from_mins(1));
    browser.come_back(&expired).await.expect(400);
    clock.advance(Duration::from_secs(239));
    browser.ask_to_link(&pair.access, "acme").await.expect(200);
    clock.advance(Duration::from_secs(1));
    browser
        .ask_to_link(&pair.access, "acme")
        .await
        .problem(403, "reauthentication_required");
    browser
        .ask_to_link(&pair.access, "nobody")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn the_last_way_in_stays() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let pair = browser.sign_in("acme").await;
    let only = path_of(&identities_of(&hub, &pair).await[0]);
    hub.delete_as(&pair.access, &only)
        .await
        .problem(409, "last_credential");
    // With another identity, or with a password, it may go.
    let other = path_of(&link_a_second_identity(&hub, &mut browser, &pair).await);
    hub.delete_as(&pair.access, &only).await.expect(204);
    hub.delete_as(&pair.access, &only).await.problem(404, "not_found");
    hub.delete_as(&pair.access, &other)
        .await
        .problem(409, "last_credential");
    let password = json!({ "new_password": PASSWORD });
    hub.post_as(&pair.access, "/api/users/me/password", password)
        .await
        .expect(204);
    hub.delete_as(&pair.access, &other).await.expect(204);
    assert!(hub.is_live(&pair).await);
    hub.outbox_is_empty().await;
    let subjects: Vec<String> = hub
        .mails_to("ada@example.org")
        .await
        .iter()
        .map(|mail| mail["subject"].as_str().unwrap().to_owned())
        .collect();
    let removed = subjects
        .iter()
        .filter(|subject| *subject == "A way to sign in to your account was removed");
    assert_eq!(removed.count(), 2, "{subjects:?}");
}

#[tokio::test]
async fn an_identity_at_a_provider_that_is_gone_is_no_way_in() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let pair = browser.sign_in("acme").await;
    link_a_second_identity(&hub, &mut browser, &pair).await;
    hub.tamper("update identities set provider = 'gone' where subject like '%other%'")
        .await;
    let paths: Vec<String> = identities_of(&hub, &pair).await.iter().map(path_of).collect();
    hub.delete_as(&pair.access, &paths[0])
        .await
        .problem(409, "last_credential");
    hub.tamper("update identities set provider = 'gone too' where provider = 'acme'")
        .await;
    for path in paths {
        hub.delete_as(&pair.access, &path).await.expect(204);
    }
}

#[tokio::test]
async fn t16_of_sixteen_that_unlink_two_at_once_one_way_in_is_left() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let pair = browser.sign_in("acme").await;
    link_a_second_identity(&hub, &mut browser, &pair).await;
    let both = identities_of(&hub, &pair).await;
    let paths: Vec<String> = (0..16).map(|n| path_of(&both[n % 2])).collect();
    let tries = paths.iter().map(|path| hub.delete_as(&pair.access, path));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
    assert_eq!(identities_of(&hub, &pair).await.len(), 1);
}

#[tokio::test]
async fn t28_nobody_sees_or_unlinks_those_of_others() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let ada = browser.sign_in("acme").await;
    let (_, eve) = hub.signed_in("eve@example.org", "admin").await;
    let hers = path_of(&identities_of(&hub, &ada).await[0]);
    hub.delete_as(&eve.access, &hers).await.problem(404, "not_found");
    assert_eq!(identities_of(&hub, &ada).await.len(), 1);
    let export = hub
        .get_as(&ada.access, "/api/users/me/export")
        .await
        .expect(200)
        .json();
    assert_eq!(export["identities"][0]["subject"], "ada-at-the-provider");
    assert_eq!(export["has_password"], false);
}

#[tokio::test]
async fn an_identity_goes_with_its_account() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let pair = browser.sign_in("acme").await;
    hub.call("DELETE", "/api/users/me", Some(&pair.access), Some(&json!({})))
        .await
        .expect(204);
    assert_eq!(hub.number("select count(*) from identities").await, 0);
    let new = browser.sign_in("acme").await;
    assert_ne!(new.body["user"]["id"], pair.body["user"]["id"]);
}
