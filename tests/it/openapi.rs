//! The OpenAPI document: valid, whole, and honest about errors.

use std::collections::BTreeSet;

use portcullis::config::Env;
use serde_json::Value;

use crate::support::app::{TestApp, Tuning};
use crate::support::document::Operation;

#[tokio::test]
async fn the_document_is_json_of_version_3_1_and_names_its_own_server() {
    let app = Tuning::new()
        .configure(|config| config.public_url = Some("https://auth.example.org".parse().unwrap()))
        .spawn()
        .await;
    let answer = app.get("/api/openapi.json").await.expect(200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["servers"][0]["url"], "https://auth.example.org");
    assert_eq!(document["info"]["title"], "Portcullis");
    for scheme in ["access_token", "service_key"] {
        let scheme = &document["components"]["securitySchemes"][scheme];
        assert_eq!(
            (&scheme["type"], &scheme["scheme"]),
            (&"http".into(), &"bearer".into())
        );
    }
}

#[tokio::test]
async fn nothing_public_names_the_release_in_production() {
    let app = Tuning::new()
        .configure(|config| config.env = Env::Production)
        .spawn()
        .await;
    let release = env!("CARGO_PKG_VERSION");
    for path in [
        "/",
        "/sign-in",
        "/account",
        "/api/docs",
        "/api/openapi.json",
        "/client.js",
        "/client.global.js",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/healthz",
        "/readyz",
        "/problems/not_found",
    ] {
        let answer = app.get(path).await.expect(200);
        assert!(!answer.text().contains(release), "{path}");
        let named =
            |value: &reqwest::header::HeaderValue| value.to_str().is_ok_and(|text| text.contains(release));
        assert!(!answer.headers.values().any(named), "{path}");
        assert!(!answer.headers.contains_key("server"), "{path}");
    }
}

