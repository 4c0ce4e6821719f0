//! Traces: spans reach a collector with their route and request id; whose trace they continue; and that a
//! collector which is away or dead costs nobody anything.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Method;
use tokio::net::TcpListener;

use crate::support::binary::Installation;
use crate::support::collector::{Collector, attribute};
use crate::support::http::{Answer, Caller};
use crate::support::provider::{Browser, ProviderServer};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn sending_to(endpoint: &str) -> Installation {
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_TELEMETRY__OTLP_ENDPOINT", endpoint);
    installation.set("PORTCULLIS_HUB__DRAIN", "0.1");
    // A batch every 100 ms instead of every 5 s.
    installation.set("OTEL_BSP_SCHEDULE_DELAY", "100");
    installation
}

async fn ask(hub: &Caller, id: &str, path: &str) -> Answer {
    let request = hub.request(Method::GET, path);
    Answer::of(request.header("x-request-id", id).header("traceparent", PARENT)).await
}

fn of_request(id: &str) -> impl Fn(&Span) -> bool {
    move |span| attribute(span, "request_id").as_deref() == Some(id)
}

#[tokio::test]
async fn a_request_is_a_span_with_its_route_and_id_and_nothing_of_its_address() {
    let collector = Collector::start().await;
    let mut installation = sending_to(&collector.url()).await;
    installation.set("PORTCULLIS_TELEMETRY__SERVICE_NAME", "gate");
    installation.set(
        "PORTCULLIS_TELEMETRY__OTLP_HEADERS",
        "authorization=Bearer of-the-collector",
    );
    let mut server = installation.serve().await;
    ask(&server.caller, "first", "/activate/canary-token?canary-query=1")
        .await
        .expect(200);
    let span = collector.span("the page's span", of_request("first")).await;
    assert_eq!(span.name, "GET /activate/{token}");
    assert_eq!(span.kind, SpanKind::Server as i32);
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/activate/{token}"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(attribute(&span, key).as_deref(), Some(value), "{key}");
    }
    // Nobody said that this parent may be believed.
    assert_ne!(hex(&span.trace_id), TRACE);
    assert!(span.parent_span_id.is_empty());

    // What is not sent yet when the process ends is sent then.
    ask(&server.caller, "last", "/nowhere/canary").await.expect(404);
    assert_eq!(server.end().await, 0);
    let last = collector.spans().into_iter().find(of_request("last"));
    assert_eq!(last.expect("the last span has arrived").name, "GET unmatched");
    for batch in collector.batches() {
        assert!(batch.head.starts_with("POST /v1/traces "), "{}", batch.head);
        assert_eq!(batch.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(batch.header("authorization"), Some("Bearer of-the-collector"));
        let text = String::from_utf8_lossy(&batch.body).into_owned();
        assert!(text.contains("gate"), "service.name");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn what_takes_long_is_a_span_of_its_own() {
    let acme = ProviderServer::of_ada().await;
    let collector = Collector::start().await;
    let mut installation = sending_to(&collector.url()).await;
    for (name, value) in acme.variables("ACME") {
        installation.set(&name, &value);
    }
    let server = installation.serve().await;
    server.caller.register("grace@example.org").await.expect(202);
    Browser::at(&server.caller).sign_in("acme").await;
    let hash = collector
        .span("the hash", |span| span.name == "password_hash")
        .await;
    let token = format!("{}/token", acme.address);
    let is_call = |span: &Span| attribute(span, "place").as_ref() == Some(&token);
    let call = collector.span("the call for tokens", is_call).await;
    for (inner, outer) in [
        (hash, "POST /api/users"),
        (call, "GET /api/auth/oauth/{provider}/callback"),
    ] {
        let is_around = |span: &Span| span.span_id == inner.parent_span_id;
        assert_eq!(collector.span(outer, is_around).await.name, outer);
    }
    let mail = collector.span("the mail", |span| span.name == "mail").await;
    assert_eq!(attribute(&mail, "kind").as_deref(), Some("activation"));
}

#[tokio::test]
async fn t13_a_trace_is_continued_for_a_trusted_proxy_that_may_say_so_and_for_nobody_else() {
    for (trusted, believed, continued) in [
        ("127.0.0.0/8", "true", true),
        ("127.0.0.0/8", "false", false),
        ("10.0.0.0/8", "true", false),
    ] {
        let collector = Collector::start().await;
        let mut installation = sending_to(&collector.url()).await;
        installation.set("PORTCULLIS_HTTP__TRUSTED_PROXIES", trusted);
        installation.set("PORTCULLIS_TELEMETRY__TRUST_PARENT", believed);
        let server = installation.serve().await;
        ask(&server.caller, "asked", "/healthz").await.expect(200);
        let span = collector.span("the span", of_request("asked")).await;
        assert_eq!(hex(&span.trace_id) == TRACE, continued, "{trusted} {believed}");
        assert_eq!(hex(&span.parent_span_id) == "b7ad6b7169203331", continued);
    }
}

#[tokio::test]
async fn a_share_of_nothing_sends_nothing() {
    let collector = Collector::start().await;
    let mut installation = sending_to(&collector.url()).await;
    installation.set("PORTCULLIS_TELEMETRY__SAMPLE", "0");
    let mut server = installation.serve().await;
    ask(&server.caller, "asked", "/healthz").await.expect(200);
    assert_eq!(server.end().await, 0);
    assert!(collector.spans().is_empty());
}

#[tokio::test]
async fn a_collector_that_is_dead_delays_no_request_and_not_the_end() {
    // One takes connections and never answers; nobody listens at the other's address.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    for address in [silent.local_addr().unwrap(), gone] {
        let mut installation = sending_to(&format!("http://{address}")).await;
        // Fewer than the requests below.
        installation.set("OTEL_BSP_MAX_QUEUE_SIZE", "16");
        let log = installation.folder.path().join("log");
        let mut server = installation.serve_logging_to(&log).await;
        let began = Instant::now();
        for number in 0..200 {
            ask(&server.caller, &number.to_string(), "/healthz")
                .await
                .expect(200);
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let ending = Instant::now();
        assert_eq!(server.end().await, 0);
        assert!(
            ending.elapsed() < Duration::from_secs(8),
            "{:?}",
            ending.elapsed()
        );
        let said = std::fs::read_to_string(&log).unwrap();
        let complaints = said.matches("telemetry.otlp_endpoint").count();
        assert!(complaints <= 1, "once, however often it fails: {said}");
    }
    drop(silent);
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
