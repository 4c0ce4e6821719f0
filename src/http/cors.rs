//! Cross-origin requests: exactly `http.allowed_origins`, with credentials. A foreign origin gets no
//! CORS header at all: nothing is reflected, and `*` is never said (T03, T24).

use std::sync::Arc;

use axum::extract::{Extension, Request};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::edge::Edge;
use super::problem::Problem;
use crate::config::{Config, Site};
use crate::error::Code;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Content-Type, X-Portcullis-Mode, X-Request-Id");
const EXPOSED: HeaderValue = HeaderValue::from_static("Retry-After, X-Request-Id, WWW-Authenticate");
const VARY_ON: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// The origins whose pages may call.
#[derive(Clone, Debug)]
pub struct Origins(Vec<String>);

impl Origins {
    /// `http.allowed_origins`, or else the origin of the public address.
    pub fn new(config: &Config, site: &Site) -> Self {
        Self(
            config
                .http
                .allowed_origins
                .clone()
                .unwrap_or_else(|| vec![site.origin()]),
        )
    }

    #[cfg(test)]
    pub fn of(origins: &[&str]) -> Self {
        Self(origins.iter().map(ToString::to_string).collect())
    }

    /// Whether a request comes from a page of one of these origins, and says so.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        self.allowed(headers).is_some()
    }

    /// The one `Origin` of a request, when it is allowed: compared byte for byte.
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut sent = headers.get_all(ORIGIN).iter();
        let origin = sent.next()?;
        let known = self
            .0
            .iter()
            .any(|allowed| allowed.as_bytes() == origin.as_bytes());
        (known && sent.next().is_none()).then(|| origin.clone())
    }
}

/// Answers preflights, and adds to every other answer what its origin may know.
pub async fn apply(Extension(edge): Extension<Arc<Edge>>, request: Request, next: Next) -> Response {
    let allowed = edge.origins.allowed(request.headers());
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (preflight, &allowed) {
        (true, Some(_)) => StatusCode::NO_CONTENT.into_response(),
        (true, None) => Problem::new(Code::OriginRefused).into_response(),
        (false, _) => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(
        VARY,
        if preflight {
            VARY_ON
        } else {
            HeaderValue::from_static("Origin")
        },
    );
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if preflight {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t03_only_an_exact_origin_is_allowed() {
        let origins = Origins(vec!["https://app.example.org".into()]);
        let allowed = |sent: &[&str]| {
            let mut headers = HeaderMap::new();
            for origin in sent {
                headers.append(ORIGIN, origin.parse().unwrap());
            }
            origins.allowed(&headers).is_some()
        };
        assert!(allowed(&["https://app.example.org"]));
        for origin in [
            "null",
            "*",
            "",
            "http://app.example.org",
            "https://app.example.org:444",
            "https://app.example.org/",
            "https://APP.example.org",
            "https://app.example.org.evil.example",
            "https://evil-app.example.org",
            "https://app.example.org@evil.example",
        ] {
            assert!(!allowed(&[origin]), "{origin}");
        }
        assert!(!allowed(&["https://app.example.org", "https://app.example.org"]));
        assert!(!allowed(&[]));
    }
}
