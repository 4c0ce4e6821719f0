//! The letter about a new device, and its link.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::*;

const HOME: &str = "192.0.2.7";
const ELSEWHERE: &str = "198.51.100.9";
const NEWER_FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0";

#[tokio::test]
async fn a_sign_in_from_a_new_device_is_told_and_the_first_and_known_ones_are_not() {
    let hub = Tuning::new().forwarded().spawn().await;
    hub.person(ADA, "user").await;
    for user_agent in [FIREFOX, FIREFOX, NEWER_FIREFOX] {
        hub.sign_in_with(user_agent, HOME, ADA).await;
    }
    hub.outbox_is_empty().await;
    assert!(
        hub.mails_to(ADA).await.is_empty(),
        "the first, the same, an update of it"
    );

    hub.sign_in_with("curl/8.14.1", HOME, ADA).await;
    let mail = hub.mail_to(ADA, 1).await;
    assert_eq!(mail["subject"], "A new device signed in to your account");
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("Device: curl") && text.contains(HOME), "{text}");
    let token = mail["token"].as_str().unwrap();
    assert_eq!(mail["links"], json!([hub.url(&format!("/device/{token}"))]));
    // The same program elsewhere is another device: a stolen password is used elsewhere.
    hub.sign_in_with(FIREFOX, ELSEWHERE, ADA).await;
    hub.mail_to(ADA, 2).await;
    for (user_agent, from) in [("curl/8.15.0", HOME), (FIREFOX, ELSEWHERE), (FIREFOX, HOME)] {
        hub.sign_in_with(user_agent, from, ADA).await;
    }
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(ADA).await.len(), 2);
}

#[tokio::test]
async fn an_account_that_nobody_used_for_months_still_tells_of_a_new_device() {
    let hub = Tuning::new().forwarded().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    hub.person(ADA, "user").await;
    hub.sign_in_with(FIREFOX, HOME, ADA).await;
    clock.advance(Duration::from_hours(24 * 100));
    let mut tx = hub.app.cx.db.single().await.unwrap();
    portcullis::store::sessions::purge(&mut tx, hub.now(), 10)
        .await
        .unwrap();
    drop(tx);
    assert_eq!(hub.count("sessions").await, 0);
    hub.sign_in_with(FIREFOX, ELSEWHERE, ADA).await;
    hub.mail_to(ADA, 1).await;
}

