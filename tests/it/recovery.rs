//! Recovery: a mailed token sets a new password and signs everybody out.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";
const NEW: &str = "a fresh passphrase nobody knew 4";

impl TestApp {
    async fn ask_for_recovery(&self, email: &str) {
        let answer = self.post("/api/auth/recovery", json!({ "email": email })).await;
        assert_eq!(answer.expect(202).text(), r#"{"status":"accepted"}"#);
    }

    async fn recover(&self, token: &str, password: &str) -> Answer {
        self.post(
            &format!("/api/auth/recovery/{token}"),
            json!({ "password": password }),
        )
        .await
    }
}

#[tokio::test]
async fn recovery_sets_the_password_ends_every_session_and_tells_everybody() {
    let hub = TestApp::spawn().await;
    let (_, laptop) = hub.signed_in(ADA, "user").await;
    let phone = hub.sign_in(ADA).await;
    let (mut socket, _) = hub.open(&laptop.access).await;
    hub.ask_for_recovery("Ada@Example.org").await;
    let token = hub.mailed_token(ADA, 1).await;
    let page = hub.get(&format!("/recovery/{token}")).await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    hub.get_as(&laptop.access, "/api/users/me").await.expect(200);

    let done = hub.recover(&token, NEW).await.expect(204);
    assert!(done.bytes.is_empty());
    let goodbye = socket.signed_out("password_changed").await;
    assert_eq!(
        (&goodbye["code"], &goodbye["scope"]),
        (&json!(4003), &json!("user"))
    );
    for pair in [&laptop, &phone] {
        hub.get_as(&pair.access, "/api/users/me")
            .await
            .problem(401, "session_revoked");
        hub.try_refresh(&pair.refresh)
            .await
            .problem(401, "session_revoked");
    }
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    hub.try_sign_in(ADA, NEW).await.expect(200);
    let notice = hub.mail_to(ADA, 2).await;
    assert_eq!(notice["subject"], "Your password was changed");
    assert_eq!((&notice["links"], &notice["token"]), (&json!([]), &json!(null)));
}

#[tokio::test]
async fn t07_a_recovery_token_lives_30_minutes_and_looks_spent_afterwards() {
    let hub = Tuning::new().manual_clock().spawn().await;
    hub.person(ADA, "user").await;
    hub.register("pending@example.org").await.expect(202);
    let activation = hub.mailed_token("pending@example.org", 1).await;
    hub.ask_for_recovery(ADA).await;
    let expired = hub.mailed_token(ADA, 1).await;
    let clock = hub.clock.clone().unwrap();
    clock.advance(Duration::from_mins(30));
    let unknown = hub.recover("pcm_unknown", NEW).await;
    unknown.problem(410, "token_spent");
    assert_eq!(hub.recover(&expired, NEW).await.likeness(), unknown.likeness());
    assert_eq!(
        hub.recover(&activation, NEW).await.likeness(),
        unknown.likeness(),
        "of another purpose"
    );

    hub.ask_for_recovery(ADA).await;
    let older = hub.mailed_token(ADA, 2).await;
    clock.advance(Duration::from_secs(1));
    hub.ask_for_recovery(ADA).await;
    let newer = hub.mailed_token(ADA, 3).await;
    assert_eq!(
        hub.recover(&older, NEW).await.likeness(),
        unknown.likeness(),
        "a newer one ends the older"
    );
    clock.advance(Duration::from_mins(30) - Duration::from_secs(1));
    hub.recover(&newer, NEW).await.expect(204);
    assert_eq!(hub.recover(&newer, PASSWORD).await.likeness(), unknown.likeness());
    hub.try_sign_in(ADA, NEW).await.expect(200);
}

#[tokio::test]
async fn a_weak_password_does_not_spend_the_token() {
    let hub = TestApp::spawn().await;
    hub.person(ADA, "user").await;
    hub.ask_for_recovery(ADA).await;
    let token = hub.mailed_token(ADA, 1).await;
    for weak in ["short", "password1234", ADA] {
        let problem = hub.recover(&token, weak).await.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "password");
        assert_eq!(problem["errors"][0]["code"], "weak_password");
    }
    hub.sign_in(ADA).await;
    hub.recover(&token, NEW).await.expect(204);
}

#[tokio::test]
async fn on_an_account_never_activated_recovery_activates_and_wipes_what_was_set() {
    let hub = TestApp::spawn().await;
    // Somebody registers another person's address, and waits.
    let body = json!({ "email": ADA, "password": PASSWORD, "name": "Mallory" });
    hub.post("/api/users", body).await.expect(202);
    let activation = hub.mailed_token(ADA, 1).await;
    hub.ask_for_recovery(ADA).await;
    let token = hub.mailed_token(ADA, 2).await;
    hub.recover(&token, NEW).await.expect(204);
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    let user = hub.try_sign_in(ADA, NEW).await.expect(200).json()["user"].clone();
    assert_eq!(user["status"], "active");
    assert_eq!(user["email_verified"], true);
    assert_eq!(user["name"], json!(null));
    hub.patch(&format!("/api/auth/activate/{activation}"))
        .await
        .problem(410, "token_spent");
    hub.try_sign_in(ADA, NEW).await.expect(200);
}

#[tokio::test]
async fn disabled_and_unknown_accounts_get_no_mail_and_a_token_dies_with_the_account() {
    let hub = TestApp::spawn().await;
    let ada = hub.person(ADA, "user").await;
    hub.ask_for_recovery(ADA).await;
    let token = hub.mailed_token(ADA, 1).await;
    hub.disable(&ada).await;
    hub.recover(&token, NEW).await.problem(410, "token_spent");
    hub.ask_for_recovery(ADA).await;
    hub.ask_for_recovery("unknown@example.org").await;
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(ADA).await.len(), 1);
    assert!(hub.mails_to("unknown@example.org").await.is_empty());
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(403, "account_disabled");
    assert_eq!(hub.number("select count(*) from mailed_tokens").await, 0);
}

#[tokio::test]
async fn t07_of_sixteen_that_redeem_one_token_at_once_one_sets_the_password() {
    let hub = Tuning::new()
        .configure(|config| config.passwords.queue = 64)
        .spawn()
        .await;
    hub.person(ADA, "user").await;
    hub.ask_for_recovery(ADA).await;
    let token = hub.mailed_token(ADA, 1).await;
    let password = |n: usize| format!("{NEW} {n}");
    let hub = &hub;
    let token = &token;
    let answers = join_all((0..16).map(|n| async move { hub.recover(token, &password(n)).await })).await;
    let won: Vec<usize> = (0..16).filter(|n| answers[*n].status == 204).collect();
    assert_eq!(won.len(), 1);
    for (n, answer) in answers.iter().enumerate() {
        if !won.contains(&n) {
            answer.problem(410, "token_spent");
        }
        let expected = if won.contains(&n) { 200 } else { 401 };
        hub.try_sign_in(ADA, &password(n)).await.expect(expected);
    }
    hub.mail_to(ADA, 2).await;
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(ADA).await.len(), 2, "one notice");
}
