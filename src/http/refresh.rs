//! `POST /api/auth/refresh`: a new token pair for a refresh token.

use axum::extract::State;
use secrecy::{ExposeSecret, SecretString};
use utoipa::ToSchema;

use super::client::Client;
use super::extract::{Fields, Json, NoMode, Read, values};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem};
use super::render::TokenPairJson;
use crate::app::App;
use crate::secret::PlainToken;

/// The token to spend.
#[derive(Debug, ToSchema)]
pub struct RefreshBody {
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

impl Read for RefreshBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            refresh_token: fields.required("refresh_token", values::token)?,
        })
    }
}

/// Refresh
///
/// The same token presented again within the grace period gets the same successor.
#[utoipa::path(
    post,
    path = "/api/auth/refresh",
    tag = "Sign-in",
    request_body = RefreshBody,
    responses(
        CommonProblems,
        BodyProblems,
        LimitProblems,
        (status = 200, description = "The next token pair of the session", body = TokenPairJson),
        (status = 401, description = "`invalid_token`, `session_revoked`, `refresh_reused`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn refresh(
    State(app): State<App>,
    client: Client,
    _: NoMode,
    Json(body): Json<RefreshBody>,
) -> Result<Json<TokenPairJson>, Problem> {
    let token = PlainToken::presented(body.refresh_token.expose_secret());
    let pair = app.sessions.refresh(&token, &client.anonymous()).await?;
    Ok(Json(pair.into()))
}