#[tokio::test]
async fn the_link_signs_that_device_out_and_offers_another_password() {
    let hub = Tuning::new().forwarded().spawn().await;
    hub.person(ADA, "user").await;
    let ada = hub.sign_in_with(FIREFOX, HOME, ADA).await;
    let thief = hub.sign_in_with(FIREFOX, ELSEWHERE, ADA).await;
    let token = hub.mailed_token(ADA, 1).await;
    // The thief tries to keep it: another password, another address.
    hub.change_password(&thief.access, Some(PASSWORD), OTHER_PASSWORD)
        .await
        .expect(204);
    let body = json!({ "email": NEW, "password": OTHER_PASSWORD });
    hub.post_as(&thief.access, "/api/users/me/email", body)
        .await
        .expect(202);
    let change = hub.mailed_token(NEW, 1).await;
    hub.get_as(&ada.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    let (mut socket, _) = hub.open(&thief.access).await;
    hub.get(&format!("/device/{token}")).await.expect(200);

    let done = hub.revoke_device(&token).await.expect(204);
    assert!(done.bytes.is_empty());
    let goodbye = socket.signed_out("revoked").await;
    assert_eq!(goodbye["scope"], "session");
    hub.get_as(&thief.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    hub.confirm_address(&change).await.problem(410, "token_spent");
    let mail = hub.mail_to(ADA, 4).await;
    assert_eq!(mail["subject"], "Choose another password");
    let recovery = mail["token"].as_str().unwrap();
    let body = json!({ "password": PASSWORD });
    hub.post(&format!("/api/auth/recovery/{recovery}"), body)
        .await
        .expect(204);
    hub.revoke_device(&token).await.problem(410, "token_spent");
    // It is new again when it comes back.
    hub.outbox_is_empty().await;
    let before = hub.mails_to(ADA).await.len();
    hub.sign_in_with(FIREFOX, ELSEWHERE, ADA).await;
    hub.mail_to(ADA, before + 1).await;
}

#[tokio::test]
async fn a_disowned_device_that_comes_back_is_told_also_where_no_other_is_known() {
    let hub = Tuning::new().forwarded().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    hub.person(ADA, "user").await;
    hub.sign_in_with(FIREFOX, HOME, ADA).await;
    clock.advance(Duration::from_hours(24 * 400));
    hub.sign_in_with(FIREFOX, ELSEWHERE, ADA).await;
    let token = hub.mailed_token(ADA, 1).await;
    // The owner's own device was not seen for a year.
    let mut tx = hub.app.cx.db.single().await.unwrap();
    let year = Duration::from_hours(24 * 365);
    let forgotten = portcullis::store::known_devices::purge(&mut tx, hub.now() - year).await;
    assert_eq!(forgotten.unwrap(), 1);
    drop(tx);
    hub.revoke_device(&token).await.expect(204);
    hub.mail_to(ADA, 2).await;
    assert_eq!(hub.count("known_devices").await, 0);
    hub.sign_in_with(FIREFOX, ELSEWHERE, ADA).await;
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(ADA).await.len(), 3);
}

#[tokio::test]
async fn an_address_that_somebody_put_in_the_place_of_the_owners_gets_no_link() {
    let hub = Tuning::new().forwarded().spawn().await;
    hub.person(ADA, "user").await;
    hub.sign_in_with(FIREFOX, HOME, ADA).await;
    let thief = hub.sign_in_with(FIREFOX, ELSEWHERE, ADA).await;
    let token = hub.mailed_token(ADA, 1).await;
    hub.ask_for_address(&thief.access, "thief@example.net")
        .await
        .expect(202);
    let change = hub.mailed_token("thief@example.net", 1).await;
    hub.confirm_address(&change).await.expect(200);
    hub.mail_to(ADA, 3).await;
    hub.revoke_device(&token).await.expect(204);
    hub.get_as(&thief.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to("thief@example.net").await.len(), 1);
    assert_eq!(hub.mails_to(ADA).await.len(), 3);
}

#[tokio::test]
async fn t07_a_link_of_a_device_works_once_for_as_long_as_its_session_can_live() {
    let hub = Tuning::new().forwarded().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    hub.person(ADA, "user").await;
    hub.sign_in_with(FIREFOX, HOME, ADA).await;
    hub.sign_in_with("curl/8", HOME, ADA).await;
    let late = hub.mailed_token(ADA, 1).await;
    clock.advance(Duration::from_hours(24 * 30));
    let unknown = hub.revoke_device("pcm_unknown").await;
    unknown.problem(410, "token_spent");
    assert_eq!(hub.revoke_device(&late).await.likeness(), unknown.likeness());
    for other in ["recovery", "activate"] {
        let path = format!("/api/auth/{other}/{late}");
        let method = if other == "activate" { "PATCH" } else { "POST" };
        let body = json!({ "password": PASSWORD });
        let answer = hub.call(method, &path, None, Some(&body)).await;
        answer.problem(410, "token_spent");
    }

    let other = hub.sign_in_with("okhttp/4.12.0", HOME, ADA).await;
    let token = hub.mailed_token(ADA, 2).await;
    let answers = join_all((0..16).map(|_| hub.revoke_device(&token))).await;
    let won = answers.iter().filter(|answer| answer.status == 204).count();
    assert_eq!(won, 1);
    hub.get_as(&other.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(ADA).await.len(), 3, "one offer of another password");
}
