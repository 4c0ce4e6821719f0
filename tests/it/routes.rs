//! Which routes there are, with which methods, and that the document and the router agree about it.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::app::TestApp;
use crate::support::document::address;

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
];
/// Here GET mints something, or is written down, so HEAD is refused.
const MINTING: [&str; 6] = [
    "/api/auth/oauth/{provider}/callback",
    "/api/auth/oauth/{provider}/link/{token}",
    "/api/auth/oauth/{provider}/start",
    "/api/auth/socket",
    "/api/users/me/export",
    "/ws",
];

/// The documented methods of each path.
async fn paths(app: &TestApp) -> BTreeMap<String, BTreeSet<String>> {
    let mut paths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in app.operations().await {
        paths.entry(operation.path).or_default().insert(operation.method);
    }
    for (path, methods) in &mut paths {
        if methods.contains("GET") && !MINTING.contains(&path.as_str()) {
            methods.insert("HEAD".to_owned());
        }
    }
    paths
}

#[tokio::test]
async fn the_table_of_routes_is_what_others_were_told() {
    let app = TestApp::spawn().await;
    let operations = app.operations().await;
    let lines = operations.iter().map(|operation| {
        let statuses: Vec<String> = operation.statuses().iter().map(ToString::to_string).collect();
        format!("{:44} {}", operation.name(), statuses.join(" "))
    });
    insta::assert_snapshot!("routes", lines.collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn a_method_that_is_not_documented_is_refused_with_those_that_are() {
    let app = TestApp::spawn().await;
    for (path, methods) in paths(&app).await {
        for method in METHODS {
            let answer = app.call(method, &address(&path), None, None).await;
            if methods.contains(method) {
                assert_ne!(answer.status, 405, "{method} {path}");
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}");
            let allow = answer.header("allow").unwrap_or_default().split(',');
            let allowed: BTreeSet<String> = allow.map(|name| name.trim().to_owned()).collect();
            assert_eq!(allowed, methods, "{method} {path}");
            if method == "HEAD" {
                assert!(answer.bytes.is_empty(), "{path}");
            } else {
                answer.problem(405, "method_not_allowed");
            }
        }
    }
}

#[tokio::test]
async fn every_route_answers_as_documented_and_the_same_with_a_slash_at_its_end() {
    let app = TestApp::spawn().await;
    for operation in app.operations().await {
        let (method, path) = (operation.method.as_str(), operation.address());
        if path == "/" {
            continue;
        }
        let plain = app.call(method, &path, None, None).await;
        let slashed = app.call(method, &format!("{path}/"), None, None).await;
        let name = operation.name();
        assert!(
            operation.statuses().contains(&plain.status),
            "{name} answers {}, which is not documented",
            plain.status
        );
        assert!(!(300..400).contains(&plain.status), "{name}");
        assert_eq!(slashed.status, plain.status, "{name}");
        assert_eq!(
            slashed.header("content-type"),
            plain.header("content-type"),
            "{name}"
        );
        assert_eq!(slashed.header("location"), None, "{name}");
        if plain.header("content-type") == Some("application/problem+json") {
            assert_eq!(slashed.json()["code"], plain.json()["code"], "{name}");
        }
    }
}

#[tokio::test]
async fn what_is_no_route_is_not_found() {
    let app = TestApp::spawn().await;
    for path in [
        "/nothing",
        "/api",
        "/api/nothing",
        "/api/users//",
        "//api/users",
        "/api//users",
        "//",
        "/API/users",
        "/api/users/a/b",
        "/api/docs/../../Cargo.toml",
        "/api/docs/..%2f..%2fCargo.toml",
        "/api/docs/index.html",
        "/assets",
        "/assets/nothing.js",
        "/assets/%2e%2e%2fpages.css",
        "/problems/nothing",
        "/metrics",
        "/.env",
        "/%00",
        "/%ff",
        "/api/users%2fme",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = app.call(method, path, None, None).await;
            if answer.status != 405 {
                answer.problem(404, "not_found");
            }
        }
        app.get(path).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn the_files_of_the_pages_are_served_with_their_own_types() {
    let app = TestApp::spawn().await;
    for (path, kind) in [
        ("/assets/docs.js", "text/javascript; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
        ("/assets/pages.css", "text/css; charset=utf-8"),
        ("/assets/pages.js", "text/javascript; charset=utf-8"),
        ("/api/docs/swagger-ui.css", "text/css; charset=utf-8"),
        ("/api/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = app.get(path).await.expect(200);
        assert_eq!(answer.header("content-type"), Some(kind), "{path}");
        assert!(!answer.bytes.is_empty(), "{path}");
        let refused = app.call("POST", path, None, None).await;
        refused.problem(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn head_where_get_mints_is_refused_and_changes_nothing() {
    let app = TestApp::spawn().await;
    let (_, ada) = app.signed_in("ada@example.org", "user").await;
    let sessions = "select cast(last_seen_at as text) || ' ' || cast(generation as text) from sessions";
    let before = app.texts(sessions).await;
    for path in MINTING {
        let refused = app.call("HEAD", path, Some(&ada.access), None).await;
        assert_eq!(refused.status, 405, "{path}");
        assert_eq!(refused.header("allow"), Some("GET"), "{path}");
        assert!(refused.bytes.is_empty());
    }
    assert_eq!(app.texts(sessions).await, before);
    assert_eq!(app.count("spent_socket_tokens").await, 0);
    assert_eq!(app.count("audit where action = 'user.export'").await, 0);
    // HEAD elsewhere is GET without its body.
    let me = app
        .call("HEAD", "/api/users/me", Some(&ada.access), None)
        .await
        .expect(200);
    assert!(me.bytes.is_empty());
}
