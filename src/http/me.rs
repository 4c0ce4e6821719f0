//! `/api/users/me`: the signed-in person's own record, read, changed and deleted.

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use utoipa::ToSchema;

use super::client::Client;
use super::extract::{CurrentUser, Fields, Json, OptionalJson, Patch, Read, values};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem, UserProblems};
use super::render::UserJson;
use crate::accounts::MAX_NAME;
use crate::app::App;

/// Read one's own record
#[utoipa::path(
    get,
    path = "/api/users/me",
    operation_id = "read_me",
    tag = "Own account",
    security(("access_token" = [])),
    responses(CommonProblems, UserProblems, (status = 200, description = "The caller", body = UserJson))
)]
pub async fn read(
    State(app): State<App>,
    CurrentUser(current): CurrentUser,
) -> Result<Json<UserJson>, Problem> {
    Ok(Json(app.accounts.find(current.user_id).await?.into()))
}

/// What to change. What is left out stays.
#[derive(Debug, ToSchema)]
pub struct ProfileBody {
    /// `null` or empty: none.
    #[schema(value_type = Option<String>, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: Patch<String>,
}

impl Read for ProfileBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            name: fields.patch("name", values::text_or_empty(MAX_NAME)),
        })
    }
}

/// Change one's own name
///
/// Address and password have routes of their own.
#[utoipa::path(
    patch,
    path = "/api/users/me",
    operation_id = "update_me",
    tag = "Own account",
    security(("access_token" = [])),
    request_body = ProfileBody,
    responses(CommonProblems, BodyProblems, UserProblems, LimitProblems, (status = 200, description = "The caller as changed", body = UserJson))
)]
pub async fn update(
    State(app): State<App>,
    client: Client,
    caller: CurrentUser,
    Json(body): Json<ProfileBody>,
) -> Result<Json<UserJson>, Problem> {
    let name = match &body.name {
        Patch::Keep => return read(State(app), caller).await,
        Patch::Clear => None,
        Patch::Set(name) => Some(name.as_str()),
    };
    let by = caller.origin(&client);
    Ok(Json(app.accounts.rename(&caller.0, name, &by).await?.into()))
}

/// The proof that it is the owner who asks.
#[derive(Debug, ToSchema)]
pub struct ProofBody {
    /// The present password. Left out where the account has none: then the sign-in must be fresh.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<SecretString>,
}

impl Read for ProofBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            password: fields.optional("password", values::password),
        })
    }
}

/// Delete one's own account
///
/// Ends every session and cannot be undone.
#[utoipa::path(
    delete,
    path = "/api/users/me",
    operation_id = "delete_me",
    tag = "Own account",
    security(("access_token" = [])),
    request_body = Option<ProofBody>,
    responses(
        CommonProblems,
        BodyProblems,
        UserProblems,
        LimitProblems,
        (status = 204, description = "The account is gone"),
        (status = 403, description = "`wrong_password`, `reauthentication_required`", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "`last_admin`, `conflict`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(app): State<App>,
    client: Client,
    caller: CurrentUser,
    OptionalJson(body): OptionalJson<ProofBody>,
) -> Result<StatusCode, Problem> {
    let by = caller.origin(&client);
    app.accounts
        .delete_own(&caller.0, body.password.as_ref(), &by)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
