//! Service keys over REST: shown once, scoped, bound, ended, and hashed at rest.

use std::time::Duration;

use portcullis::roles::Permission;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::document::NOBODY;
use crate::support::http::Answer;

const KEYS: &str = "/api/service_keys";

async fn create(app: &TestApp, bearer: &str, body: Value) -> Value {
    app.post_as(bearer, KEYS, body).await.expect(201).json()
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {body}"))
}

#[tokio::test]
async fn a_key_is_shown_with_its_secret_once_and_stored_as_a_hash() {
    let app = TestApp::spawn().await;
    let root = app.service_key(Permission::ALL).await;
    let body = json!({
        "name": "  the shop  ", "scopes": ["users:read", "sessions:revoke", "users:read"],
        "expires_in": 3600, "allow": ["10.1.2.3/8", "::1", "127.0.0.1"],
    });
    let made = create(&app, &root, body).await;
    insta::assert_json_snapshot!(made, {
        ".id" => "[id]", ".secret" => "[secret]", ".created_at" => "[time]", ".expires_at" => "[time]",
    }, @r#"
    {
      "allow": [
        "10.0.0.0/8",
        "::1/128",
        "127.0.0.1/32"
      ],
      "created_at": "[time]",
      "expires_at": "[time]",
      "id": "[id]",
      "name": "the shop",
      "scopes": [
        "sessions:revoke",
        "users:read"
      ],
      "secret": "[secret]"
    }
    "#);
    let (id, secret) = (text(&made, "id"), text(&made, "secret"));
    let named = format!("pck_{}_", id.replace('-', ""));
    assert!(
        secret.starts_with(&named) && secret.len() == named.len() + 43,
        "256 bits"
    );

    let mut without = made.clone();
    without.as_object_mut().unwrap().remove("secret");
    let one = app.get_as(&root, &format!("{KEYS}/{id}")).await.expect(200);
    assert_eq!(one.json(), without);
    let all = app.get_as(&root, KEYS).await.expect(200);
    assert!(all.json()["items"].as_array().unwrap().contains(&without));
    for answer in [one, all] {
        assert!(!answer.text().contains("secret") && !answer.text().contains("hash"));
    }
    // At rest: neither the secret nor the part of it that proves.
    let proof = &secret[named.len()..];
    for (table, column) in [
        ("service_keys", "name || scopes || allow"),
        ("audit", "details || actor || coalesce(request_id, '')"),
    ] {
        for row in app.texts(&format!("select {column} from {table}")).await {
            assert!(!row.unwrap_or_default().contains(proof), "{table}");
        }
    }
    let length = "select cast(length(secret_hash) as text) from service_keys";
    let lengths = app.texts(length).await;
    assert!(
        lengths.iter().all(|bytes| bytes.as_deref() == Some("32")),
        "a SHA-256"
    );
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_until_it_is_revoked() {
    let app = TestApp::spawn().await;
    let root = app.service_key(Permission::ALL).await;
    let made = create(&app, &root, json!({ "name": "reader", "scopes": ["users:read"] })).await;
    assert_eq!((&made["expires_at"], &made["allow"]), (&Value::Null, &json!([])));
    let secret = text(&made, "secret");
    app.get_as(secret, "/api/users").await.expect(200);
    let refused = app.get_as(secret, KEYS).await.problem(403, "forbidden");
    assert!(text(&refused, "detail").contains("`keys:write`"));

    let path = format!("{KEYS}/{}", text(&made, "id"));
    app.delete_as(&root, &path).await.expect(204);
    app.get_as(secret, "/api/users")
        .await
        .problem(401, "invalid_token");
    app.get_as(&root, &path).await.problem(404, "not_found");
    let listed = app.get_as(&root, KEYS).await.expect(200).json();
    assert!(
        listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key["id"] != made["id"])
    );
    // Once more is no fault, but an unknown one is.
    app.delete_as(&root, &path).await.expect(204);
    app.delete_as(&root, &format!("{KEYS}/{NOBODY}"))
        .await
        .problem(404, "not_found");
    for (outcome, count) in [("ok", 1), ("not_found", 1)] {
        let acts = format!("audit where action = 'key.revoke' and outcome = '{outcome}'");
        assert_eq!(app.count(&acts).await, count, "{outcome}");
    }
}

#[tokio::test]
async fn a_secret_must_be_right_to_its_last_character() {
    let app = TestApp::spawn().await;
    let secret = app.service_key(&[Permission::UsersRead]).await;
    let other = app.service_key(&[Permission::UsersRead]).await;
    let (head, tail) = secret.split_at(secret.len() - 1);
    let flipped = format!("{head}{}", if tail == "A" { "B" } else { "A" });
    let swapped = format!("{}{}", &secret[..40], &other[40..]);
    let upper = secret.to_uppercase();
    let longer = format!("{secret}A");
    for wrong in [
        &flipped,
        head,
        &swapped,
        &upper,
        &longer,
        "pck_",
        "pck__",
        &secret[..41],
    ] {
        app.get_as(wrong, "/api/users")
            .await
            .problem(401, "invalid_token");
    }
    app.get_as(&secret, "/api/users").await.expect(200);
}

#[tokio::test]
async fn a_key_ends_when_its_time_is_over() {
    let app = Tuning::new().manual_clock().spawn().await;
    let root = app.service_key(Permission::ALL).await;
    let body = json!({ "name": "for an hour", "scopes": ["users:read"], "expires_in": 3600 });
    let made = create(&app, &root, body).await;
    let secret = text(&made, "secret");
    let clock = app.clock.as_ref().unwrap();
    clock.advance(Duration::from_secs(3599));
    app.get_as(secret, "/api/users").await.expect(200);
    clock.advance(Duration::from_secs(2));
    app.get_as(secret, "/api/users")
        .await
        .problem(401, "invalid_token");
    app.get_as(&root, "/api/users").await.expect(200);
}

#[tokio::test]
async fn a_key_bound_to_networks_is_refused_elsewhere() {
    let app = TestApp::spawn().await;
    let root = app.service_key(Permission::ALL).await;
    for (allow, headers, status) in [
        (json!([]), None, 200),
        (json!(["127.0.0.0/8"]), None, 200),
        (json!(["127.0.0.1"]), None, 200),
        (json!(["::ffff:127.0.0.1"]), None, 200),
        (json!(["10.0.0.0/8", "127.0.0.1"]), None, 200),
        (json!(["10.0.0.0/8"]), None, 403),
        (json!(["::1"]), None, 403),
        (json!(["127.0.0.2/32"]), None, 403),
        // Whoever forwards without being trusted hides where the call comes from.
        (json!(["127.0.0.0/8"]), Some("127.0.0.1"), 403),
        (json!(["10.0.0.0/8"]), Some("10.0.0.1"), 403),
        (json!([]), Some("10.0.0.1"), 200),
    ] {
        let body = json!({ "name": "bound", "scopes": ["users:read"], "allow": allow });
        let made = create(&app, &root, body).await;
        let mut request = app.request("GET".parse().unwrap(), "/api/users");
        if let Some(forwarded) = headers {
            request = request.header("x-forwarded-for", forwarded);
        }
        let answer = Answer::of(request.bearer_auth(text(&made, "secret"))).await;
        assert_eq!(answer.status, status, "{allow} {headers:?}");
        if status == 403 {
            answer.problem(403, "address_not_allowed");
        }
    }
}

#[tokio::test]
async fn nobody_grants_a_scope_that_they_do_not_hold() {
    let app = TestApp::spawn().await;
    let keys_alone = app.service_key(&[Permission::KeysWrite]).await;
    let (_, boss) = app.signed_in("boss@example.org", "admin").await;
    let before = app.count("service_keys").await;
    for scope in Permission::ALL {
        let body = json!({ "name": "more", "scopes": ["keys:write", scope.as_str()] });
        let answer = app.post_as(&keys_alone, KEYS, body.clone()).await;
        if *scope == Permission::KeysWrite {
            answer.expect(201);
            continue;
        }
        let refused = answer.problem(403, "forbidden");
        assert!(
            text(&refused, "detail").contains(&format!("`{scope}`")),
            "{refused}"
        );
        app.post_as(&boss.access, KEYS, body).await.expect(201);
    }
    let made = u64::try_from(Permission::ALL.len()).unwrap();
    assert_eq!(app.count("service_keys").await, before + made);
}

#[tokio::test]
async fn a_key_that_makes_no_sense_is_not_made() {
    let app = TestApp::spawn().await;
    let root = app.service_key(Permission::ALL).await;
    let many: Vec<String> = (0..65).map(|number| format!("10.0.0.{number}")).collect();
    for (field, value, code) in [
        ("name", json!(null), "required"),
        ("name", json!(" "), "too_short"),
        ("name", json!("x".repeat(101)), "too_long"),
        ("name", json!("a\nb"), "invalid"),
        ("name", json!(["a"]), "invalid_type"),
        ("scopes", json!(null), "required"),
        ("scopes", json!([]), "too_short"),
        ("scopes", json!("users:read"), "invalid_type"),
        ("scopes", json!([1]), "invalid_type"),
        ("scopes", json!(["users:fly"]), "unknown_scope"),
        ("scopes", json!(["*"]), "unknown_scope"),
        ("scopes", json!(["USERS:READ"]), "unknown_scope"),
        ("expires_in", json!(0), "out_of_range"),
        ("expires_in", json!(-1), "out_of_range"),
        ("expires_in", json!(315_360_001), "out_of_range"),
        ("expires_in", json!(1.5), "invalid_type"),
        ("expires_in", json!("90d"), "invalid_type"),
        ("allow", json!("10.0.0.0/8"), "invalid_type"),
        ("allow", json!(["10.0.0.0/33"]), "invalid"),
        ("allow", json!(["everybody"]), "invalid"),
        ("allow", json!(many), "too_long"),
        ("secret", json!("pck_mine"), "unknown_field"),
        ("id", json!(NOBODY), "unknown_field"),
    ] {
        let mut body = json!({ "name": "backend", "scopes": ["users:read"] });
        body[field] = value.clone();
        let answer = app
            .post_as(&root, KEYS, body)
            .await
            .problem(422, "validation_failed");
        let error = &answer["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&field.into(), &code.into()),
            "{value}"
        );
    }
    assert_eq!(app.count("service_keys").await, 1);
}
