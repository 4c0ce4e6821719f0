//! The few static files of the pages, compiled in.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const FILES: &[(&str, &str, &str)] = &[
    (
        "/assets/docs.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/docs.js"),
    ),
    (
        "/assets/icon.svg",
        "image/svg+xml",
        include_str!("assets/icon.svg"),
    ),
    (
        "/assets/pages.css",
        "text/css; charset=utf-8",
        include_str!("assets/pages.css"),
    ),
    (
        "/assets/pages.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/pages.js"),
    ),
];

/// A route for each file.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let add = |router: Router<S>, (path, kind, text): &(&'static str, &'static str, &'static str)| {
        let (kind, text) = (*kind, *text);
        router.route(path, get(move || async move { file(kind, text) }))
    };
    FILES.iter().fold(Router::new(), add)
}

/// A file that browsers may keep for a short while: its address does not change with its contents.
pub fn file(kind: &'static str, bytes: impl IntoResponse) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    (headers, bytes).into_response()
}
