//! Recovery: a mailed token lets a person choose a new password, and ends every session.

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use utoipa::ToSchema;

use super::activation::AddressBody;
use super::client::Client;
use super::extract::{Fields, Json, PathToken, Read, values};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem};
use super::render::StatusJson;
use crate::app::App;

/// The new password.
#[derive(Debug, ToSchema)]
pub struct PasswordBody {
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

impl Read for PasswordBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            password: fields.required("password", values::password)?,
        })
    }
}

/// Ask for a recovery mail
#[utoipa::path(
    post,
    path = "/api/auth/recovery",
    operation_id = "request_recovery",
    tag = "Account",
    request_body = AddressBody,
    responses(
        CommonProblems,
        BodyProblems,
        LimitProblems,
        (status = 202, description = "Always, whether or not there is such an account", body = StatusJson),
    )
)]
pub async fn request(
    State(app): State<App>,
    client: Client,
    Json(body): Json<AddressBody>,
) -> Result<(StatusCode, Json<StatusJson>), Problem> {
    app.accounts
        .request_recovery(&body.email, &client.anonymous())
        .await?;
    Ok((StatusCode::ACCEPTED, Json(StatusJson { status: "accepted" })))
}

/// Choose a new password
///
/// Ends every session of the user.
#[utoipa::path(
    post,
    path = "/api/auth/recovery/{token}",
    tag = "Account",
    params(("token" = String, Path, description = "From the mail")),
    request_body = PasswordBody,
    responses(
        CommonProblems,
        BodyProblems,
        LimitProblems,
        (status = 204, description = "The password is set"),
        (status = 410, description = "`token_spent`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn recover(
    State(app): State<App>,
    client: Client,
    PathToken(token): PathToken,
    Json(body): Json<PasswordBody>,
) -> Result<StatusCode, Problem> {
    app.accounts
        .recover(&token, body.password, &client.anonymous())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
