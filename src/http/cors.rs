//! Cross-origin requests: exactly `http.allowed_origins`, with credentials. A foreign origin gets no
//! CORS header at all: nothing is reflected, and `*` is said of public code alone (T03, T24).

mod refused;

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
use crate::config::{Config, PublicUrl};
use crate::error::Code;

pub use refused::RefusedOrigins;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Content-Type, X-Portcullis-Mode, X-Request-Id");
const EXPOSED: HeaderValue = HeaderValue::from_static("Retry-After, X-Request-Id, WWW-Authenticate");
const VARY_ON: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// The origins whose pages may call.
#[derive(Clone, Debug)]
pub struct Origins {
    /// May read answers from elsewhere.
    listed: Vec<String>,
    /// The hub's own pages, which need no permission to read, may use cookies as well.
    own: String,
}

impl Origins {
    /// `http.allowed_origins`, or else the origin of the public address.
    pub fn new(config: &Config, site: &PublicUrl) -> Self {
        let own = site.origin();
        let listed = config.http.allowed_origins.clone();
        Self {
            listed: listed.unwrap_or_else(|| vec![own.clone()]),
            own,
        }
    }

    #[cfg(test)]
    pub fn of(origins: &[&str]) -> Self {
        Self {
            listed: origins.iter().map(ToString::to_string).collect(),
            own: "https://auth.example.org".into(),
        }
    }

    /// Whether a request comes from a page of the hub's own or of a listed origin, and says so.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let own = |origin: &HeaderValue| origin.as_bytes() == self.own.as_bytes();
        only(headers).is_some_and(own) || self.allowed(headers).is_some()
    }

    /// The one `Origin` of a request, when it is listed: compared byte for byte.
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let listed = |origin: &&HeaderValue| {
            let mut listed = self.listed.iter();
            listed.any(|allowed| allowed.as_bytes() == origin.as_bytes())
        };
        only(headers).filter(listed).cloned()
    }
}

/// The `Origin` of a request, when it has exactly one.
fn only(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut sent = headers.get_all(ORIGIN).iter();
    sent.next().filter(|_| sent.next().is_none())
}

/// Answers preflights, and adds to every other answer what its origin may know.
pub async fn apply(Extension(edge): Extension<Arc<Edge>>, request: Request, next: Next) -> Response {
    let allowed = edge.origins.allowed(request.headers());
    if let Some(refused) = &edge.refused_origins
        && let Some(origin) = only(request.headers())
        && !edge.origins.allow(request.headers())
    {
        refused.tell(origin);
    }
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
        let origins = Origins::of(&["https://app.example.org"]);
        let allowed = |sent: &[&str]| {
            let mut headers = HeaderMap::new();
            for origin in sent {
                headers.append(ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(origins.allowed(&headers).is_some(), origins.allow(&headers));
            origins.allow(&headers)
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

    #[test]
    fn t24_the_hubs_own_pages_may_use_cookies_and_are_named_to_nobody() {
        let origins = Origins::of(&["https://app.example.org"]);
        let from = |origin: &'static str| HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
        let own = from("https://auth.example.org");
        assert!(origins.allow(&own) && origins.allowed(&own).is_none());
        for origin in [
            "http://auth.example.org",
            "https://auth.example.org:443",
            "https://auth.example.org/",
            "https://auth.example.org.evil.example",
            "https://evil.auth.example.org",
            "null",
        ] {
            assert!(!origins.allow(&from(origin)), "{origin}");
        }
    }
}
