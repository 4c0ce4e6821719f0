//! Registration: who may have an account, and what a second registration of one address does.

use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";
const OTHER: &str = "another long enough passphrase 7";

async fn register(hub: &TestApp, body: Value) -> Answer {
    hub.post("/api/users", body).await
}

#[tokio::test]
async fn t09_registration_answers_alike_for_every_address() {
    let hub = TestApp::spawn().await;
    hub.person("known@example.org", "user").await;
    let gone = hub.person("gone@example.org", "user").await;
    hub.disable(&gone).await;
    hub.register("pending@example.org").await.expect(202);
    let first = hub.register("unknown@example.org").await.expect(202);
    assert_eq!(first.text(), r#"{"status":"activation_sent"}"#);
    for address in [
        "known@example.org",
        "gone@example.org",
        "pending@example.org",
        " KNOWN@Example.org ",
    ] {
        let answer = hub.register(address).await;
        assert_eq!(answer.likeness(), first.likeness(), "{address}");
    }
}

#[tokio::test]
async fn the_owner_of_a_known_address_is_told_and_nothing_of_the_account_changes() {
    let hub = TestApp::spawn().await;
    let (_, before) = hub.signed_in(ADA, "moderator").await;
    let body = json!({ "email": "Ada@Example.ORG", "password": OTHER, "name": "Mallory" });
    register(&hub, body).await.expect(202);
    let mail = hub.mail_to(ADA, 1).await;
    assert_eq!(mail["subject"], "You already have an account");
    assert_eq!(mail["token"], Value::Null, "it opens nothing");
    assert!(!mail["text"].as_str().unwrap().contains("Mallory"));
    hub.try_sign_in(ADA, OTHER)
        .await
        .problem(401, "invalid_credentials");
    let now = hub
        .get_as(&before.access, "/api/users/me")
        .await
        .expect(200)
        .json();
    assert_eq!(now, before.body["user"]);
}

#[tokio::test]
async fn of_several_registrations_the_newest_counts_once_its_token_is_redeemed() {
    let hub = TestApp::spawn().await;
    let first = json!({ "email": ADA, "password": PASSWORD, "name": "First" });
    register(&hub, first).await.expect(202);
    let older = hub.mailed_token(ADA, 1).await;
    register(
        &hub,
        json!({ "email": ADA, "password": OTHER, "name": " Second " }),
    )
    .await
    .expect(202);
    let newer = hub.mailed_token(ADA, 2).await;
    assert_ne!(older, newer);
    // Nothing counts yet, and only who knows the newest password learns that the account is pending.
    hub.try_sign_in(ADA, OTHER).await.problem(403, "account_inactive");
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    hub.patch(&format!("/api/auth/activate/{older}"))
        .await
        .problem(410, "token_spent");
    let done = hub
        .patch(&format!("/api/auth/activate/{newer}"))
        .await
        .expect(200);
    assert_eq!(done.text(), r#"{"status":"active"}"#);
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    let user = hub.try_sign_in(ADA, OTHER).await.expect(200).json()["user"].clone();
    assert_eq!(user["name"], "Second");
    assert_eq!(user["status"], "active");
    assert_eq!(user["email_verified"], true);
}

#[tokio::test]
async fn one_address_registered_sixteen_times_at_once_is_one_account_with_one_live_token() {
    let hub = TestApp::spawn().await;
    let all = (0..16).map(|_| hub.register(ADA));
    for answer in futures_util::future::join_all(all).await {
        answer.expect(202);
    }
    assert_eq!(hub.number("select count(*) from users").await, 1);
    assert_eq!(hub.number("select count(*) from mailed_tokens").await, 1);
    hub.mail_to(ADA, 16).await;
    let mut redeemed = 0;
    for mail in hub.mails_to(ADA).await {
        let token = mail["token"].as_str().unwrap();
        let answer = hub.patch(&format!("/api/auth/activate/{token}")).await;
        redeemed += usize::from(answer.status == 200);
    }
    assert_eq!(redeemed, 1);
}

#[tokio::test]
async fn closed_registration_is_closed_to_everybody_alike() {
    let hub = Tuning::new()
        .configure(|config| config.registration.open = false)
        .spawn()
        .await;
    hub.person(ADA, "user").await;
    let known = hub.register(ADA).await;
    known.problem(403, "registration_closed");
    let unknown = hub.register("grace@example.org").await;
    assert_eq!(known.likeness(), unknown.likeness());
    assert_eq!(hub.number("select count(*) from users").await, 1);
    assert_eq!(hub.number("select count(*) from mails").await, 0);
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_by_field_and_code() {
    let hub = TestApp::spawn().await;
    let long = "ж".repeat(101);
    let endless = "long word ".repeat(13);
    let body = |email: &str, password: &str| json!({ "email": email, "password": password });
    let named = |name: &str| json!({ "email": ADA, "password": PASSWORD, "name": name });
    for (body, faults) in [
        (json!({}), vec![("email", "required"), ("password", "required")]),
        (body("ada", PASSWORD), vec![("email", "invalid")]),
        (
            body(&format!("{}@example.org", "a".repeat(250)), PASSWORD),
            vec![("email", "too_long")],
        ),
        (body(ADA, "short word"), vec![("password", "weak_password")]),
        (body(ADA, "password1234"), vec![("password", "weak_password")]),
        (body(ADA, "ada@example.org"), vec![("password", "weak_password")]),
        (body(ADA, "aaaaaaaaaaaaaaaa"), vec![("password", "weak_password")]),
        (body(ADA, &endless), vec![("password", "too_long")]),
        (named(&long), vec![("name", "too_long")]),
        (named("Ada\r\nBcc: eve@example.org"), vec![("name", "invalid")]),
        (named("\u{202e}adA"), vec![("name", "invalid")]),
        (
            json!({ "email": ADA, "password": PASSWORD, "site_role": "admin", "email_verified": true }),
            vec![
                ("email_verified", "unknown_field"),
                ("site_role", "unknown_field"),
            ],
        ),
        (
            json!({ "email": 7, "password": [PASSWORD], "name": {} }),
            vec![
                ("email", "invalid_type"),
                ("name", "invalid_type"),
                ("password", "invalid_type"),
            ],
        ),
    ] {
        let problem = register(&hub, body.clone())
            .await
            .problem(422, "validation_failed");
        let errors = problem["errors"].as_array().unwrap();
        let text = |error: &Value, key: &str| error[key].as_str().unwrap().to_owned();
        let mut found: Vec<(String, String)> = errors
            .iter()
            .map(|error| (text(error, "field"), text(error, "code")))
            .collect();
        found.sort_unstable();
        let faults: Vec<(String, String)> = faults
            .into_iter()
            .map(|(field, code)| (field.to_owned(), code.to_owned()))
            .collect();
        assert_eq!(found, faults, "{body}");
    }
    assert_eq!(hub.number("select count(*) from users").await, 0);
    assert_eq!(hub.number("select count(*) from mails").await, 0);
}

#[tokio::test]
async fn names_and_passwords_are_taken_up_to_their_bounds_and_passwords_as_typed() {
    let hub = TestApp::spawn().await;
    // 128 characters that no list knows, spaces at both ends, not normalised
    let password = format!(" e\u{301}{} ", "qv7Zx pLm3 ".repeat(12).get(..124).unwrap());
    assert_eq!(password.chars().count(), 128);
    let name = "ж".repeat(100);
    let body = json!({ "email": ADA, "password": password, "name": name });
    register(&hub, body).await.expect(202);
    let token = hub.mailed_token(ADA, 1).await;
    hub.patch(&format!("/api/auth/activate/{token}"))
        .await
        .expect(200);
    let composed = password.replace("e\u{301}", "\u{e9}");
    for near in [
        password.trim(),
        &password.to_lowercase(),
        &composed,
        &password[..128],
    ] {
        hub.try_sign_in(ADA, near)
            .await
            .problem(401, "invalid_credentials");
    }
    let pair = hub.try_sign_in(ADA, &password).await.expect(200).json();
    assert_eq!(pair["user"]["name"], name);
}
