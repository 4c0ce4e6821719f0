//! Activation: the mailed token makes an account active; another mail may be asked for.

use axum::extract::State;
use axum::http::StatusCode;
use utoipa::ToSchema;

use super::client::Client;
use super::extract::{Fields, Json, PathToken, Read, values};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem};
use super::render::StatusJson;
use crate::app::App;
use crate::email::Email;

/// Whom to send a mail to.
#[derive(Debug, ToSchema)]
pub struct AddressBody {
    #[schema(value_type = String, format = Email)]
    pub email: Email,
}

impl Read for AddressBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            email: fields.required("email", values::email)?,
        })
    }
}

/// Activate an account
///
/// Unknown, used and expired tokens look alike. Does not sign in.
#[utoipa::path(
    patch,
    path = "/api/auth/activate/{token}",
    tag = "Account",
    params(("token" = String, Path, description = "From the mail")),
    responses(
        CommonProblems,
        LimitProblems,
        (status = 200, description = "The account is active", body = StatusJson),
        (status = 410, description = "`token_spent`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn activate(
    State(app): State<App>,
    client: Client,
    PathToken(token): PathToken,
) -> Result<Json<StatusJson>, Problem> {
    app.accounts.activate(&token, &client.anonymous()).await?;
    Ok(Json(StatusJson { status: "active" }))
}

/// Ask for another activation mail
#[utoipa::path(
    post,
    path = "/api/auth/activate",
    operation_id = "resend_activation",
    tag = "Account",
    request_body = AddressBody,
    responses(
        CommonProblems,
        BodyProblems,
        LimitProblems,
        (status = 202, description = "Always, whether or not there is such an account", body = StatusJson),
    )
)]
pub async fn resend(
    State(app): State<App>,
    client: Client,
    Json(body): Json<AddressBody>,
) -> Result<(StatusCode, Json<StatusJson>), Problem> {
    app.accounts
        .resend_activation(&body.email, &client.anonymous())
        .await?;
    Ok((StatusCode::ACCEPTED, Json(StatusJson { status: "accepted" })))
}
