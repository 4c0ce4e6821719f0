//! One's own sessions: where one is signed in, and signing that out.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::client::Client;
use super::extract::{CurrentUser, Json, PathId, PathToken};
use super::problem::{CommonProblems, LimitProblems, Problem, UserProblems};
use super::sessions::SessionJson;
use crate::app::App;
use crate::ids::SessionId;

/// Every live session of the caller, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnSessions)]
pub struct SessionsJson {
    items: Vec<SessionJson>,
}

/// List one's own sessions
#[utoipa::path(
    get,
    path = "/api/users/me/sessions",
    operation_id = "list_own_sessions",
    tag = "Own account",
    security(("access_token" = [])),
    responses(CommonProblems, UserProblems, (status = 200, description = "Where the caller is signed in", body = SessionsJson))
)]
pub async fn list(
    State(app): State<App>,
    CurrentUser(current): CurrentUser,
) -> Result<Json<SessionsJson>, Problem> {
    // None when the account was deleted meanwhile.
    let sessions = app.sessions.of_user(current.user_id).await?.unwrap_or_default();
    let items = sessions
        .into_iter()
        .map(|shown| SessionJson::of(shown, Some(current.session_id)));
    Ok(Json(SessionsJson {
        items: items.collect(),
    }))
}

/// End one of one's own sessions
///
/// One that has ended already is no error.
#[utoipa::path(
    delete,
    path = "/api/users/me/sessions/{id}",
    operation_id = "end_own_session",
    tag = "Own account",
    security(("access_token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session's id")),
    responses(
        CommonProblems,
        UserProblems,
        LimitProblems,
        (status = 204, description = "It has ended"),
        (status = 404, description = "`not_found`: no session of the caller's", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn end(
    State(app): State<App>,
    client: Client,
    caller: CurrentUser,
    PathId(id): PathId<SessionId>,
) -> Result<StatusCode, Problem> {
    let by = caller.origin(&client);
    app.sessions.end_own(&caller.0, id, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End all of one's own sessions but this one
#[utoipa::path(
    delete,
    path = "/api/users/me/sessions",
    operation_id = "end_other_sessions",
    tag = "Own account",
    security(("access_token" = [])),
    responses(
        CommonProblems,
        UserProblems,
        LimitProblems,
        (status = 204, description = "The others have ended, or there were none"),
    )
)]
pub async fn end_others(
    State(app): State<App>,
    client: Client,
    caller: CurrentUser,
) -> Result<StatusCode, Problem> {
    let by = caller.origin(&client);
    app.sessions.end_others(&caller.0, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out a device that is not one's own
///
/// By the link in the mail about a new device. Also mails a link to choose another password.
#[utoipa::path(
    post,
    path = "/api/auth/device-revoke/{token}",
    operation_id = "revoke_device",
    tag = "Own account",
    params(("token" = String, Path, description = "From the mail")),
    responses(
        CommonProblems,
        LimitProblems,
        (status = 204, description = "The device is signed out"),
        (status = 410, description = "`token_spent`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn revoke_device(
    State(app): State<App>,
    client: Client,
    PathToken(token): PathToken,
) -> Result<StatusCode, Problem> {
    app.accounts.revoke_device(&token, &client.anonymous()).await?;
    Ok(StatusCode::NO_CONTENT)
}
