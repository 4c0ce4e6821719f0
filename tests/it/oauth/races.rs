//! What an exchange meets that was changed since the provider answered, and while it waits.

use portcullis::ids::{IdentityId, SessionId, UserId};
use portcullis::store::sessions::{EndReason, EndScope, Ending};
use portcullis::store::{Tx, identities, sessions, users};
use serde_json::{Value, json};

use super::{Hub, ada_but, identities_of, link_a_second_identity, path_of};
use crate::support::app::TestApp;
use crate::support::locks::somebody_waits_for;
use crate::support::provider::Browser;

/// Holds the account, as whoever changes it does.
async fn holding(hub: &TestApp, user: &str) -> (Tx, UserId) {
    let user: UserId = user.parse().unwrap();
    let mut holder = hub.app.cx.db.begin().await.unwrap();
    users::lock(&mut holder, user).await.unwrap();
    (holder, user)
}

fn id_of(identity: &Value) -> IdentityId {
    identity["id"].as_str().unwrap().parse().unwrap()
}

async fn end(hub: &TestApp, holder: &mut Tx, session: &str) {
    let session: SessionId = session.parse().unwrap();
    let ending = Ending {
        reason: EndReason::Revoked,
        scope: EndScope::Session,
        message: None,
    };
    let ended = sessions::end(holder, session, &ending, hub.app.cx.now()).await;
    assert!(ended.unwrap().is_some());
}

#[tokio::test]
async fn t16_an_account_that_is_closed_or_gone_since_the_provider_answered_is_not_opened() {
    let hub = Hub::with_acme_and(|tuning| tuning.configure(|config| config.registration.open = false)).await;
    let ada = hub.person("ada@example.org", "user").await;
    let (_, boss) = hub.signed_in("boss@example.org", "admin").await;
    let mut browser = Browser::at(&hub);
    let code = browser.code("acme").await;
    let path = format!("/api/users/{}", ada.id);
    let disabled = json!({ "status": "disabled" });
    hub.call("PATCH", &path, Some(&boss.access), Some(&disabled))
        .await
        .expect(200);
    browser.exchange(&code).await.problem(403, "account_disabled");
    hub.delete_as(&boss.access, &path).await.expect(204);
    browser.exchange(&code).await.problem(403, "registration_closed");
    assert_eq!(hub.number("select count(*) from users").await, 1);
    assert_eq!(hub.number("select count(*) from identities").await, 0);
}

#[tokio::test]
async fn t16_an_identity_that_is_being_unlinked_signs_nobody_in() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let pair = browser.sign_in("acme").await;
    let unverified = ada_but("email_verified", json!(false));
    hub.provider.configure(unverified).await;
    let code = browser.code("acme").await;
    let identity = id_of(&identities_of(&hub, &pair).await[0]);
    let (mut holder, user) = holding(&hub, pair.body["user"]["id"].as_str().unwrap()).await;
    let unlink = async {
        somebody_waits_for(&hub, &mut holder).await;
        let gone = identities::delete(&mut holder, user, identity).await.unwrap();
        assert!(gone.is_some());
        holder.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(browser.exchange(&code), unlink);
    // (Who comes after the unlinking finds no identity, and an address that nobody vouches for.)
    assert!(matches!(answer.status, 403 | 409), "{answer:?}");
    assert_eq!(hub.number("select count(*) from sessions").await, 1);
}

#[tokio::test]
async fn t16_a_session_that_is_being_ended_links_and_unlinks_nothing() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let (bob, pair) = hub.signed_in("bob@example.org", "user").await;
    let path = path_of(&browser.link(&pair.access, "acme").await);
    let (mut holder, _) = holding(&hub, &bob.id).await;
    let ending = async {
        somebody_waits_for(&hub, &mut holder).await;
        end(&hub, &mut holder, &pair.session).await;
        holder.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(hub.delete_as(&pair.access, &path), ending);
    answer.problem(401, "session_revoked");
    assert_eq!(hub.number("select count(*) from identities").await, 1);

    hub.tamper("delete from identities").await;
    let pair = hub.sign_in("bob@example.org").await;
    let code = browser.link_code(&pair.access, "acme").await;
    let (mut holder, _) = holding(&hub, &bob.id).await;
    let ending = async {
        somebody_waits_for(&hub, &mut holder).await;
        end(&hub, &mut holder, &pair.session).await;
        holder.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(browser.exchange_as(&pair.access, &code), ending);
    // (Who comes after that presents no token that is good.)
    assert!(matches!(answer.status, 401 | 403), "{answer:?}");
    assert_eq!(hub.number("select count(*) from identities").await, 0);
}

#[tokio::test]
async fn t16_who_unlinks_waits_for_who_unlinks_the_other_one() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let pair = browser.sign_in("acme").await;
    let first = path_of(&identities_of(&hub, &pair).await[0]);
    let second = id_of(&link_a_second_identity(&hub, &mut browser, &pair).await);
    let (mut holder, user) = holding(&hub, pair.body["user"]["id"].as_str().unwrap()).await;
    let unlink = async {
        somebody_waits_for(&hub, &mut holder).await;
        let gone = identities::delete(&mut holder, user, second).await.unwrap();
        assert!(gone.is_some());
        holder.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(hub.delete_as(&pair.access, &first), unlink);
    answer.problem(409, "last_credential");
    assert_eq!(hub.number("select count(*) from identities").await, 1);
}

#[tokio::test]
async fn who_links_and_who_erases_the_account_do_not_wait_for_each_other() {
    let hub = Hub::with_acme().await;
    let mut browser = Browser::at(&hub);
    let (bob, pair) = hub.signed_in("bob@example.org", "user").await;
    let code = browser.link_code(&pair.access, "acme").await;
    let (mut holder, user) = holding(&hub, &bob.id).await;
    let erase = async {
        somebody_waits_for(&hub, &mut holder).await;
        // What erasing does: the flows of the account go with it.
        assert!(users::erase(&mut holder, user).await.unwrap());
        holder.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(browser.exchange_as(&pair.access, &code), erase);
    answer.problem(410, "token_spent");
    assert_eq!(hub.number("select count(*) from identities").await, 0);
}
