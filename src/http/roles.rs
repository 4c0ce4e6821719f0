//! The roles themselves: which there are, and what each holds.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{
    Fault, Fields, Json, Management, PathId, PathText, Read, RolesRead, RolesWrite, values,
};
use super::problem::{BodyProblems, CommonProblems, ManagementProblems, Problem};
use super::schemas::RoleName;
use crate::app::App;
use crate::roles::Name;
use crate::store::roles::Role;

/// The most permissions that a role holds.
const MAX_PERMISSIONS: usize = 100;

/// A role.
#[derive(Serialize, ToSchema)]
#[schema(as = Role)]
pub struct RoleJson {
    name: String,
    permissions: Vec<String>,
}

impl From<Role> for RoleJson {
    fn from(role: Role) -> Self {
        Self {
            name: role.name,
            permissions: role.permissions,
        }
    }
}

/// Every role, by name.
#[derive(Serialize, ToSchema)]
pub struct RoleList {
    items: Vec<RoleJson>,
}

/// What the role holds from now on.
#[derive(Debug, ToSchema)]
pub struct RoleBody {
    /// Built-in ones, and any that an application uses: `[a-z][a-z0-9_.:-]{0,63}`.
    #[schema(value_type = Vec<RoleName>, max_items = 100)]
    permissions: Vec<Name>,
}

impl Read for RoleBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let permission = |text: &str| text.parse().map_err(|_| invalid());
        Some(Self {
            permissions: fields.required("permissions", values::list(MAX_PERMISSIONS, permission))?,
        })
    }
}

fn invalid() -> Fault {
    let pattern = crate::roles::PATTERN;
    Fault::new("invalid", format!("must be a name like {pattern}"))
}

/// List roles
///
/// Needs `roles:read`.
#[utoipa::path(
    get,
    path = "/api/roles",
    operation_id = "list_roles",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["roles:read"])),
    responses(CommonProblems, ManagementProblems, (status = 200, description = "All of them", body = RoleList))
)]
pub async fn list(State(app): State<App>, _: Management<RolesRead>) -> Result<Json<RoleList>, Problem> {
    let roles = app.roles.list().await?;
    Ok(Json(RoleList {
        items: roles.into_iter().map(Into::into).collect(),
    }))
}

/// Read a role
///
/// Needs `roles:read`.
#[utoipa::path(
    get,
    path = "/api/roles/{name}",
    operation_id = "read_role",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["roles:read"])),
    params(("name" = inline(RoleName), Path, description = "The role's name")),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 200, description = "The role", body = RoleJson),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn read(
    State(app): State<App>,
    _: Management<RolesRead>,
    PathId(name): PathId<Name>,
) -> Result<Json<RoleJson>, Problem> {
    Ok(Json(app.roles.find(&name).await?.into()))
}

/// Make or change a role
///
/// Needs `roles:write`, and every built-in permission that the role holds before or after. Everybody who holds
/// the role is told at once.
#[utoipa::path(
    put,
    path = "/api/roles/{name}",
    operation_id = "write_role",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["roles:write"])),
    params(("name" = inline(RoleName), Path, description = "`[a-z][a-z0-9_.:-]{0,63}`")),
    request_body = RoleBody,
    responses(
        CommonProblems,
        BodyProblems,
        ManagementProblems,
        (status = 200, description = "The role as it is now", body = RoleJson),
        (status = 409, description = "`last_admin`: the role `admin` keeps every built-in permission", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn write(
    State(app): State<App>,
    caller: Management<RolesWrite>,
    PathText(name): PathText,
    Json(RoleBody { permissions }): Json<RoleBody>,
) -> Result<Json<RoleJson>, Problem> {
    let Ok(name) = name.parse() else {
        let fault = invalid();
        return Err(Problem::field("name", fault.code, fault.detail));
    };
    let role = app.roles.write(&name, permissions, &caller.origin).await?;
    Ok(Json(role.into()))
}

/// Delete a role
///
/// Needs `roles:write`, and every built-in permission that the role holds. A role that somebody holds stays.
#[utoipa::path(
    delete,
    path = "/api/roles/{name}",
    operation_id = "delete_role",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["roles:write"])),
    params(("name" = inline(RoleName), Path, description = "The role's name")),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 204, description = "There is no such role any more"),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: somebody holds it, or new accounts are given it; `last_admin`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(app): State<App>,
    caller: Management<RolesWrite>,
    PathId(name): PathId<Name>,
) -> Result<StatusCode, Problem> {
    app.roles.delete(&name, &caller.origin).await?;
    Ok(StatusCode::NO_CONTENT)
}
