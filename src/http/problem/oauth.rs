//! Refusals in the words of OAuth (RFC 6749, 5.2), for the routes that OAuth's own clients call: the same
//! problem, sent as JSON, with `error` and `error_description` besides.

use axum::response::Response;

use super::Problem;
use crate::error::Code;

/// The layer of such a route: marks whatever was refused inside.
pub async fn in_its_words(mut response: Response) -> Response {
    if let Some(problem) = response.extensions_mut().get_mut::<Problem>() {
        problem.oauth = true;
    }
    response
}

/// The error of RFC 6749 that is nearest.
pub(super) const fn error(code: Code) -> &'static str {
    match code {
        // The caller's own credential; what is wrong with it stands in `WWW-Authenticate` (RFC 6750).
        Code::AuthenticationRequired | Code::InvalidToken | Code::SessionRevoked => "invalid_client",
        Code::Forbidden | Code::AddressNotAllowed => "unauthorized_client",
        Code::RateLimited | Code::Overloaded | Code::Unavailable => "temporarily_unavailable",
        Code::Internal => "server_error",
        _ => "invalid_request",
    }
}

/// `detail` in the characters that RFC 6749 has for a description.
pub(super) fn description(detail: &str) -> String {
    let allowed = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    detail.chars().filter(allowed).collect()
}
