//! `GET /.well-known/jwks.json`: the keys that tokens are checked with (RFC 7517).

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;

use super::extract::Json;
use super::problem::CommonProblems;
use crate::app::App;

/// Read the signing keys
///
/// The present, the next and the still valid former ones, as a JWK set.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "read_jwks",
    tag = "Around it",
    responses(CommonProblems, (status = 200, description = "A JWK set; may be cached for 5 minutes", body = serde_json::Value))
)]
pub async fn read(State(app): State<App>) -> impl IntoResponse {
    (
        [(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))],
        Json(app.sessions.jwks()),
    )
}
