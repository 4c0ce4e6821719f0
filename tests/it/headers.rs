//! The headers of every answer: of each route, each error, each page.

use serde_json::json;

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;

const API_POLICY: &str = "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

#[track_caller]
fn check(answer: &Answer, about: &str, https: bool) {
    let html = answer
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("text/html"));
    // Public code, for pages of every site.
    let embedded = about.starts_with("GET /client.") || about.starts_with("HEAD /client.");
    for (name, expected) in [
        ("x-content-type-options", Some("nosniff")),
        ("referrer-policy", Some("no-referrer")),
        ("x-frame-options", Some("DENY")),
        (
            "content-security-policy",
            Some(if html { PAGE_POLICY } else { API_POLICY }),
        ),
        (
            "cross-origin-resource-policy",
            Some(if embedded { "cross-origin" } else { "same-origin" }),
        ),
        ("cross-origin-opener-policy", html.then_some("same-origin")),
        (
            "strict-transport-security",
            https.then_some("max-age=63072000; includeSubDomains"),
        ),
        ("server", None),
        ("x-powered-by", None),
    ] {
        assert_eq!(answer.header(name), expected, "{name} of {about}");
    }
    assert!(answer.header("permissions-policy").is_some(), "{about}");
    assert!(answer.header("x-request-id").is_some(), "{about}");
    let vary: Vec<&str> = answer
        .headers
        .get_all("vary")
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    assert!(vary.join(",").to_lowercase().contains("origin"), "{about}");
}

#[tokio::test]
async fn t23_every_route_error_and_page_has_the_security_headers() {
    let plain = TestApp::spawn().await;
    let tls = Tuning::new()
        .configure(|config| config.public_url = Some("https://auth.example.org".parse().unwrap()))
        .spawn()
        .await;
    for (app, https) in [(&plain, false), (&tls, true)] {
        for operation in app.operations().await {
            for method in [operation.method.as_str(), "TRACE", "HEAD"] {
                let answer = app.call(method, &operation.address(), None, None).await;
                check(&answer, &format!("{method} {}", operation.path), https);
            }
        }
        for path in ["/nothing", "//", "/assets/pages.js", "/api/docs/swagger-ui.css"] {
            check(&app.get(path).await, path, https);
        }
        let misdirected = app
            .request("GET".parse().unwrap(), "/")
            .header("host", "evil.example");
        let misdirected = Answer::of(misdirected).await.expect(421);
        check(&misdirected, "another host", https);
        let malformed = app
            .request("POST".parse().unwrap(), "/api/auth")
            .header("content-type", "application/json");
        check(
            &Answer::of(malformed.body("{")).await.expect(400),
            "malformed",
            https,
        );
    }
}

#[tokio::test]
async fn answers_with_tokens_are_never_kept_and_those_for_everybody_may_be() {
    let app = TestApp::spawn().await;
    let (_, ada) = app.signed_in("ada@example.org", "user").await;
    let key = app.service_key(portcullis::roles::Permission::ALL).await;
    let new_key = json!({ "name": "backend", "scopes": ["users:read"] });
    for (about, answer) in [
        ("account page", app.get("/account").await),
        ("sign-in page", app.get("/sign-in").await),
        (
            "sign-in",
            app.try_sign_in("ada@example.org", crate::support::people::PASSWORD)
                .await,
        ),
        ("refresh", app.try_refresh(&ada.refresh).await),
        ("socket", app.get_as(&ada.access, "/api/auth/socket").await),
        ("me", app.get_as(&ada.access, "/api/users/me").await),
        (
            "service key",
            app.post_as(&key, "/api/service_keys", new_key).await,
        ),
        ("mailbox", app.get("/dev/mailbox.json").await),
        ("setup page", app.get("/setup/x").await),
        ("a refusal", app.get("/api/users/me").await),
    ] {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{about}");
    }
    let keys = app.get("/.well-known/jwks.json").await.expect(200);
    let keys = keys.header("cache-control").unwrap();
    assert!(keys.contains("public") && keys.contains("max-age="), "{keys}");
}

#[tokio::test]
async fn t15_a_sane_request_id_comes_back_and_any_other_is_replaced() {
    let app = TestApp::spawn().await;
    let longest = "x".repeat(64);
    for sane in ["a", "0190163d-8694.ABC_7", &longest] {
        let request = app.request("GET".parse().unwrap(), "/nothing");
        let answer = Answer::of(request.header("x-request-id", sane)).await;
        assert_eq!(answer.header("x-request-id"), Some(sane));
        assert_eq!(answer.json()["request_id"], sane);
    }
    let too_long = "x".repeat(65);
    let mut made = Vec::new();
    for odd in [
        "", "a b", "a,b", "a\tb", "{}", "<b>", "a%0d%0ab", "a;b", "é", &too_long,
    ] {
        let request = app.request("GET".parse().unwrap(), "/nothing");
        let answer = Answer::of(request.header("x-request-id", odd)).await;
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert_ne!(id, odd);
        assert!(
            id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{id}"
        );
        assert_eq!(answer.json()["request_id"], id.as_str());
        made.push(id);
    }
    let all = made.len();
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), all, "each request has an id of its own");
}
