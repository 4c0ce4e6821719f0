//! The words of every letter, as a person reads them: snapshots of subject, text and HTML.

use std::time::Duration;

use portcullis::accounts::NewUser;
use portcullis::audit::{Actor, Origin};
use portcullis::email::Email;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;
use crate::support::people::{PASSWORD, Pair};

const ADA: &str = "ada@example.org";

/// What differs from run to run is replaced.
fn written(hub: &TestApp, mail: &Value) -> String {
    let part = |key: &str| mail[key].as_str().unwrap().to_owned();
    let whole = format!("{}\n\n{}\n\n{}", part("subject"), part("text"), part("html"));
    let whole = whole.replace(&hub.address.to_string(), "[host]");
    match mail["token"].as_str() {
        Some(token) => whole.replace(token, "[token]"),
        None => whole,
    }
}

#[tokio::test]
async fn every_letter_reads_as_it_should() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    let person = |name: Option<&str>| json!({ "email": ADA, "password": PASSWORD, "name": name });
    hub.post("/api/users", person(None)).await.expect(202);
    insta::assert_snapshot!(
        "activation_without_a_name",
        written(&hub, &hub.mail_to(ADA, 1).await)
    );
    clock.advance(Duration::from_secs(1));
    hub.post("/api/users", person(Some("Ada Lovelace")))
        .await
        .expect(202);
    let mail = hub.mail_to(ADA, 2).await;
    insta::assert_snapshot!("activation", written(&hub, &mail));
    assert_eq!(
        mail["links"],
        json!([hub.url(&format!("/activate/{}", mail["token"].as_str().unwrap()))])
    );
    let path = format!("/api/auth/activate/{}", mail["token"].as_str().unwrap());
    hub.patch(&path).await.expect(200);

    clock.advance(Duration::from_secs(1));
    hub.post("/api/users", person(Some("Eve"))).await.expect(202);
    insta::assert_snapshot!("already_registered", written(&hub, &hub.mail_to(ADA, 3).await));

    clock.advance(Duration::from_secs(1));
    let body = json!({ "email": ADA, "password": PASSWORD, "device": "Ada's phone" });
    let first = hub.post("/api/auth", body).await.expect(200).json()["refresh_token"].clone();
    let first = first.as_str().unwrap();
    let second = hub.try_refresh(first).await.expect(200).json()["refresh_token"].clone();
    hub.try_refresh(second.as_str().unwrap()).await.expect(200);
    clock.advance(Duration::from_mins(1));
    hub.try_refresh(first).await.problem(401, "refresh_reused");
    insta::assert_snapshot!("token_reuse", written(&hub, &hub.mail_to(ADA, 4).await));

    clock.advance(Duration::from_secs(1));
    hub.post("/api/auth/recovery", json!({ "email": ADA }))
        .await
        .expect(202);
    let mail = hub.mail_to(ADA, 5).await;
    insta::assert_snapshot!("recovery", written(&hub, &mail));
    clock.advance(Duration::from_secs(1));
    let path = format!("/api/auth/recovery/{}", mail["token"].as_str().unwrap());
    hub.post(&path, json!({ "password": "a fresh passphrase nobody knew 4" }))
        .await
        .expect(204);
    insta::assert_snapshot!("password_changed", written(&hub, &hub.mail_to(ADA, 6).await));

    let invited = NewUser {
        email: Email::parse("grace@example.org").unwrap(),
        name: Some("Grace Hopper".to_owned()),
        role: "user".to_owned(),
        active: false,
        password: None,
        invite: true,
    };
    let by = Origin::local(Actor::Operator);
    hub.app.accounts.create(invited, &by).await.unwrap();
    let mail = hub.mail_to("grace@example.org", 1).await;
    insta::assert_snapshot!("invitation", written(&hub, &mail));
}

