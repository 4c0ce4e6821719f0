//! What a page of another site can make a browser send changes nothing (T24).

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::{ADA, Browser, NAME, OURS, live, set_cookies, tuning};
use crate::support::app::TestApp;
use crate::support::http::Answer;
use crate::support::people::PASSWORD;

const ROUTES: [&str; 3] = ["/api/auth", "/api/auth/refresh", "/api/auth/logout"];

const FOREIGN: [&str; 14] = [
    "null",
    "*",
    "",
    "https://evil.example",
    "http://app.example.org",
    "http://auth.example.org",
    "https://auth.example.org.evil.example",
    "https://evil.auth.example.org",
    "https://app.example.org:443",
    "https://app.example.org/",
    "https://APP.example.org",
    "https://app.example.org.evil.example",
    "https://app.example.org@evil.example",
    "https://app.example.org, https://evil.example",
];

/// Somebody signed in, and what their browser would add to a request.
async fn victim(hub: &TestApp) -> Browser<'_> {
    hub.person(ADA, "user").await;
    let mut browser = Browser::new(hub);
    browser.sign_in(ADA).await.expect(200);
    browser
}

/// Nothing was ended, begun or rotated.
async fn unchanged(hub: &TestApp, mut victim: Browser<'_>) {
    assert_eq!(hub.count("sessions").await, 1);
    assert_eq!(hub.count("refresh_tokens").await, 1);
    assert_eq!(live(hub).await, 1);
    victim.refresh().await.expect(200);
}

fn signed_in_as(victim: &Browser<'_>, path: &str) -> RequestBuilder {
    let request = victim.hub.request(Method::POST, path);
    request.header("cookie", victim.header())
}

#[tokio::test]
async fn t24_in_cookie_mode_an_origin_that_is_not_allowed_changes_nothing() {
    let hub = tuning().spawn().await;
    let victim = victim(&hub).await;
    for path in ROUTES {
        let body = match path {
            "/api/auth" => json!({ "email": ADA, "password": PASSWORD }),
            _ => json!({}),
        };
        let mut origins: Vec<Vec<&str>> = FOREIGN.iter().map(|origin| vec![*origin]).collect();
        origins.extend([vec![], vec![OURS, OURS], vec![OURS, "https://evil.example"]]);
        for origin in origins {
            let mut request = signed_in_as(&victim, path).header("x-portcullis-mode", "cookie");
            for origin in &origin {
                request = request.header("origin", *origin);
            }
            let answer = Answer::of(request.json(&body)).await;
            answer.problem(403, "origin_refused");
            assert!(set_cookies(&answer).is_empty(), "{path} {origin:?}");
            assert!(answer.header("access-control-allow-origin").is_none());
        }
    }
    unchanged(&hub, victim).await;
}

#[tokio::test]
async fn t24_the_hubs_own_pages_may_use_the_cookie_whatever_is_listed_and_are_granted_nothing_else() {
    let hub = tuning().spawn().await;
    hub.person(ADA, "user").await;
    let body = json!({ "email": ADA, "password": PASSWORD });
    let request = hub
        .request(Method::POST, "/api/auth")
        .header("x-portcullis-mode", "cookie")
        .header("origin", "https://auth.example.org");
    let answer = Answer::of(request.json(&body)).await.expect(200);
    assert!(set_cookies(&answer).iter().any(|(name, ..)| name == NAME));
    // A page of the same origin reads the answer without being allowed to.
    assert!(answer.header("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn t24_in_cookie_mode_whatever_is_not_json_changes_nothing() {
    let hub = tuning().spawn().await;
    let victim = victim(&hub).await;
    let kinds = [
        None,
        Some("text/plain"),
        Some("text/plain; application/json"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/json; charset=utf-16"),
    ];
    for path in ROUTES {
        for kind in kinds {
            for body in ["", "{}", "scope=all"] {
                let mut request = signed_in_as(&victim, path)
                    .header("x-portcullis-mode", "cookie")
                    .header("origin", OURS)
                    .body(body);
                if let Some(kind) = kind {
                    request = request.header("content-type", kind);
                }
                let answer = Answer::of(request).await;
                answer.problem(415, "unsupported_media_type");
                assert!(set_cookies(&answer).is_empty(), "{path} {kind:?}");
            }
        }
    }
    unchanged(&hub, victim).await;
}

/// A form and a beacon come with the browser's cookies, without a header of ours, and in one of three
/// media types; with another one the browser asks first, which is refused.
#[tokio::test]
async fn t24_a_form_a_beacon_or_a_page_elsewhere_changes_nothing() {
    let hub = tuning().spawn().await;
    let victim = victim(&hub).await;
    let token = victim.cookie(NAME).unwrap();
    let json = format!(r#"{{"scope":"all","refresh_token":"{token}"}}"#);
    for path in ROUTES {
        for kind in [
            "text/plain;charset=UTF-8",
            "application/x-www-form-urlencoded;charset=UTF-8",
            "multipart/form-data; boundary=x",
        ] {
            for origin in ["https://evil.example", "null", OURS] {
                // What looks like JSON, as a form with `enctype=text/plain` can make it.
                for body in [json.as_str(), "scope=all", ""] {
                    let request = signed_in_as(&victim, path)
                        .header("content-type", kind)
                        .header("origin", origin)
                        .header("sec-fetch-site", "cross-site")
                        .body(body.to_owned());
                    let answer = Answer::of(request).await;
                    let refused = [401, 415].contains(&answer.status);
                    assert!(refused, "{path} {kind} {origin}: {}", answer.status);
                    assert!(set_cookies(&answer).is_empty());
                }
            }
        }
        for method in [Method::GET, Method::HEAD] {
            let request = hub.request(method, path).header("cookie", victim.header());
            let answer = Answer::of(request.header("x-portcullis-mode", "cookie")).await;
            assert_eq!(answer.status, 405, "{path}");
        }
        let preflight = hub
            .request(Method::OPTIONS, path)
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-portcullis-mode,content-type");
        let answer = Answer::of(preflight).await;
        answer.problem(403, "origin_refused");
        assert!(answer.header("access-control-allow-headers").is_none());
    }
    unchanged(&hub, victim).await;
}
