//! `GET /api/users/me`: the signed-in person's own record.

use axum::extract::State;

use super::extract::{CurrentUser, Json};
use super::problem::{CommonProblems, Problem, UserProblems};
use super::render::UserJson;
use crate::app::App;

/// Read one's own record
#[utoipa::path(
    get,
    path = "/api/users/me",
    operation_id = "read_me",
    tag = "Account",
    security(("access_token" = [])),
    responses(CommonProblems, UserProblems, (status = 200, description = "The caller", body = UserJson))
)]
pub async fn read(
    State(app): State<App>,
    CurrentUser(current): CurrentUser,
) -> Result<Json<UserJson>, Problem> {
    Ok(Json(app.accounts.find(current.user_id).await?.into()))
}
