//! Problems (RFC 9457): every code that can be provoked, its exact body, and the page that explains it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use portcullis::error::Code;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;
use crate::support::people::{PASSWORD, Pair};

const ADA: &str = "ada@example.org";
/// What no single honest or dishonest request can bring about: a full queue of hashes (its own test), a
/// fault of the server, and a code of the socket alone.
const NOT_PROVOKED: [&str; 9] = [
    "overloaded",
    "internal",
    "unknown_type",
    // With a provider: `tests/it/oauth`.
    "access_denied",
    "provider_unavailable",
    "provider_refused",
    "email_unverified",
    "identity_taken",
    "last_credential",
];

/// Codes that need no more than a plain server.
async fn plain(found: &mut BTreeMap<String, Answer>) {
    let app = Tuning::new()
        .configure(|config| config.tokens.refresh_grace = 0)
        .spawn()
        .await;
    let setup = app.app.accounts.offer_setup().await.unwrap().unwrap();
    let (ada, pair) = app.signed_in(ADA, "user").await;
    let taken = format!("/api/setup/{}", setup.expose());
    let taken = app
        .post(&taken, json!({ "email": ADA, "password": PASSWORD }))
        .await;
    let (boss, admin) = app.signed_in("boss@example.org", "admin").await;
    let json = |body: &'static str| {
        let request = app.request("POST".parse().unwrap(), "/api/users");
        Answer::of(request.header("content-type", "application/json").body(body))
    };
    let mut keep = |answer: Answer| {
        let code = answer.json()["code"].as_str().map(str::to_owned);
        let code = code.unwrap_or_else(|| panic!("no problem: {answer:?}"));
        found.insert(code, answer);
    };
    keep(taken);
    keep(json("{").await);
    keep(app.post("/api/users", json!({ "email": 1, "x": 2 })).await);
    let large = json!({ "email": "a".repeat(17_000) });
    keep(app.post("/api/users", large).await);
    let form = app.request("POST".parse().unwrap(), "/api/users").body("a=b");
    keep(Answer::of(form).await);
    keep(app.get("/ws").await);
    keep(app.get("/nothing").await);
    keep(app.patch("/api/users").await);
    let other = app.request("GET".parse().unwrap(), "/api/users");
    keep(Answer::of(other.header("host", "evil.example")).await);
    keep(app.get("/api/users/me").await);
    keep(app.get_as("x", "/api/users/me").await);
    keep(app.get_as(&pair.access, "/api/users").await);
    let forwarded = app.request("GET".parse().unwrap(), "/api/users");
    let forwarded = forwarded
        .bearer_auth(&admin.access)
        .header("forwarded", "for=127.0.0.1");
    keep(Answer::of(forwarded).await);
    let preflight = app
        .request("OPTIONS".parse().unwrap(), "/api/users")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "POST");
    keep(Answer::of(preflight).await);
    keep(app.try_sign_in(ADA, "not the password of ada").await);
    keep(app.patch("/api/auth/activate/x").await);
    let wrong = json!({ "password": "not the password of ada" });
    keep(
        app.call("DELETE", "/api/users/me", Some(&pair.access), Some(&wrong))
            .await,
    );
    let path = format!("/api/users/{}/site_role", boss.id);
    keep(app.put_as(&admin.access, &path, json!({ "role": "user" })).await);

    let minted = {
        let (mut socket, _) = app.open(&pair.access).await;
        socket.say(json!({ "type": "token", "id": "1" })).await;
        socket.frame("token").await["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    keep(app.get_as(&minted, "/api/auth/socket").await);

    // Without grace, a refresh token that was used is a stolen one.
    app.try_refresh(&pair.refresh).await.expect(200);
    keep(app.try_refresh(&pair.refresh).await);
    keep(app.get_as(&pair.access, "/api/users/me").await);

    let by = portcullis::audit::Origin::local(portcullis::audit::Actor::Operator);
    let accounts = &app.app.accounts;
    accounts
        .set_disabled(ada.id.parse().unwrap(), true, &by)
        .await
        .unwrap();
    keep(app.try_sign_in(ADA, PASSWORD).await);
    app.register("pending@example.org").await.expect(202);
    keep(app.try_sign_in("pending@example.org", PASSWORD).await);
    app.app.lifecycle.drain();
    keep(app.get("/readyz").await);
}

/// Codes that need a configuration of their own.
async fn configured(found: &mut BTreeMap<String, Answer>) {
    let app = Tuning::new()
        .configure(|config| {
            config.registration.open = false;
            config.limits.enabled = true;
        })
        .spawn()
        .await;
    found.insert("registration_closed".to_owned(), app.register(ADA).await);
    for _ in 0..200 {
        let answer = app.try_sign_in(ADA, "not the password of ada").await;
        if answer.status == 429 {
            found.insert("rate_limited".to_owned(), answer);
            return;
        }
    }
    panic!("nobody was told to wait");
}

/// What an account without a password answers whose owner signed in a while ago.
async fn stale(found: &mut BTreeMap<String, Answer>) {
    let app = Tuning::new().manual_clock().spawn().await;
    let (_, pair) = app.signed_in(ADA, "user").await;
    let sql = "update users set password_hash = null returning version";
    assert_eq!(app.number(sql).await, 1);
    app.clock.as_ref().unwrap().advance(Duration::from_mins(5));
    let later = Pair::of(&app.try_refresh(&pair.refresh).await.expect(200));
    let refused = app
        .call("DELETE", "/api/users/me", Some(&later.access), None)
        .await;
    found.insert("reauthentication_required".to_owned(), refused);
}

/// One answer: its status, the headers that programs read, and its body.
fn show(answer: &Answer, base: &str) -> String {
    let mut text = format!("{}\n", answer.status);
    for name in ["allow", "retry-after", "www-authenticate"] {
        if let Some(value) = answer.header(name) {
            let value = if name == "retry-after" { "[seconds]" } else { value };
            writeln!(text, "{name}: {value}").unwrap();
        }
    }
    let mut body = answer.json();
    let id = body["request_id"].as_str().unwrap();
    assert_eq!(answer.header("x-request-id"), Some(id));
    body["request_id"] = "[request id]".into();
    if let Some(after) = body.get("retry_after").cloned() {
        assert_eq!(answer.header("retry-after"), Some(after.to_string().as_str()));
        body["retry_after"] = "[seconds]".into();
    }
    let kind = body["type"].as_str().unwrap().replace(base, "[public_url]");
    body["type"] = kind.into();
    text + &serde_json::to_string_pretty(&body).unwrap()
}

#[tokio::test]
async fn every_code_that_can_be_provoked_has_the_body_of_the_contract() {
    let mut found = BTreeMap::new();
    plain(&mut found).await;
    configured(&mut found).await;
    stale(&mut found).await;
    let missing: Vec<&str> = Code::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| !found.contains_key(*code) && !NOT_PROVOKED.contains(code))
        .collect();
    assert!(missing.is_empty(), "not provoked: {missing:?}");
    let mut shown = String::new();
    for (code, answer) in &found {
        answer.problem(answer.status, code);
        let body = answer.json();
        let (base, _) = body["type"].as_str().unwrap().rsplit_once("/problems/").unwrap();
        assert_eq!(body["type"], format!("{base}/problems/{code}"));
        writeln!(shown, "{code}: {}\n", show(answer, base)).unwrap();
    }
    insta::assert_snapshot!("problems", shown);
}

#[tokio::test]
async fn every_code_has_a_page_that_explains_it() {
    let app = TestApp::spawn().await;
    for code in Code::ALL {
        let page = app.get(&format!("/problems/{code}")).await.expect(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let text = page.text();
        assert!(text.contains(&format!("<code>{code}</code>")), "{code}");
        assert!(text.contains("What to do"), "{code}");
    }
    for other in ["nothing", "Not_Found", "not_found%00", "%3Cscript%3E"] {
        let refused = app.get(&format!("/problems/{other}")).await;
        assert!(!refused.text().contains('<'), "{other}");
        refused.problem(404, "not_found");
    }
}

#[tokio::test]
async fn t09_a_refusal_says_nothing_back_but_names_of_fields() {
    let app = TestApp::spawn().await;
    let secret = "a secret that somebody typed into the wrong field";
    let name = "x".repeat(5_000);
    let mut body = json!({ "email": secret, "password": 5, "name": [secret] });
    body[&name] = Value::Null;
    let answer = app.post("/api/users", body).await;
    answer.problem(422, "validation_failed");
    assert!(!answer.text().contains(secret));
    assert!(answer.bytes.len() < 2_000, "a long name is said back whole");
}
