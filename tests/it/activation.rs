//! Activation: a mailed token proves the address, once; another mail may be asked for.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::app::{TestApp, Tuning};
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";

fn path(token: &str) -> String {
    format!("/api/auth/activate/{token}")
}

impl TestApp {
    async fn registered(&self, email: &str) -> String {
        self.register(email).await.expect(202);
        self.mailed_token(email, 1).await
    }

    async fn resend(&self, email: &str) {
        let answer = self.post("/api/auth/activate", json!({ "email": email })).await;
        assert_eq!(answer.expect(202).text(), r#"{"status":"accepted"}"#);
    }

    fn pass(&self, seconds: u64) {
        let clock = self.clock.as_ref().expect("a manual clock");
        clock.advance(Duration::from_secs(seconds));
    }
}

#[tokio::test]
async fn t07_unknown_used_and_expired_tokens_look_alike() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let expired = hub.registered("late@example.org").await;
    hub.pass(24 * 3600);
    let used = hub.registered(ADA).await;
    hub.patch(&path(&used)).await.expect(200);
    let replaced = hub.registered("twice@example.org").await;
    hub.register("twice@example.org").await.expect(202);
    // Of an account that waits to be activated: only the purpose keeps it from doing that.
    hub.registered("waiting@example.org").await;
    hub.pass(1);
    hub.post("/api/auth/recovery", json!({ "email": "waiting@example.org" }))
        .await
        .expect(202);
    let recovery = hub.mailed_token("waiting@example.org", 2).await;

    let unknown = hub
        .patch(&path("pcm_0000000000000000000000000000000000000000000"))
        .await;
    unknown.problem(410, "token_spent");
    let long = "x".repeat(4000);
    for (token, what) in [
        (expired.as_str(), "expired"),
        (&used, "used"),
        (&replaced, "replaced"),
        (&recovery, "of another purpose"),
        ("x", "no token"),
        (&long, "endless"),
        ("%00", "NUL"),
        ("%ff%fe", "no UTF-8"),
        ("..%2f..%2fx", "a path"),
        ("'%20or%201=1--", "SQL"),
    ] {
        let answer = hub.patch(&path(token)).await;
        assert_eq!(answer.likeness(), unknown.likeness(), "{what}");
    }
    // The attempt has changed nothing, and has not spent what belongs elsewhere.
    hub.try_sign_in("waiting@example.org", PASSWORD)
        .await
        .problem(403, "account_inactive");
    hub.post(
        &format!("/api/auth/recovery/{recovery}"),
        json!({ "password": PASSWORD }),
    )
    .await
    .expect(204);
    hub.try_sign_in("late@example.org", PASSWORD)
        .await
        .problem(403, "account_inactive");
}

#[tokio::test]
async fn t07_a_token_lives_24_hours_to_the_second() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let token = hub.registered(ADA).await;
    hub.pass(24 * 3600 - 1);
    hub.patch(&path(&token)).await.expect(200);
}

#[tokio::test]
async fn t07_looking_at_the_page_consumes_nothing_and_a_trailing_slash_is_the_same_address() {
    let hub = TestApp::spawn().await;
    let token = hub.registered(ADA).await;
    for _ in 0..10 {
        let page = hub.get(&format!("/activate/{token}")).await.expect(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(
            !page.text().contains(&token),
            "the page does not repeat the token"
        );
        // What a scanner might try besides.
        hub.get(&path(&token)).await.problem(405, "method_not_allowed");
        let head = hub.request(reqwest::Method::HEAD, &path(&token));
        assert_eq!(head.send().await.unwrap().status(), 405);
    }
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(403, "account_inactive");
    let done = hub.patch(&format!("{}/", path(&token))).await.expect(200);
    assert_eq!(done.text(), r#"{"status":"active"}"#);
    assert!(done.header("set-cookie").is_none(), "it does not sign in");
    assert_eq!(hub.number("select count(*) from sessions").await, 0);
    hub.sign_in(ADA).await;
}

#[tokio::test]
async fn t07_of_sixteen_that_redeem_one_token_at_once_one_wins() {
    let hub = TestApp::spawn().await;
    for round in 0..4 {
        let email = format!("ada{round}@example.org");
        let token = path(&hub.registered(&email).await);
        let answers = join_all((0..16).map(|_| hub.patch(&token))).await;
        let mut won = 0;
        for answer in answers {
            if answer.status == 200 {
                won += 1;
            } else {
                answer.problem(410, "token_spent");
            }
        }
        assert_eq!(won, 1);
        let user = hub.sign_in(&email).await.body["user"].clone();
        assert_eq!(user["version"], 2, "activated once: {user}");
    }
}

#[tokio::test]
async fn another_activation_mail_is_sent_at_most_once_a_minute_and_silently() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let first = hub.registered(ADA).await;
    // The mail of the registration does not count. (Time passes, so that the newest mail is the newest.)
    hub.pass(1);
    hub.resend(ADA).await;
    let second = hub.mailed_token(ADA, 2).await;
    hub.patch(&path(&first)).await.problem(410, "token_spent");
    hub.pass(59);
    hub.resend(ADA).await;
    hub.pass(1);
    hub.resend(ADA).await;
    let third = hub.mailed_token(ADA, 3).await;
    hub.pass(3600);
    // Mails go out in order: had the one in the pause been written, it would have come before this.
    hub.resend(ADA).await;
    let fourth = hub.mailed_token(ADA, 4).await;
    assert_eq!(hub.mails_to(ADA).await.len(), 4);
    for ended in [second, third] {
        hub.patch(&path(&ended)).await.problem(410, "token_spent");
    }
    hub.patch(&path(&fourth)).await.expect(200);
    // What was registered came with the token that was sent again.
    hub.sign_in(ADA).await;
}

#[tokio::test]
async fn registering_again_does_not_shorten_the_pause_between_mails_sent_again() {
    let hub = Tuning::new().manual_clock().spawn().await;
    hub.registered(ADA).await;
    hub.resend(ADA).await;
    hub.register(ADA).await.expect(202);
    hub.mail_to(ADA, 3).await;
    hub.resend(ADA).await;
    hub.pass(60);
    hub.resend(ADA).await;
    hub.mail_to(ADA, 4).await;
    assert_eq!(hub.mails_to(ADA).await.len(), 4);
}

#[tokio::test]
async fn of_sixteen_that_ask_for_another_mail_at_once_one_gets_it() {
    let hub = TestApp::spawn().await;
    hub.registered(ADA).await;
    join_all((0..16).map(|_| hub.resend(ADA))).await;
    hub.mail_to(ADA, 2).await;
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(ADA).await.len(), 2);
}

#[tokio::test]
async fn another_activation_mail_goes_to_pending_accounts_alone() {
    let hub = TestApp::spawn().await;
    hub.person("active@example.org", "user").await;
    let person = hub.person("disabled@example.org", "user").await;
    hub.disable(&person).await;
    for address in [
        "active@example.org",
        "disabled@example.org",
        "unknown@example.org",
    ] {
        hub.resend(address).await;
    }
    hub.outbox_is_empty().await;
    for address in [
        "active@example.org",
        "disabled@example.org",
        "unknown@example.org",
    ] {
        assert!(hub.mails_to(address).await.is_empty(), "{address}");
    }
}
