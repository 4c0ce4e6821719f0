//! What no honest client sends is refused with the code of the contract, and changes nothing.

use reqwest::Method;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::document::NOBODY;
use crate::support::http::Answer;
use crate::support::people::PASSWORD;

mod bearer;
mod bodies;

/// A code, and the field with its own code where one is to blame.
type Expected = (u16, &'static str, Option<(&'static str, &'static str)>);

const MALFORMED: Expected = (400, "malformed_json", None);
const INVALID: u16 = 422;

const fn field(name: &'static str, code: &'static str) -> Expected {
    (INVALID, "validation_failed", Some((name, code)))
}

async fn send(app: &TestApp, method: &str, path: &str, body: Vec<u8>) -> Answer {
    let request = app.request(method.parse().unwrap(), path);
    let request = request.header("content-type", "application/json");
    Answer::of(request.body(body)).await
}

#[track_caller]
fn check(answer: &Answer, (status, code, blamed): Expected, about: &str) {
    assert_eq!(answer.status, status, "{about}: {}", answer.text());
    let body = answer.problem(status, code);
    match blamed {
        Some((name, fault)) => {
            let errors = body["errors"].as_array().unwrap();
            let found = errors
                .iter()
                .any(|error| error["field"] == name && error["code"] == fault);
            assert!(found, "{about}: {body}");
        }
        None => assert!(body.get("errors").is_none(), "{about}: {body}"),
    }
}

/// What a server keeps of those who come: accounts, mails, sessions, tokens.
async fn kept(app: &TestApp) -> Vec<u64> {
    let mut counts = Vec::new();
    for table in [
        "users",
        "mails",
        "mailbox",
        "sessions",
        "mailed_tokens",
        "service_keys",
        "journal",
    ] {
        counts.push(app.count(table).await);
    }
    counts
}

#[tokio::test]
async fn a_body_that_cannot_be_taken_is_refused_whole() {
    let app = TestApp::spawn().await;
    let before = kept(&app).await;
    for (about, body, expected) in bodies::all() {
        let answer = send(&app, "POST", "/api/users", body).await;
        check(&answer, expected, about);
        assert!(
            !answer.text().contains("correct horse"),
            "{about}: a password is said back"
        );
    }
    assert_eq!(kept(&app).await, before, "a refused body changed something");
}

#[tokio::test]
async fn every_fault_of_a_body_is_told_at_once() {
    let app = TestApp::spawn().await;
    let body = json!({ "email": "ada", "password": "short", "name": "a\u{7}", "admin": true });
    let problem = app
        .post("/api/users", body)
        .await
        .problem(422, "validation_failed");
    let mut named: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    named.sort_unstable();
    // The password is judged once the rest can be read.
    assert_eq!(named, ["admin", "email", "name"]);
}

#[tokio::test]
async fn t27_a_body_has_at_most_16_kib_however_it_is_sent() {
    let app = TestApp::spawn().await;
    let json = json!({ "email": "ada@example.org", "password": PASSWORD }).to_string();
    let padded = |length: usize| format!("{json}{}", " ".repeat(length - json.len()));
    for length in [16 * 1024 + 1, 1024 * 1024] {
        let answer = send(&app, "POST", "/api/users", padded(length).into_bytes()).await;
        answer.problem(413, "body_too_large");
        // Without Content-Length, in chunks.
        let chunk = format!("{length:x}\r\n{}\r\n0\r\n\r\n", padded(length));
        let head = format!(
            "POST /api/users HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
            app.address
        );
        let answer = app.raw(format!("{head}{chunk}")).await;
        // A reset may overtake the answer when the server stops reading half-way.
        if length < 100_000 || answer.status != 0 {
            assert_eq!(
                (answer.status, answer.code().as_deref()),
                (413, Some("body_too_large"))
            );
        }
    }
    // Announced, and never sent: refused without waiting.
    let head = format!(
        "POST /api/users HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 16385\r\nConnection: close\r\n\r\n",
        app.address
    );
    let answer = app.raw(head).await;
    assert_eq!(answer.code().as_deref(), Some("body_too_large"));
    assert_eq!(app.count("users").await, 0);

    let largest = send(&app, "POST", "/api/users", padded(16 * 1024).into_bytes()).await;
    largest.expect(202);
}

#[tokio::test]
async fn t24_only_json_is_taken_and_a_form_is_not() {
    let app = TestApp::spawn().await;
    let (_, ada) = app.signed_in("ada@example.org", "user").await;
    let before = kept(&app).await;
    let body = json!({ "email": "eve@example.org", "password": PASSWORD }).to_string();
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-type", "application/json; charset=utf-16"),
        ("content-type", "application/problem+json"),
        ("content-type", "application/xml"),
        ("content-type", "*/*"),
        ("content-type", ""),
        ("x-nothing", "no content type at all"),
    ] {
        let request = app.request(Method::POST, "/api/users").header(name, value);
        let answer = Answer::of(request.body(body.clone())).await;
        check(&answer, (415, "unsupported_media_type", None), value);
        let request = app
            .request(Method::POST, "/api/auth/logout")
            .header(name, value)
            .bearer_auth(&ada.access);
        let answer = Answer::of(request.body(r#"{"scope":"all"}"#)).await;
        check(&answer, (415, "unsupported_media_type", None), value);
    }
    for coding in ["gzip", "br", "identity, gzip"] {
        let request = app
            .request(Method::POST, "/api/users")
            .header("content-type", "application/json")
            .header("content-encoding", coding);
        let answer = Answer::of(request.body(body.clone())).await;
        check(&answer, (415, "unsupported_media_type", None), coding);
    }
    assert_eq!(kept(&app).await, before);
    app.get_as(&ada.access, "/api/users/me").await.expect(200);
}

#[tokio::test]
async fn a_device_or_an_id_or_a_word_that_cannot_be_one_is_refused() {
    let app = TestApp::spawn().await;
    let ada = app.person("ada@example.org", "user").await;
    let sign_in = |device: serde_json::Value| {
        let body = json!({ "email": ada.email, "password": PASSWORD, "device": device });
        body.to_string().into_bytes()
    };
    for (about, path, body, expected) in [
        (
            "a line break",
            "/api/auth",
            sign_in(json!("a\r\nb")),
            field("device", "invalid"),
        ),
        (
            "an escape",
            "/api/auth",
            sign_in(json!("\u{1b}]0;x\u{7}")),
            field("device", "invalid"),
        ),
        (
            "a C1 control",
            "/api/auth",
            sign_in(json!("a\u{9b}b")),
            field("device", "invalid"),
        ),
        (
            "101 characters",
            "/api/auth",
            sign_in(json!("x".repeat(101))),
            field("device", "too_long"),
        ),
        (
            "a list",
            "/api/auth",
            sign_in(json!(["x"])),
            field("device", "invalid_type"),
        ),
        (
            "a word",
            "/api/auth/logout",
            br#"{"scope":"everybody"}"#.to_vec(),
            field("scope", "invalid"),
        ),
        (
            "a list",
            "/api/auth/logout",
            br#"["all"]"#.to_vec(),
            field("", "invalid_type"),
        ),
        (
            "a number",
            "/api/auth/refresh",
            br#"{"refresh_token":1}"#.to_vec(),
            field("refresh_token", "invalid_type"),
        ),
        (
            "nothing",
            "/api/auth/refresh",
            b"{}".to_vec(),
            field("refresh_token", "required"),
        ),
        (
            "9 kB",
            "/api/auth/refresh",
            json!({ "refresh_token": "x".repeat(9_000) })
                .to_string()
                .into_bytes(),
            field("refresh_token", "too_long"),
        ),
        (
            "no address",
            "/api/auth/recovery",
            br#"{"email":"@"}"#.to_vec(),
            field("email", "invalid"),
        ),
        (
            "no address",
            "/api/auth/activate",
            br#"{"email":"@"}"#.to_vec(),
            field("email", "invalid"),
        ),
    ] {
        let answer = send(&app, "POST", path, body).await;
        check(&answer, expected, &format!("{about} at {path}"));
    }
    assert_eq!(app.count("sessions").await, 0);
}

#[tokio::test]
async fn a_path_that_holds_no_id_leads_nowhere() {
    let app = TestApp::spawn().await;
    let boss = app.service_key(portcullis::roles::Permission::ALL).await;
    let upper = NOBODY.to_uppercase();
    let bare = NOBODY.replace('-', "");
    let long = "x".repeat(8_000);
    for id in [
        "1",
        "-1",
        "null",
        "not-an-id",
        &NOBODY[..35],
        &bare,
        &upper,
        &long,
        "%7B0190163d-8694-739b-aea5-966c26f8ad91%7D",
        "urn:uuid:0190163d-8694-739b-aea5-966c26f8ad91",
        "0190163d-8694-739b-aea5-966c26f8ad91%00",
        "%00",
        "%ff%fe",
        "..%2fme",
        "'%20or%20'1'='1",
    ] {
        for (method, path, body) in [
            ("GET", format!("/api/users/{id}"), None),
            (
                "PUT",
                format!("/api/users/{id}/site_role"),
                Some(json!({ "role": "user" })),
            ),
            ("GET", format!("/api/service_keys/{id}"), None),
            ("DELETE", format!("/api/service_keys/{id}"), None),
        ] {
            let answer = app.call(method, &path, Some(&boss), body.as_ref()).await;
            check(&answer, (404, "not_found", None), &format!("{method} {path:.60}"));
        }
    }
    for token in ["%00", "%ff", "x", &"x".repeat(513), "..%2f..", "%27"] {
        let activate = app.patch(&format!("/api/auth/activate/{token}")).await;
        check(&activate, (410, "token_spent", None), token);
        let recover = format!("/api/auth/recovery/{token}");
        let recover = app.post(&recover, json!({ "password": PASSWORD })).await;
        check(&recover, (410, "token_spent", None), token);
    }
}

#[tokio::test]
async fn a_query_is_read_as_strictly_as_a_body() {
    let app = TestApp::spawn().await;
    let key = app.service_key(portcullis::roles::Permission::ALL).await;
    for (query, expected) in [
        ("limit=0", field("limit", "out_of_range")),
        ("limit=201", field("limit", "out_of_range")),
        ("limit=1000000000", field("limit", "out_of_range")),
        ("limit=99999999999999999999999", field("limit", "out_of_range")),
        ("limit=-1", field("limit", "invalid_type")),
        ("limit=1e9", field("limit", "invalid_type")),
        ("limit=%2B5", field("limit", "invalid_type")),
        ("limit=5.0", field("limit", "invalid_type")),
        ("limit=0x10", field("limit", "invalid_type")),
        ("limit=", field("limit", "invalid_type")),
        ("limit=%00", field("limit", "invalid_type")),
        ("limit=%D9%A3", field("limit", "invalid_type")),
        ("limit=5&limit=5", field("limit", "duplicate_field")),
        ("cursor=garbage", field("cursor", "invalid")),
        ("cursor=", field("cursor", "invalid")),
        ("cursor=%ff", field("cursor", "invalid")),
        ("cursor='%20or%201=1", field("cursor", "invalid")),
        ("offset=5", field("offset", "unknown_field")),
        ("limit[]=5", field("limit[]", "unknown_field")),
        ("Limit=5", field("Limit", "unknown_field")),
        ("=5", field("", "unknown_field")),
    ] {
        let answer = app.get_as(&key, &format!("/api/users?{query}")).await;
        check(&answer, expected, query);
    }
    let order = json!({ "all": true, "reason": "a test", "dry_run": true });
    for (query, expected) in [
        ("wait=maybe", field("wait", "invalid")),
        ("wait=ALL", field("wait", "invalid")),
        ("wait=", field("wait", "invalid")),
        ("wait=all&wait=none", field("wait", "duplicate_field")),
        ("timeout_ms=0", field("timeout_ms", "out_of_range")),
        ("timeout_ms=10001", field("timeout_ms", "out_of_range")),
        ("timeout_ms=-1", field("timeout_ms", "invalid_type")),
        ("timeout_ms=1s", field("timeout_ms", "invalid_type")),
        ("timeout=1", field("timeout", "unknown_field")),
    ] {
        let path = format!("/api/revocations?{query}");
        let answer = app.post_as(&key, &path, order.clone()).await;
        check(&answer, expected, query);
    }
    for query in ["", "?", "?limit=1", "?limit=200", "?limit=%31", "?limit=007"] {
        app.get_as(&key, &format!("/api/users{query}")).await.expect(200);
    }
    for query in ["", "?wait=none&timeout_ms=1", "?timeout_ms=10000"] {
        let path = format!("/api/revocations{query}");
        app.post_as(&key, &path, order.clone()).await.expect(200);
    }
}
