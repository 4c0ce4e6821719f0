//! `POST /api/setup/{token}`: the first admin, by the one-time address that `serve` prints.

use axum::extract::State;
use axum::http::StatusCode;

use super::client::Client;
use super::extract::{Json, PathToken};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem};
use super::registration::RegistrationBody;
use super::render::UserJson;
use crate::app::App;

/// Make the first admin
///
/// Development only, while there is no admin.
#[utoipa::path(
    post,
    path = "/api/setup/{token}",
    tag = "Account",
    params(("token" = String, Path, description = "From the address that `serve` prints")),
    request_body = RegistrationBody,
    responses(
        CommonProblems,
        BodyProblems,
        LimitProblems,
        (status = 201, description = "An active admin", body = UserJson),
        (status = 409, description = "`conflict`", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 410, description = "`token_spent`: also once any admin exists", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn set_up(
    State(app): State<App>,
    client: Client,
    PathToken(token): PathToken,
    Json(body): Json<RegistrationBody>,
) -> Result<(StatusCode, Json<UserJson>), Problem> {
    let admin = app
        .accounts
        .set_up(&token, body.into(), &client.anonymous())
        .await?;
    Ok((StatusCode::CREATED, Json(admin.into())))
}
