//! `POST /api/users/me/password`: another password for one's own account.

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use utoipa::ToSchema;

use super::client::Client;
use super::extract::{CurrentUser, Fields, Json, Read, values};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem, UserProblems};
use crate::accounts::PasswordChange;
use crate::app::App;

/// The present password, and the one to have.
#[derive(Debug, ToSchema)]
pub struct PasswordChangeBody {
    /// Left out where the account has none: then the sign-in must be fresh.
    #[schema(value_type = Option<String>, format = Password)]
    current_password: Option<SecretString>,
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

impl Read for PasswordChangeBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let current_password = fields.optional("current_password", values::password);
        Some(Self {
            new_password: fields.required("new_password", values::password)?,
            current_password,
        })
    }
}

/// Change one's own password
///
/// Every other session ends; the owner is mailed.
#[utoipa::path(
    post,
    path = "/api/users/me/password",
    operation_id = "change_password",
    tag = "Own account",
    security(("access_token" = [])),
    request_body = PasswordChangeBody,
    responses(
        CommonProblems,
        BodyProblems,
        UserProblems,
        LimitProblems,
        (status = 204, description = "The password is set"),
        (status = 403, description = "`wrong_password`, `reauthentication_required`", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: it was changed meanwhile", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn change(
    State(app): State<App>,
    client: Client,
    caller: CurrentUser,
    Json(body): Json<PasswordChangeBody>,
) -> Result<StatusCode, Problem> {
    let change = PasswordChange {
        current: body.current_password,
        new: body.new_password,
    };
    let by = caller.origin(&client);
    app.accounts.change_password(&caller.0, &change, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}
