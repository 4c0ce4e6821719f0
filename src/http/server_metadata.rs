//! `GET /.well-known/oauth-authorization-server`: where the routes of OAuth are (RFC 8414).

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::Json;
use super::problem::CommonProblems;
use crate::app::App;

/// The metadata of RFC 8414. There is no authorization endpoint and no token endpoint: people sign in by
/// the server's own routes.
#[derive(Serialize, ToSchema)]
pub struct ServerMetadata {
    issuer: String,
    jwks_uri: String,
    /// Required by RFC 8414, and none are.
    response_types_supported: [String; 0],
    /// None; left out it would mean two.
    grant_types_supported: [String; 0],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'static str; 1],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: [&'static str; 1],
    service_documentation: String,
}

/// Read the server's metadata
///
/// RFC 8414: the issuer, its keys, and the routes of RFC 7662 and RFC 7009.
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    operation_id = "read_server_metadata",
    tag = "Around it",
    responses(CommonProblems, (status = 200, description = "The metadata; may be cached for 5 minutes", body = ServerMetadata))
)]
pub async fn read(State(app): State<App>) -> impl IntoResponse {
    let site = &app.cx.site;
    let metadata = ServerMetadata {
        issuer: site.issuer().to_owned(),
        jwks_uri: site.link("/.well-known/jwks.json"),
        response_types_supported: [],
        grant_types_supported: [],
        introspection_endpoint: site.link("/api/auth/introspect"),
        introspection_endpoint_auth_methods_supported: ["Bearer"],
        revocation_endpoint: site.link("/api/auth/revoke"),
        revocation_endpoint_auth_methods_supported: ["none"],
        service_documentation: site.link("/api/docs"),
    };
    (
        [(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))],
        Json(metadata),
    )
}
