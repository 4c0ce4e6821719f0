//! The layers around routes that need no services, and the document.

use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tower::ServiceExt;

use super::super::Peer;
use super::*;

async fn call(request: axum::http::request::Builder) -> Response {
    let routes = Router::new()
        .route("/things", get(|| async { "things" }))
        .route("/things/{token}", post(|| async { "one" }))
        .route(
            "/mint",
            get(|| async { "minted" }).head(get_only).fallback(get_only),
        )
        .route("/panic", get(panicking));
    let peer = Peer("127.0.0.1:50000".parse().unwrap());
    let request = request.extension(peer).body(Body::empty()).unwrap();
    layered(routes, Arc::new(Edge::for_tests()))
        .oneshot(request)
        .await
        .unwrap()
}

async fn panicking() -> &'static str {
    panic!("a secret in a panic")
}

fn request(method: &str, uri: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(uri)
        .header("host", "auth.example.org")
}

async fn body(response: Response) -> serde_json::Value {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_path_answers_with_and_without_a_trailing_slash() {
    for (uri, status) in [
        ("/things", 200),
        ("/things/", 200),
        ("/things/?a=b", 200),
        ("/things//", 404),
        ("//", 404),
        ("//things", 404),
    ] {
        assert_eq!(call(request("GET", uri)).await.status(), status, "{uri}");
    }
    assert_eq!(call(request("POST", "/things/t0ken/")).await.status(), 200);
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_not_possible_are_problems() {
    let missing = call(request("GET", "/nothing").header("x-request-id", "r-7")).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let missing = body(missing).await;
    assert_eq!(
        (&missing["code"], &missing["request_id"]),
        (&"not_found".into(), &"r-7".into())
    );

    for (method, uri, allow) in [
        ("DELETE", "/things", "GET,HEAD"),
        ("GET", "/things/t0ken", "POST"),
        ("TRACE", "/things", "GET,HEAD"),
        ("OPTIONS", "/things", "GET,HEAD"),
        ("POST", "/mint", "GET"),
    ] {
        let refused = call(request(method, uri)).await;
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {uri}");
        assert_eq!(header(&refused, "allow"), Some(allow), "{method} {uri}");
        assert_eq!(body(refused).await["code"], "method_not_allowed");
    }
}

#[tokio::test]
async fn head_is_answered_unless_get_mints() {
    assert_eq!(call(request("HEAD", "/things")).await.status(), StatusCode::OK);
    let refused = call(request("HEAD", "/mint")).await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&refused, "allow"), Some("GET"));
    assert_eq!(call(request("GET", "/mint")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn t14_a_panic_is_answered_as_an_internal_fault_and_tells_nothing() {
    let answer = call(request("GET", "/panic")).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(header(&answer, "x-frame-options"), Some("DENY"));
    let answer = body(answer).await;
    assert_eq!(answer["code"], "internal");
    assert!(!answer.to_string().contains("secret"));
}

#[tokio::test]
async fn t25_another_host_is_refused_except_where_health_is_asked() {
    let ask = |uri: &str, host: &str| {
        call(
            Request::builder()
                .uri(uri.to_owned())
                .header("host", host.to_owned()),
        )
    };
    let refused = ask("/things", "evil.example").await;
    assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(body(refused).await["code"], "misdirected_request");
    // No such routes here, but past the check.
    assert_eq!(
        ask("/healthz", "evil.example").await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        ask("/readyz/", "10.1.2.3:8080").await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(ask("/things", "localhost:1").await.status(), StatusCode::OK);
    let forwarded = request("GET", "/things").header("x-forwarded-host", "evil.example");
    assert_eq!(call(forwarded).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn t23_every_answer_has_the_security_headers() {
    for uri in ["/things", "/nothing", "/panic"] {
        let answer = call(request("GET", uri)).await;
        for name in [
            "x-content-type-options",
            "referrer-policy",
            "x-frame-options",
            "content-security-policy",
            "strict-transport-security",
            "permissions-policy",
            "x-request-id",
            "vary",
        ] {
            assert!(answer.headers().contains_key(name), "{name} on {uri}");
        }
        assert_eq!(header(&answer, "cache-control"), Some("no-store"));
        assert_eq!(header(&answer, "server"), None);
    }
}

#[tokio::test]
async fn t24_preflights_are_answered_for_known_origins_alone() {
    let preflight = |origin: &str| {
        let request = request("OPTIONS", "/things").header("origin", origin.to_owned());
        call(request.header("access-control-request-method", "POST"))
    };
    let known = preflight("https://app.example.org").await;
    assert_eq!(known.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        header(&known, "access-control-allow-origin"),
        Some("https://app.example.org")
    );
    assert_eq!(header(&known, "access-control-allow-credentials"), Some("true"));
    for answer in [
        preflight("https://evil.example").await,
        call(request("GET", "/things").header("origin", "https://evil.example")).await,
        call(request("GET", "/things").header("origin", "null")).await,
        call(request("GET", "/things")).await,
    ] {
        assert!(
            answer
                .headers()
                .keys()
                .all(|name| !name.as_str().starts_with("access-control-"))
        );
        assert!(header(&answer, "vary").is_some_and(|vary| vary.contains("Origin")));
    }
    // Errors, too, can be read by the pages that may call.
    let missing = call(request("GET", "/nothing").header("origin", "https://app.example.org")).await;
    assert_eq!(
        header(&missing, "access-control-allow-origin"),
        Some("https://app.example.org")
    );
    assert!(header(&missing, "access-control-expose-headers").is_some());
}

#[test]
fn each_route_documents_a_success_and_an_internal_fault() {
    let document = serde_json::to_value(openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(!paths.is_empty());
    for (path, item) in paths {
        let operations = item.as_object().unwrap();
        for (method, operation) in operations {
            let responses = operation["responses"].as_object().unwrap();
            let health = path == "/healthz" || path == "/readyz";
            assert!(health || responses.contains_key("500"), "{method} {path}");
            let succeeds = responses.keys().any(|status| status.as_str() < "400");
            assert!(succeeds, "{method} {path}");
        }
    }
}

#[test]
fn the_routes_of_development_join_without_a_clash() {
    let document = serde_json::to_value(every(true).into_openapi()).unwrap();
    assert!(document["paths"]["/dev/mailbox.json"].is_object());
}