/// Every `$ref` in `value`.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get("$ref") {
                found.insert(target.clone());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_operation_can_be_told_apart() {
    let app = TestApp::spawn().await;
    let document = app.document().await;
    let production = serde_json::to_value(portcullis::http::openapi()).unwrap();
    for document in [&document, &production] {
        let mut found = BTreeSet::new();
        references(document, &mut found);
        assert!(!found.is_empty());
        for target in found {
            let pointer = target.strip_prefix('#').expect("a reference into the document");
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for operation in app.operations().await {
        let name = operation.name();
        let about = &operation.about;
        let id = about["operationId"].as_str().expect("an id").to_owned();
        assert!(ids.insert(id), "{name}: its id is taken");
        assert!(
            about["summary"].as_str().is_some_and(|text| !text.is_empty()),
            "{name}"
        );
        assert!(tags.contains(about["tags"][0].as_str().unwrap()), "{name}");
        for parameter in operation.path.match_indices('{') {
            let rest = &operation.path[parameter.0 + 1..];
            let wanted = &rest[..rest.find('}').unwrap()];
            let listed = about["parameters"].as_array().unwrap();
            assert!(listed.iter().any(|listed| listed["name"] == wanted), "{name}");
        }
    }
}

/// Whether the route is one of OAuth's, which take forms and refuse in JSON of their own (RFC 6749).
fn takes_form(operation: &Operation) -> bool {
    operation.about["requestBody"]["content"]["application/x-www-form-urlencoded"].is_object()
}

/// What a route with these traits may answer.
fn expected(operation: &Operation) -> Vec<(u16, &'static str)> {
    let about = &operation.about;
    let mut expected = Vec::new();
    if operation.path == "/healthz" || operation.path == "/readyz" {
        return expected;
    }
    expected.extend([(400, "bad_request"), (421, "misdirected_request")]);
    expected.extend([(500, "internal"), (503, "unavailable")]);
    if about["requestBody"].is_object() {
        expected.extend([(413, "body_too_large"), (415, "unsupported_media_type")]);
        if !takes_form(operation) {
            expected.extend([(400, "malformed_json"), (422, "validation_failed")]);
        }
    }
    let needs_token = about["security"]
        .as_array()
        .is_some_and(|schemes| !schemes.contains(&Value::Object(serde_json::Map::new())));
    if needs_token {
        for code in ["authentication_required", "invalid_token", "session_revoked"] {
            expected.push((401, code));
        }
    }
    if about["security"].to_string().contains("service_key") {
        expected.extend([(403, "forbidden"), (403, "address_not_allowed")]);
    }
    if operation.path.contains("{id}") {
        expected.push((404, "not_found"));
    }
    if is_for_browsers(operation) {
        return expected;
    }
    if operation.path.starts_with("/api/") && operation.path.contains("{token}") {
        expected.push((410, "token_spent"));
    }
    let in_query = |parameter: &Value| parameter["in"] == "query";
    if about["parameters"]
        .as_array()
        .is_some_and(|all| all.iter().any(in_query))
    {
        expected.push((422, "validation_failed"));
    }
    expected
}

/// Where a browser goes by itself: it gets a page, or is sent on.
fn is_for_browsers(operation: &Operation) -> bool {
    operation.method == "GET" && operation.path.starts_with("/api/auth/oauth/")
}

#[tokio::test]
async fn every_operation_documents_its_errors_as_problems() {
    let app = TestApp::spawn().await;
    for operation in app.operations().await {
        let name = operation.name();
        let responses = &operation.about["responses"];
        for (status, code) in expected(&operation) {
            let response = &responses[status.to_string()];
            let described = response["description"].as_str().unwrap_or_default();
            assert!(
                described.contains(&format!("`{code}`")),
                "{name}: {status} {code}"
            );
        }
        for (status, response) in responses.as_object().unwrap() {
            if status.as_str() >= "400" {
                // Other hosts and methods are refused before the route is reached.
                let is_inside = !["405", "421"].contains(&status.as_str());
                let kind = if takes_form(&operation) && is_inside {
                    "application/json"
                } else {
                    "application/problem+json"
                };
                let schema = &response["content"][kind]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{name}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn every_json_body_is_closed_and_every_answer_names_its_headers() {
    let app = TestApp::spawn().await;
    let document = app.document().await;
    let mut bodies = 0;
    for operation in app.operations().await {
        let name = operation.name();
        let body = &operation.about["requestBody"]["content"]["application/json"]["schema"];
        if body.is_object() {
            let target = body["$ref"].as_str().expect("no `null` beside it");
            let schema = document.pointer(target.trim_start_matches('#')).unwrap();
            assert_eq!(schema["additionalProperties"], false, "{name}");
            bodies += 1;
        }
        for (status, response) in operation.about["responses"].as_object().unwrap() {
            let own = match status.as_str() {
                "401" => Some("WWW-Authenticate"),
                "405" => Some("Allow"),
                "429" | "503" => Some("Retry-After"),
                _ => None,
            };
            for header in own.into_iter().chain(["X-Request-Id"]) {
                let header = &response["headers"][header];
                assert_eq!(header["required"], true, "{name}: {status}");
            }
        }
    }
    assert!(bodies > 10, "the bodies were found");
}

#[tokio::test]
async fn what_is_for_development_alone_is_not_in_the_document_of_production() {
    let app = TestApp::spawn().await;
    let document = serde_json::to_value(portcullis::http::openapi()).unwrap();
    let here: BTreeSet<String> = app.operations().await.iter().map(Operation::name).collect();
    let production = document["paths"].as_object().unwrap();
    let mut there = BTreeSet::new();
    for (path, item) in production {
        assert!(!path.starts_with("/dev/"), "{path}");
        for method in item.as_object().unwrap().keys() {
            there.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let only_here: Vec<&String> = here.difference(&there).collect();
    assert_eq!(only_here, ["GET /dev/mailbox", "GET /dev/mailbox.json"]);
    assert!(there.is_subset(&here));
}
