//! Users, as managers see them.

use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Fields, Json, Management, PathId, Query, Read, UsersRead, values};
use super::problem::{CommonProblems, ManagementProblems, Problem};
use super::render::UserJson;
use crate::app::App;
use crate::ids::UserId;

const MAX_LIMIT: u32 = 200;
const DEFAULT_LIMIT: u32 = 50;

/// Which page of the list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<UserId>,
    /// How many at most; 50 unless set.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: u32,
}

impl Read for ListQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let cursor = fields.optional("cursor", values::id);
        let limit = fields
            .optional("limit", values::digits(1..=MAX_LIMIT))
            .unwrap_or(DEFAULT_LIMIT);
        Some(Self { cursor, limit })
    }
}

/// A page of users, newest first.
#[derive(Serialize, ToSchema)]
pub struct UserList {
    items: Vec<UserJson>,
    /// Leads to the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// List users
///
/// Needs `users:read`. Newest first.
#[utoipa::path(
    get,
    path = "/api/users",
    operation_id = "list_users",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["users:read"])),
    params(ListQuery),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 200, description = "One page", body = UserList),
        (status = 422, description = "`validation_failed`, with `errors`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    _: Management<UsersRead>,
    Query(query): Query<ListQuery>,
) -> Result<Json<UserList>, Problem> {
    let users = app.accounts.list(query.cursor, query.limit).await?;
    let mut next = users.last().map(|user| user.id);
    // A full page may be the last one: its reader should not have to ask for an empty one.
    if users.len() < query.limit as usize || app.accounts.list(next, 1).await?.is_empty() {
        next = None;
    }
    let next_cursor = next.map(|id| id.to_string());
    Ok(Json(UserList {
        items: users.into_iter().map(Into::into).collect(),
        next_cursor,
    }))
}

/// Read a user
///
/// Needs `users:read`.
#[utoipa::path(
    get,
    path = "/api/users/{id}",
    operation_id = "read_user",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["users:read"])),
    params(("id" = uuid::Uuid, Path, description = "The user's id")),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 200, description = "The user", body = UserJson),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn read(
    State(app): State<App>,
    _: Management<UsersRead>,
    PathId(id): PathId<UserId>,
) -> Result<Json<UserJson>, Problem> {
    Ok(Json(app.accounts.find(id).await?.into()))
}
