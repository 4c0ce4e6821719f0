//! The layers around every request: its id, the caller's address, one span and two metrics, the
//! security headers, and the body of a problem. The raw path is never logged: tokens live there.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Extension, MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use tracing::Instrument;

use super::client::{Client, Peer};
use super::counting::{self, UNMATCHED};
use super::edge::Edge;
use super::headers;
use super::problem::Problem;
use crate::error::Code;
use crate::metric;
use crate::secret::Rng;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps a request in its span, counts and times it.
pub async fn observe(Extension(edge): Extension<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let request_id = request_id(request.headers(), &edge.rng);
    let method = method_label(request.method());
    let route: Arc<str> = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| Arc::from(UNMATCHED), |path| Arc::from(path.as_str()));
    let span = edge.traced.span(&request_id, method, &route);
    if let Some(Peer(peer)) = request.extensions().get().copied() {
        let client = Client::locate(
            peer.ip(),
            request.headers(),
            &edge.trusted_proxies,
            Arc::clone(&request_id),
        );
        let by_proxy = client.came_by(&edge.trusted_proxies);
        edge.traced.join(&span, request.headers(), by_proxy);
        request.extensions_mut().insert(client);
    }
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    finish(&edge, &request_id, &mut response);
    let taken = started.elapsed();
    edge.traced.end(&span, response.status());
    let status = response.status().as_u16();
    let millis = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status, millis, "answered"));
    counting::count(method, &route, status, taken);
    response
}

/// Writes the body of a problem, the security headers and the request id.
fn finish(edge: &Edge, request_id: &str, response: &mut Response) {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.render(edge, request_id, response);
    }
    headers::secure(response.headers_mut(), edge.https, &edge.page_policy);
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
}

/// The caller's own id when it is sane, else a new one.
fn request_id(headers: &HeaderMap, rng: &Rng) -> Arc<str> {
    let sent = headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| is_sane(id));
    sent.map_or_else(
        || {
            let mut bits = [0; 16];
            rng.fill(&mut bits);
            HEXLOWER.encode(&bits).into()
        },
        Into::into,
    )
}

/// 1 to 64 of `[A-Za-z0-9._-]`: nothing that could bend a line of the log.
fn is_sane(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&id.len()) && id.bytes().all(plain)
}

/// A caller cannot make new series by inventing methods.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The last resort: a panic ends one request, not the server. What it said stays here.
pub fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    // The panic hook has written message and place; the span of this line has the request id.
    tracing::error!("a handler panicked");
    metrics::counter!(metric::PANICS).increment(1);
    Problem::new(Code::Internal).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t15_a_request_id_is_echoed_only_when_it_is_sane() {
        let rng = Rng::seeded(1);
        let id = |sent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(sent.as_bytes()).unwrap());
            request_id(&headers, &rng)
        };
        let longest = "x".repeat(64);
        for sane in ["a", "0190-abc.DEF_1", &longest] {
            assert_eq!(&*id(sane), sane);
        }
        let too_long = "x".repeat(65);
        for odd in ["", "a b", "a,b", "ä", "a\tb", "{}", "a%0a", &too_long] {
            let made = id(odd);
            assert!(made.len() == 32 && is_sane(&made), "{odd:?}");
        }
    }
}
