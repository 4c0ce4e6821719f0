//! `GET /api/auth/socket`: a single-use token that opens a socket. HEAD is refused: this mints.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{CurrentUser, Json};
use super::problem::{CommonProblems, Problem, UserProblems};
use crate::app::App;

/// What opens a socket, and where. Never cached.
#[derive(Serialize, ToSchema)]
#[schema(as = SocketToken)]
pub struct SocketTokenJson {
    token: String,
    /// Seconds.
    expires_in: u64,
    /// The address of the socket.
    url: String,
    /// The subprotocol to offer.
    protocol: &'static str,
}

/// Get a token for the socket
#[utoipa::path(
    get,
    path = "/api/auth/socket",
    operation_id = "create_socket_token",
    tag = "Sign-in",
    security(("access_token" = [])),
    responses(
        CommonProblems,
        UserProblems,
        (status = 200, description = "Good once, for 30 s", body = SocketTokenJson),
        (status = 403, description = "`refresh_required`: the access token was minted over a socket", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn mint(
    State(app): State<App>,
    CurrentUser(current): CurrentUser,
) -> Result<Json<SocketTokenJson>, Problem> {
    let (token, lifetime) = app.sessions.socket_token(&current)?;
    Ok(Json(SocketTokenJson {
        token: token.expose().to_owned(),
        expires_in: lifetime.as_secs(),
        url: app.cx.site.socket_url(),
        protocol: "portcullis.v1",
    }))
}