#[tokio::test]
async fn every_letter_about_ones_own_account_reads_as_it_should() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    let next = || clock.advance(Duration::from_secs(1));
    hub.person("bob@example.org", "user").await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let name = json!({ "name": "Ada Lovelace" });
    hub.call("PATCH", "/api/users/me", Some(&ada.access), Some(&name))
        .await
        .expect(200);
    let ask = |email: &'static str, bearer: String| {
        let body = json!({ "email": email, "password": PASSWORD });
        let hub = &hub;
        async move {
            hub.post_as(&bearer, "/api/users/me/email", body)
                .await
                .expect(202)
        }
    };
    ask("bob@example.org", ada.access.clone()).await;
    let taken = hub.mail_to("bob@example.org", 1).await;
    insta::assert_snapshot!("email_taken", written(&hub, &taken));
    next();
    ask("new@example.org", ada.access.clone()).await;
    let wanted = hub.mail_to("new@example.org", 1).await;
    insta::assert_snapshot!("email_change", written(&hub, &wanted));
    insta::assert_snapshot!("email_change_asked", written(&hub, &hub.mail_to(ADA, 2).await));
    next();
    let path = format!("/api/users/me/email/{}", wanted["token"].as_str().unwrap());
    hub.post(&path, json!({})).await.expect(200);
    let changed = hub.mail_to(ADA, 3).await;
    insta::assert_snapshot!("email_changed", written(&hub, &changed));
    next();
    let path = format!("/api/users/email-undo/{}", changed["token"].as_str().unwrap());
    hub.post(&path, json!({})).await.expect(200);
    insta::assert_snapshot!("secured", written(&hub, &hub.mail_to(ADA, 4).await));
    next();
    let request = hub
        .request(reqwest::Method::POST, "/api/auth")
        .header(
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
        )
        .json(&json!({ "email": ADA, "password": PASSWORD }));
    let ada = Pair::of(&Answer::of(request).await.expect(200));
    insta::assert_snapshot!("new_device", written(&hub, &hub.mail_to(ADA, 5).await));
    next();
    let body = json!({ "current_password": PASSWORD, "new_password": "a fresh passphrase nobody knew 4" });
    hub.post_as(&ada.access, "/api/users/me/password", body)
        .await
        .expect(204);
    insta::assert_snapshot!(
        "password_changed_by_its_owner",
        written(&hub, &hub.mail_to(ADA, 6).await)
    );
    next();
    let proof = json!({ "password": "a fresh passphrase nobody knew 4" });
    hub.call("DELETE", "/api/users/me", Some(&ada.access), Some(&proof))
        .await
        .expect(204);
    insta::assert_snapshot!("account_deleted", written(&hub, &hub.mail_to(ADA, 7).await));
}

#[tokio::test]
async fn letters_are_in_the_readers_language_and_an_activation_notes_which_that_is() {
    let hub = Tuning::new()
        .configure(|config| config.mail.language = "ru".to_owned())
        .spawn()
        .await;
    let asked = async |method: Method, path: &str, languages: &str, body: Value| {
        let request = hub.request(method, path).header("Accept-Language", languages);
        Answer::of(request.json(&body)).await
    };
    let subject = async |count: usize| hub.mail_to(ADA, count).await["subject"].clone();
    let ada = || json!({ "email": ADA, "password": PASSWORD });
    // The configured one, for there are no letters in German; then what the request asks for.
    asked(Method::POST, "/api/users", "de-DE, de;q=0.9", ada())
        .await
        .expect(202);
    assert_eq!(subject(1).await, "Подтвердите адрес почты");
    insta::assert_snapshot!("activation_in_russian", written(&hub, &hub.mail_to(ADA, 1).await));
    asked(Method::POST, "/api/users", "de, ru;q=0.1, en-GB;q=0.5", ada())
        .await
        .expect(202);
    assert_eq!(subject(2).await, "Confirm your e-mail address");
    let token = hub.mailed_token(ADA, 2).await;
    let path = format!("/api/auth/activate/{token}");
    asked(Method::PATCH, &path, "en-GB, en;q=0.9", Value::Null)
        .await
        .expect(200);
    assert_eq!(hub.text("select locale from users").await, "en-GB");
    // From now on it is the owner's, whatever strangers ask for.
    let email = json!({ "email": ADA });
    asked(Method::POST, "/api/auth/recovery", "ru", email)
        .await
        .expect(202);
    assert_eq!(subject(3).await, "Choose a new password");
    asked(Method::POST, "/api/users", "ru", ada()).await.expect(202);
    assert_eq!(subject(4).await, "You already have an account");
}

#[tokio::test]
async fn links_point_where_the_site_says_and_never_where_a_request_says() {
    let hub = Tuning::new()
        .configure(|config| {
            config.links.activation = Some("https://app.example.org/welcome#{token}".to_owned());
        })
        .spawn()
        .await;
    for (n, header) in [
        "X-Forwarded-Host",
        "Forwarded",
        "X-Forwarded-Proto",
        "Origin",
        "Referer",
    ]
    .iter()
    .enumerate()
    {
        let email = format!("ada{n}@example.org");
        let request = hub
            .request(reqwest::Method::POST, "/api/users")
            .header(*header, "https://evil.example")
            .json(&json!({ "email": email, "password": PASSWORD }));
        assert_eq!(request.send().await.unwrap().status(), 202, "{header}");
        let mail = hub.mail_to(&email, 1).await;
        let token = mail["token"].as_str().unwrap();
        assert_eq!(
            mail["links"],
            json!([format!("https://app.example.org/welcome#{token}")])
        );
        assert!(!mail.to_string().contains("evil.example"));
    }
    hub.person(ADA, "user").await;
    hub.post("/api/auth/recovery", json!({ "email": ADA }))
        .await
        .expect(202);
    let mail = hub.mail_to(ADA, 1).await;
    let token = mail["token"].as_str().unwrap();
    assert_eq!(mail["links"], json!([hub.url(&format!("/recovery/{token}"))]));
}
