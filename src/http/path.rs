//! Every path answers with and without a trailing slash, without a redirect: one slash at the end is
//! taken off before routing. Nothing else is changed; `//` stays what it is and finds nothing.

use axum::http::Request;
use axum::http::uri::{PathAndQuery, Uri};

/// The request with one trailing slash taken off its path.
pub fn normalise<B>(mut request: Request<B>) -> Request<B> {
    if let Some(uri) = without_trailing_slash(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The shorter address, or `None` when there is nothing to take off.
fn without_trailing_slash(uri: &Uri) -> Option<Uri> {
    let path = uri
        .path()
        .strip_suffix('/')
        .filter(|rest| !rest.is_empty() && !rest.ends_with('/'))?;
    let shorter = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(shorter).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trailing_slash_is_taken_off_and_nothing_else() {
        for (from, to) in [
            ("/", "/"),
            ("/api/users", "/api/users"),
            ("/api/users/", "/api/users"),
            ("/api/users/?limit=5", "/api/users?limit=5"),
            ("/api/users?next=/", "/api/users?next=/"),
            ("/api/users/?", "/api/users?"),
            ("//", "//"),
            ("/api//", "/api//"),
            ("//api/users/", "//api/users"),
            ("/a%2F/", "/a%2F"),
            ("http://example.org/api/users/", "http://example.org/api/users"),
            ("*", "*"),
        ] {
            let request = normalise(Request::builder().uri(from).body(()).unwrap());
            assert_eq!(request.uri().to_string(), to, "{from}");
        }
    }
}
