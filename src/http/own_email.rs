//! Another address for one's own account: asked for, confirmed by the new address, taken back by the old one.

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use utoipa::ToSchema;

use super::client::Client;
use super::extract::{CurrentUser, Fields, Json, PathToken, Read, values};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem, UserProblems};
use super::render::StatusJson;
use crate::app::App;
use crate::email::Email;

/// The address to have, and the proof that it is the owner who asks.
#[derive(Debug, ToSchema)]
pub struct EmailChangeBody {
    #[schema(value_type = String, format = Email)]
    email: Email,
    /// The present password. Left out where the account has none: then the sign-in must be fresh.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
}

impl Read for EmailChangeBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let email = fields.required("email", values::email);
        let password = fields.optional("password", values::password);
        Some(Self {
            email: email?,
            password,
        })
    }
}

/// Ask for another address
///
/// Both addresses get a mail; nothing changes until the new one is confirmed.
#[utoipa::path(
    post,
    path = "/api/users/me/email",
    operation_id = "request_email_change",
    tag = "Own account",
    security(("access_token" = [])),
    request_body = EmailChangeBody,
    responses(
        CommonProblems,
        BodyProblems,
        UserProblems,
        LimitProblems,
        (status = 202, description = "Always, whether or not the address is taken", body = StatusJson),
        (status = 403, description = "`wrong_password`, `reauthentication_required`", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: the password was changed meanwhile", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn request(
    State(app): State<App>,
    client: Client,
    caller: CurrentUser,
    Json(body): Json<EmailChangeBody>,
) -> Result<(StatusCode, Json<StatusJson>), Problem> {
    let by = caller.origin(&client);
    app.accounts
        .request_email_change(&caller.0, &body.email, body.password.as_ref(), &by)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(StatusJson { status: "accepted" })))
}

/// Confirm a new address
///
/// Every session ends but the one that asked for it. The old address is mailed.
#[utoipa::path(
    post,
    path = "/api/users/me/email/{token}",
    operation_id = "confirm_email_change",
    tag = "Own account",
    params(("token" = String, Path, description = "From the mail to the new address")),
    responses(
        CommonProblems,
        LimitProblems,
        (status = 200, description = "The account has the address", body = StatusJson),
        (status = 410, description = "`token_spent`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn confirm(
    State(app): State<App>,
    client: Client,
    PathToken(token): PathToken,
) -> Result<Json<StatusJson>, Problem> {
    app.accounts.change_email(&token, &client.anonymous()).await?;
    Ok(Json(StatusJson { status: "changed" }))
}

/// Take a change of address back
///
/// Ends every session, unlinks the identities that were linked since the change was asked for, and mails a link to
/// choose another password.
#[utoipa::path(
    post,
    path = "/api/users/email-undo/{token}",
    operation_id = "undo_email_change",
    tag = "Own account",
    params(("token" = String, Path, description = "From the mail to the old address")),
    responses(
        CommonProblems,
        LimitProblems,
        (status = 200, description = "The account has its old address", body = StatusJson),
        (status = 409, description = "`conflict`: another account has the address by now; every session ended all the same", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 410, description = "`token_spent`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn undo(
    State(app): State<App>,
    client: Client,
    PathToken(token): PathToken,
) -> Result<Json<StatusJson>, Problem> {
    app.accounts
        .undo_email_change(&token, app.oauth.providers(), &client.anonymous())
        .await?;
    Ok(Json(StatusJson { status: "restored" }))
}
