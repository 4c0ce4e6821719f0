//! Users, as managers see and change them.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::extract::{
    Fields, Json, Management, Patch, PathId, Query, Read, Slice, SliceParams, UsersRead, UsersWrite, values,
};
use super::problem::{BodyProblems, CommonProblems, ManagementProblems, Problem};
use super::render::UserJson;
use super::schemas::{AskedRole, UserStatus};
use crate::accounts::{AccountChange, MAX_NAME, NameChange};
use crate::app::App;
use crate::ids::UserId;
use crate::roles;
use crate::store::users::{Filter, Status};

/// The longest text that is searched for, in characters.
const MAX_TEXT: usize = 254;
const STATUSES: &[(&str, Status)] = &[
    ("pending", Status::Pending),
    ("active", Status::Active),
    ("disabled", Status::Disabled),
];
/// What a manager may set: whether the account is disabled.
const CHOICES: &[(&str, bool)] = &[("active", false), ("disabled", true)];

/// Which users are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub struct ListParams {
    /// Stands anywhere in the address or the name.
    #[param(max_length = 254, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    q: Option<String>,
    #[param(value_type = Option<AskedRole>, inline)]
    role: Option<String>,
    #[param(value_type = Option<UserStatus>, inline)]
    status: Option<String>,
}

/// What [`SliceParams`] and [`ListParams`] describe.
#[derive(Debug)]
pub struct ListQuery {
    slice: Slice<UserId>,
    which: Filter,
}

impl Read for ListQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let slice = Slice::read(fields);
        let which = Filter {
            text: fields.optional("q", values::text_or_empty(MAX_TEXT)).flatten(),
            role: fields.optional("role", values::text(roles::MAX_NAME)),
            status: fields.optional("status", values::word(STATUSES)),
        };
        Some(Self { slice, which })
    }
}

/// A page of users, newest first.
#[derive(Serialize, ToSchema)]
pub struct UserList {
    items: Vec<UserJson>,
    /// Leads to the next page; `null` on the last.
    #[schema(value_type = Option<uuid::Uuid>)]
    next_cursor: Option<UserId>,
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
    params(SliceParams, ListParams),
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
    Query(ListQuery { slice, which }): Query<ListQuery>,
) -> Result<Json<UserList>, Problem> {
    let page = app.accounts.list(&which, slice.cursor, slice.limit).await?;
    Ok(Json(UserList {
        items: page.items.into_iter().map(Into::into).collect(),
        next_cursor: page.next,
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

/// What is changed; what is left out stays as it is.
#[derive(Debug)]
pub struct UserChangeBody(AccountChange);

/// The schema of [`UserChangeBody`].
#[derive(ToSchema)]
#[schema(as = UserChangeBody)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct UserChangeSchema {
    /// `null` or empty: none.
    #[schema(max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: Option<String>,
    /// Disabling ends every session of the user.
    #[schema(pattern = "^(active|disabled)$")]
    status: Option<String>,
}

impl Read for UserChangeBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = match fields.patch("name", values::text_or_empty(MAX_NAME)) {
            Patch::Keep => None,
            Patch::Clear => Some(NameChange::Clear),
            Patch::Set(name) => Some(NameChange::Set(name)),
        };
        let disabled = fields.optional("status", values::word(CHOICES));
        Some(Self(AccountChange { name, disabled }))
    }
}

/// Change a user
///
/// Needs `users:write`, and every built-in permission that the user holds. Disabling ends every session of
/// the user; the new state is pushed to the user's sockets.
#[utoipa::path(
    patch,
    path = "/api/users/{id}",
    operation_id = "change_user",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["users:write"])),
    params(("id" = uuid::Uuid, Path, description = "The user's id")),
    request_body = UserChangeSchema,
    responses(
        CommonProblems,
        BodyProblems,
        ManagementProblems,
        (status = 200, description = "The user as it is now", body = UserJson),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "`conflict` for an account never activated; `last_admin`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn change(
    State(app): State<App>,
    caller: Management<UsersWrite>,
    PathId(id): PathId<UserId>,
    Json(UserChangeBody(change)): Json<UserChangeBody>,
) -> Result<Json<UserJson>, Problem> {
    let user = app.accounts.change(id, change, &caller.origin).await?;
    Ok(Json(user.into()))
}

/// Delete a user
///
/// Needs `users:write`, and every built-in permission that the user holds. Ends every session, and erases
/// the person: the audit log names the id alone.
#[utoipa::path(
    delete,
    path = "/api/users/{id}",
    operation_id = "delete_user",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["users:write"])),
    params(("id" = uuid::Uuid, Path, description = "The user's id")),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 204, description = "The person is erased"),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "`last_admin`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn remove(
    State(app): State<App>,
    caller: Management<UsersWrite>,
    PathId(id): PathId<UserId>,
) -> Result<StatusCode, Problem> {
    app.accounts.remove(id, &caller.origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
