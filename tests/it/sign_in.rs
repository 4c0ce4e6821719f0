//! Sign-in by e-mail and password: what it answers, to whom, and at what cost.

use serde_json::{Value, json};

use crate::support::Pair;
use crate::support::app::{TestApp, Tuning};
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";
const WRONG: &str = "not the password of anybody 3";

/// Somebody of each kind; all have the same password.
async fn town(hub: &TestApp) {
    hub.person("active@example.org", "user").await;
    let disabled = hub.person("disabled@example.org", "user").await;
    hub.disable(&disabled).await;
    hub.register("pending@example.org").await.expect(202);
}

#[tokio::test]
async fn t09_a_refusal_says_nothing_about_the_account_and_costs_one_hash() {
    let hub = TestApp::spawn().await;
    town(&hub).await;
    let reference = hub.try_sign_in("unknown@example.org", WRONG).await;
    let body = reference.problem(401, "invalid_credentials");
    assert!(reference.header("www-authenticate").is_some());
    assert_eq!(reference.header("cache-control"), Some("no-store"));
    assert!(body.get("errors").is_none());
    for (email, password, status, code) in [
        ("unknown@example.org", PASSWORD, 401, "invalid_credentials"),
        ("active@example.org", WRONG, 401, "invalid_credentials"),
        ("pending@example.org", WRONG, 401, "invalid_credentials"),
        ("disabled@example.org", WRONG, 401, "invalid_credentials"),
        ("active@example.org", "", 401, "invalid_credentials"),
        (
            "active@example.org",
            &"x".repeat(1024),
            401,
            "invalid_credentials",
        ),
        ("pending@example.org", PASSWORD, 403, "account_inactive"),
        ("disabled@example.org", PASSWORD, 403, "account_disabled"),
        ("active@example.org", PASSWORD, 200, ""),
    ] {
        let before = hub.app.hasher.runs();
        let answer = hub.try_sign_in(email, password).await;
        assert_eq!(hub.app.hasher.runs() - before, 1, "{email}, {status}: hashes");
        match status {
            200 => drop(answer.expect(200)),
            401 => assert_eq!(answer.likeness(), reference.likeness(), "{email}"),
            _ => drop(answer.problem(status, code)),
        }
    }
    assert_eq!(hub.number("select count(*) from sessions").await, 1);
}

#[tokio::test]
async fn a_token_pair_has_exactly_the_fields_of_the_contract() {
    let hub = TestApp::spawn().await;
    let ada = hub.person(ADA, "moderator").await;
    let answer = hub.try_sign_in(" ADA@example.ORG ", PASSWORD).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    let pair = Pair::of(&answer);
    assert!(pair.refresh.starts_with("pcr_") && pair.refresh.len() >= 4 + 43);
    let uuid: uuid::Uuid = pair.session.parse().unwrap();
    assert_eq!(uuid.get_version_num(), 7);
    let created = pair.body["user"]["created_at"].as_str().unwrap();
    assert!(created.ends_with('Z'), "{created}");
    assert_eq!(pair.body["user"]["id"], ada.id.as_str());
    insta::assert_json_snapshot!("token_pair", pair.body, {
        ".access_token" => "[jwt]",
        ".refresh_token" => "[pcr]",
        ".session_id" => "[uuid]",
        ".user.id" => "[uuid]",
        ".user.created_at" => "[time]",
    });
    assert_eq!(
        hub.get_as(&pair.access, "/api/users/me").await.expect(200).json(),
        pair.body["user"]
    );
}

#[tokio::test]
async fn a_new_session_is_told_to_the_persons_other_sockets_with_its_device() {
    let hub = TestApp::spawn().await;
    let (_, laptop) = hub.signed_in(ADA, "user").await;
    hub.person("eve@example.org", "user").await;
    let (mut socket, _) = hub.open(&laptop.access).await;
    // Somebody else's session is nobody's business.
    hub.sign_in("eve@example.org").await;
    for (device, kept) in [
        (json!("Ada's phone"), json!("Ada's phone")),
        (json!(" 📱 ж "), json!("📱 ж")),
        (json!("  "), Value::Null),
        (Value::Null, Value::Null),
        (json!("d".repeat(100)), json!("d".repeat(100))),
    ] {
        let body = json!({ "email": ADA, "password": PASSWORD, "device": device });
        let pair = Pair::of(&hub.post("/api/auth", body).await.expect(200));
        let event = socket.frame("event").await;
        assert_eq!(event["name"], "session.created");
        assert_eq!(
            event["data"],
            json!({ "session_id": pair.session, "device": kept })
        );
        assert!(event["sequence"].is_i64());
    }
    for (device, code) in [
        (json!("d".repeat(101)), "too_long"),
        (json!("a\u{0}b"), "invalid"),
        (json!("a\nb"), "invalid"),
        (json!(["a"]), "invalid_type"),
    ] {
        let body = json!({ "email": ADA, "password": PASSWORD, "device": device });
        let problem = hub
            .post("/api/auth", body)
            .await
            .problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "device");
        assert_eq!(problem["errors"][0]["code"], code);
    }
}

const HASH: &str = "select password_hash from users";

#[tokio::test]
async fn a_hash_made_under_other_parameters_is_replaced_at_the_next_right_password() {
    let hub = TestApp::spawn().await;
    hub.person(ADA, "user").await;
    let old = hub.text(HASH).await;
    assert!(old.starts_with("$argon2id$v=19$m=1024,t=1,p=1$"), "{old}");
    let stronger = Tuning::new()
        .database(hub.database_url.clone())
        .configure(|config| config.passwords.memory_kib = 2048)
        .spawn()
        .await;
    stronger
        .try_sign_in(ADA, WRONG)
        .await
        .problem(401, "invalid_credentials");
    assert_eq!(stronger.text(HASH).await, old, "not without the right password");
    stronger.sign_in(ADA).await;
    let new = stronger.text(HASH).await;
    assert!(new.starts_with("$argon2id$v=19$m=2048,t=1,p=1$"), "{new}");
    let before = stronger.app.hasher.runs();
    stronger.sign_in(ADA).await;
    assert_eq!(stronger.app.hasher.runs() - before, 1, "once is enough");
    assert_eq!(stronger.text(HASH).await, new);
}

#[tokio::test]
async fn sign_in_takes_nothing_but_what_the_contract_names() {
    let hub = TestApp::spawn().await;
    hub.person(ADA, "user").await;
    for (body, field, code) in [
        (json!({ "email": ADA }), "password", "required"),
        (json!({ "password": PASSWORD }), "email", "required"),
        (
            json!({ "email": "ada", "password": PASSWORD }),
            "email",
            "invalid",
        ),
        (
            json!({ "email": ADA, "password": "x".repeat(1025) }),
            "password",
            "too_long",
        ),
        (json!({ "email": ADA, "password": null }), "password", "required"),
        (
            json!({ "email": ADA, "password": PASSWORD, "admin": true }),
            "admin",
            "unknown_field",
        ),
    ] {
        let problem = hub
            .post("/api/auth", body)
            .await
            .problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], field);
        assert_eq!(problem["errors"][0]["code"], code);
    }
    assert_eq!(hub.number("select count(*) from sessions").await, 0);
}
