//! One's own name, and what cannot be changed beside it.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use portcullis::accounts::{Error, PasswordChange};
use serde_json::{Value, json};

use super::*;

impl TestApp {
    async fn change_me(&self, bearer: &str, body: Value) -> Answer {
        self.call("PATCH", "/api/users/me", Some(bearer), Some(&body))
            .await
    }
}

#[tokio::test]
async fn a_name_is_set_kept_and_emptied() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    for (body, name) in [
        (json!({ "name": " Ada Lovelace " }), json!("Ada Lovelace")),
        (json!({}), json!("Ada Lovelace")),
        (json!({ "name": null }), json!(null)),
        (json!({ "name": "Ada" }), json!("Ada")),
        (json!({ "name": "" }), json!(null)),
    ] {
        let changed = hub.change_me(&ada.access, body.clone()).await.expect(200).json();
        assert_eq!(changed["name"], name, "{body}");
        assert_eq!(hub.get_as(&ada.access, "/api/users/me").await.json(), changed);
        assert_eq!(changed["version"], 1, "a name is not part of the auth state");
    }
    assert_eq!(hub.count("audit where action = 'user.update'").await, 4);
}

#[tokio::test]
async fn t28_nothing_but_the_name_can_be_changed_and_nothing_changes_beside_it() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let before = hub.get_as(&ada.access, "/api/users/me").await.json();
    for (field, value) in [
        ("site_role", json!("admin")),
        ("status", json!("disabled")),
        ("email", json!("boss@example.org")),
        ("email_verified", json!(true)),
        ("version", json!(99)),
        ("id", json!("0190163d-8694-739b-aea5-966c26f8ad91")),
        ("password", json!(OTHER_PASSWORD)),
        ("password_hash", json!("$argon2id$")),
        ("created_at", json!("2020-01-01T00:00:00Z")),
        ("locale", json!("fr")),
    ] {
        let body = json!({ "name": "Eve", field: value });
        let problem = hub
            .change_me(&ada.access, body)
            .await
            .problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field);
        assert_eq!(problem["errors"][0]["code"], "unknown_field");
    }
    for name in ["a\r\nb", "\u{202e}evil", &"x".repeat(101)] {
        let problem = hub
            .change_me(&ada.access, json!({ "name": name }))
            .await
            .problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "name");
    }
    assert_eq!(hub.get_as(&ada.access, "/api/users/me").await.json(), before);
}

#[tokio::test]
async fn what_was_asked_by_a_session_that_has_ended_meanwhile_is_not_done() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    // Between the check of the token and the act the session ends: while a body arrives, or a lock is waited for.
    let bearer = portcullis::secret::PlainToken::presented(ada.access.as_str());
    let current = hub.app.sessions.authenticate(&bearer).await.unwrap();
    hub.post_as(&ada.access, "/api/auth/logout", json!({}))
        .await
        .expect(204);

    let by = portcullis::audit::Origin::local(portcullis::audit::Actor::System);
    let accounts = &hub.app.accounts;
    let password = secrecy::SecretString::from(PASSWORD);
    let change = PasswordChange {
        current: Some(password.clone()),
        new: OTHER_PASSWORD.into(),
    };
    let email = portcullis::email::Email::parse(NEW).unwrap();
    let ended = [
        accounts.rename(&current, Some("Eve"), &by).await.map(|_| ()),
        accounts.change_password(&current, &change, &by).await,
        accounts
            .request_email_change(&current, &email, Some(&password), &by)
            .await,
        accounts.delete_own(&current, Some(&password), &by).await,
    ];
    for outcome in ended {
        assert!(matches!(outcome, Err(Error::SessionEnded)), "{outcome:?}");
    }
    assert!(hub.app.sessions.end_others(&current, &by).await.is_err());
    let user = hub.sign_in(ADA).await.body["user"].clone();
    assert_eq!(user["name"], json!(null));
    assert_eq!(hub.count("mailed_tokens").await, 0);
}

#[tokio::test]
async fn nobody_fills_the_audit_log_by_what_they_do_to_their_own_account() {
    let hub = Tuning::new()
        .manual_clock()
        .configure(|config| config.limits.enabled = true)
        .spawn()
        .await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let change = || hub.change_me(&ada.access, json!({ "name": "Ada" }));
    let answers: Vec<_> = stream::iter(0..250)
        .map(|_| change())
        .buffer_unordered(8)
        .collect()
        .await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 240, "at once, from one address");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(429, "rate_limited");
    }
    assert_eq!(hub.count("audit where action = 'user.update'").await, 240);
    hub.get_as(&ada.access, "/api/users/me/export")
        .await
        .problem(429, "rate_limited");
    assert_eq!(hub.count("audit where action = 'user.export'").await, 0);
    // Looking leaves no line, and has no limit.
    hub.change_me(&ada.access, json!({})).await.expect(200);
    hub.get_as(&ada.access, "/api/users/me").await.expect(200);
    hub.clock.as_ref().unwrap().advance(Duration::from_secs(1));
    change().await.expect(200);
    hub.get_as(&ada.access, "/api/users/me/export").await.expect(200);
}
