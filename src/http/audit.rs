//! `GET /api/audit`: who did what, from where, and how it ended.

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::extract::{AuditRead, Fault, Fields, Json, Management, Query, Read, Slice, SliceParams, values};
use super::problem::{CommonProblems, ManagementProblems, Problem};
use super::schemas::AuditAction;
use crate::app::App;
use crate::audit::{self, Action};
use crate::clock::Timestamp;
use crate::ids::{AuditId, SessionId, UserId};
use crate::store::audit::{Filter, Line};

/// Which lines are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub struct ListParams {
    /// Whom it was done to.
    user_id: Option<uuid::Uuid>,
    /// What was done, as in `session.create`.
    #[param(value_type = Option<AuditAction>, inline)]
    action: Option<String>,
}

/// What [`SliceParams`] and [`ListParams`] describe.
#[derive(Debug)]
pub struct ListQuery {
    slice: Slice<AuditId>,
    which: Filter,
}

impl Read for ListQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let slice = Slice::read(fields);
        let which = Filter {
            user_id: fields.optional("user_id", values::id),
            action: fields.optional("action", action),
        };
        Some(Self { slice, which })
    }
}

fn action(value: Value) -> Result<&'static str, Fault> {
    let text = values::string(value)?;
    let action = Action::named(&text).map(Action::as_str);
    action.ok_or_else(|| Fault::new("invalid", "is no action; docs/SECURITY.md lists them"))
}

/// A line of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditLine)]
pub struct LineJson {
    #[schema(value_type = uuid::Uuid)]
    id: AuditId,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    action: String,
    /// `anonymous`, `user:<id>`, `service_key:<id>`, `operator` at the command line, or `system`.
    actor: String,
    /// Whom it was done to.
    #[schema(value_type = Option<uuid::Uuid>)]
    user_id: Option<UserId>,
    #[schema(value_type = Option<uuid::Uuid>)]
    session_id: Option<SessionId>,
    ip: Option<String>,
    /// `ok`, or the error code that answered it.
    outcome: String,
    request_id: Option<String>,
    #[schema(value_type = Object)]
    details: Value,
}

impl From<Line> for LineJson {
    fn from(line: Line) -> Self {
        Self {
            id: line.id,
            at: line.at,
            action: line.action,
            actor: line.actor,
            user_id: line.user_id,
            session_id: line.session_id,
            ip: line.ip,
            outcome: line.outcome,
            request_id: line.request_id,
            details: line.details,
        }
    }
}

/// A page of the log, newest first.
#[derive(Serialize, ToSchema)]
pub struct AuditList {
    items: Vec<LineJson>,
    /// Leads to the next page; `null` on the last.
    #[schema(value_type = Option<uuid::Uuid>)]
    next_cursor: Option<AuditId>,
}

/// Read the audit log
///
/// Needs `audit:read`. Newest first. Lines are only ever added.
#[utoipa::path(
    get,
    path = "/api/audit",
    operation_id = "list_audit",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["audit:read"])),
    params(SliceParams, ListParams),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 200, description = "One page", body = AuditList),
        (status = 422, description = "`validation_failed`, with `errors`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    _: Management<AuditRead>,
    Query(ListQuery { slice, which }): Query<ListQuery>,
) -> Result<Json<AuditList>, Problem> {
    let page = audit::list(&app.cx, which, slice.cursor, slice.limit).await?;
    Ok(Json(AuditList {
        items: page.items.into_iter().map(Into::into).collect(),
        next_cursor: page.next,
    }))
}
