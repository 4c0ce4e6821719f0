//! `GET /api/mails`: the outbox without its contents.

use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Fields, HubRead, Json, Management, Query, Read, Slice, SliceParams, values};
use super::problem::{CommonProblems, ManagementProblems, Problem};
use super::schemas::MailStatus;
use crate::app::App;
use crate::clock::Timestamp;
use crate::ids::{MailId, UserId};
use crate::mail;
use crate::store::mails::{Listed, Status};

const STATUSES: &[(&str, Status)] = &[
    ("waiting", Status::Waiting),
    ("failed", Status::Failed),
    ("sent", Status::Sent),
];

/// Which mails are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub struct ListParams {
    #[param(value_type = Option<MailStatus>, inline)]
    status: Option<String>,
}

/// What [`SliceParams`] and [`ListParams`] describe.
#[derive(Debug)]
pub struct ListQuery {
    slice: Slice<MailId>,
    status: Option<Status>,
}

impl Read for ListQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let slice = Slice::read(fields);
        let status = fields.optional("status", values::word(STATUSES));
        Some(Self { slice, status })
    }
}

/// A mail without its content.
#[derive(Serialize, ToSchema)]
#[schema(as = OutboxMail)]
pub struct MailJson {
    #[schema(value_type = uuid::Uuid)]
    id: MailId,
    /// Which letter it is, as in `activation`.
    kind: String,
    /// Whom it is for, where that is somebody with an account.
    #[schema(value_type = Option<uuid::Uuid>)]
    user_id: Option<UserId>,
    #[schema(value_type = MailStatus, inline)]
    status: Status,
    /// How often it was tried.
    attempts: i64,
    /// When it is tried next; `null` unless it waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// Why the newest try failed.
    last_error: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
}

impl From<Listed> for MailJson {
    fn from(mail: Listed) -> Self {
        let waits = mail.status == Status::Waiting;
        Self {
            id: mail.id,
            kind: mail.kind,
            user_id: mail.user_id,
            status: mail.status,
            attempts: mail.attempts,
            next_attempt_at: Some(mail.next_attempt_at).filter(|_| waits),
            last_error: mail.last_error,
            created_at: mail.created_at,
            sent_at: mail.sent_at,
        }
    }
}

/// A page of the outbox, newest first.
#[derive(Serialize, ToSchema)]
pub struct MailList {
    items: Vec<MailJson>,
    /// Leads to the next page; `null` on the last.
    #[schema(value_type = Option<uuid::Uuid>)]
    next_cursor: Option<MailId>,
}

/// List mails
///
/// Needs `hub:read`. What waits, what was sent within a week, and what was given up, without contents.
#[utoipa::path(
    get,
    path = "/api/mails",
    operation_id = "list_mails",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["hub:read"])),
    params(SliceParams, ListParams),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 200, description = "One page", body = MailList),
        (status = 422, description = "`validation_failed`, with `errors`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    _: Management<HubRead>,
    Query(ListQuery { slice, status }): Query<ListQuery>,
) -> Result<Json<MailList>, Problem> {
    let page = mail::listed(&app.cx.db, status, slice.cursor, slice.limit).await?;
    Ok(Json(MailList {
        items: page.items.into_iter().map(Into::into).collect(),
        next_cursor: page.next,
    }))
}
