//! `POST /api/auth/revoke`: whoever holds a token may end its session (RFC 7009).

use axum::extract::State;
use axum::http::StatusCode;

use super::client::Client;
use super::extract::TokenForm;
use super::problem::{CommonProblems, OAuthProblems, Problem};
use crate::app::App;

/// Revoke a token
///
/// RFC 7009. A refresh token of any generation, or a valid access or socket token, ends its session. The
/// token is the proof; no client authenticates.
#[utoipa::path(
    post,
    path = "/api/auth/revoke",
    operation_id = "revoke_token",
    tag = "Sign-in",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        CommonProblems,
        OAuthProblems,
        (status = 200, description = "Its session has ended; also for an unknown or dead token"),
    )
)]
pub async fn revoke(State(app): State<App>, client: Client, form: TokenForm) -> Result<StatusCode, Problem> {
    app.sessions
        .revoke_token(&form.token, &client.anonymous())
        .await?;
    Ok(StatusCode::OK)
}
