//! The security headers of every answer, errors included (ASVS 5.0, V3.4).

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Nothing in an API answer is to be run, shown or framed.
const API_POLICY: &str = "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";
const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
/// Two years.
const TRANSPORT: &str = "max-age=63072000; includeSubDomains";

/// Who may use an answer as a part of a page.
pub const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The policy of pages: they use their own files and nothing inline, and the one `picture` from elsewhere that a
/// configuration names. Their scripts send what is typed: no form goes by itself, not even one that is sent before its script is
/// there. Swagger UI keeps its icons in `data:` addresses.
pub fn page_policy(picture: Option<&str>) -> HeaderValue {
    let picture = picture.map_or_else(String::new, |address| format!(" {address}"));
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{picture}; connect-src 'self'; \
         form-action 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    );
    // An address that is checked at the start is a header's value; else nothing is allowed.
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(API_POLICY))
}

/// Adds them; what a handler set itself about caching, and about who may embed public code, stays.
pub fn secure(headers: &mut HeaderMap, https: bool, page_policy: &HeaderValue) {
    let html = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    set(X_FRAME_OPTIONS, "DENY");
    set(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    if html {
        set(
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        );
    }
    if https {
        set(STRICT_TRANSPORT_SECURITY, TRANSPORT);
    }
    let policy = if html {
        page_policy.clone()
    } else {
        HeaderValue::from_static(API_POLICY)
    };
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    let mut unless_set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    unless_set(CACHE_CONTROL, "no-store");
    unless_set(RESOURCE_POLICY, "same-origin");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t23_nothing_may_be_framed_and_nothing_runs_inline() {
        for html in [true, false] {
            let mut headers = HeaderMap::new();
            if html {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            }
            secure(&mut headers, true, &page_policy(None));
            let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
            for part in [
                "default-src 'none'",
                "object-src 'none'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            ] {
                assert!(policy.contains(part), "{part}");
            }
            assert!(!policy.contains("unsafe"));
            assert_eq!(headers[X_FRAME_OPTIONS], "DENY");
            assert_eq!(headers.contains_key("cross-origin-opener-policy"), html);
            assert_eq!(headers[CACHE_CONTROL], "no-store");
        }
    }

    #[test]
    fn one_picture_from_elsewhere_is_allowed_and_nothing_beside_it() {
        let logo = "https://cdn.example.org/logo.svg";
        let (with, without) = (page_policy(Some(logo)), page_policy(None));
        let with = with.to_str().unwrap();
        assert!(
            with.contains("; img-src 'self' data: https://cdn.example.org/logo.svg; "),
            "{with}"
        );
        assert_eq!(with.replace(&format!(" {logo}"), ""), without.to_str().unwrap());
    }

    #[test]
    fn t02_browsers_are_held_to_tls_where_the_public_address_is_https() {
        let (mut plain, mut tls) = (HeaderMap::new(), HeaderMap::new());
        secure(&mut plain, false, &page_policy(None));
        secure(&mut tls, true, &page_policy(None));
        assert!(!plain.contains_key(STRICT_TRANSPORT_SECURITY));
        assert_eq!(
            tls[STRICT_TRANSPORT_SECURITY],
            "max-age=63072000; includeSubDomains"
        );
    }
}
