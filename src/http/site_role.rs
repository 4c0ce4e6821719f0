//! Site roles: the caller's own, and giving a user another one.

use std::sync::Arc;

use axum::extract::State;
use utoipa::ToSchema;

use super::extract::{CurrentUser, Fields, Json, Management, PathId, Read, RolesWrite, values};
use super::problem::{BodyProblems, CommonProblems, ManagementProblems, Problem, UserProblems};
use super::render::SiteRoleJson;
use super::schemas::AskedRole;
use crate::app::App;
use crate::ids::UserId;
use crate::roles;

/// The role to give.
#[derive(Debug, ToSchema)]
pub struct SiteRoleBody {
    #[schema(value_type = AskedRole, inline)]
    role: String,
}

impl Read for SiteRoleBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            role: fields.required("role", values::text(roles::MAX_NAME))?,
        })
    }
}

/// Read one's own site role
///
/// Always the present one, not the token's.
#[utoipa::path(
    get,
    path = "/api/auth/site_role",
    operation_id = "read_site_role",
    tag = "Sign-in",
    security(("access_token" = [])),
    responses(CommonProblems, UserProblems, (status = 200, description = "The caller's role", body = SiteRoleJson))
)]
pub async fn read(CurrentUser(current): CurrentUser) -> Json<SiteRoleJson> {
    Json(Arc::unwrap_or_clone(current.state).into())
}

/// Give a user another site role
///
/// Needs `roles:write`. Pushed to the user's sockets.
#[utoipa::path(
    put,
    path = "/api/users/{id}/site_role",
    operation_id = "assign_site_role",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["roles:write"])),
    params(("id" = uuid::Uuid, Path, description = "The user's id")),
    request_body = SiteRoleBody,
    responses(
        CommonProblems,
        BodyProblems,
        ManagementProblems,
        (status = 200, description = "The user's role now", body = SiteRoleJson),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "`last_admin`; `conflict` for an account that nobody has activated", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn assign(
    State(app): State<App>,
    caller: Management<RolesWrite>,
    PathId(user): PathId<UserId>,
    Json(body): Json<SiteRoleBody>,
) -> Result<Json<SiteRoleJson>, Problem> {
    let state = app.roles.assign(user, &body.role, &caller.origin).await?;
    Ok(Json(state.into()))
}
