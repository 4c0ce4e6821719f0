//! `POST /api/revocations`: ends sessions and closes their sockets; the receipt says how far it reached, and
//! `GET /api/revocations/{id}` how far by now.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Fault, Fields, Json, Management, PathId, Query, Read, SessionsRevoke, values};
use super::problem::{BodyProblems, CommonProblems, ManagementProblems, Problem};
use crate::app::App;
use crate::ids::{RevocationId, SessionId, UserId};
use crate::revocation::{Outcome, Receipt, Request, Selector, Wait};
use crate::roles;

/// The longest reason or message, in characters.
const MAX_TEXT: usize = 200;
const DEFAULT_TIMEOUT: u32 = 2_000;
const MAX_TIMEOUT: u32 = 10_000;
const WAITS: &[(&str, Wait)] = &[("none", Wait::None), ("local", Wait::Local), ("all", Wait::All)];

/// How long the caller wants to wait.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WaitQuery {
    /// `none`: until the commit; `local` (unless set): until this node's sockets are closed; `all`: until every node's are.
    #[param(value_type = Option<String>, pattern = "^(none|local|all)$")]
    wait: Wait,
    /// 2000 unless set.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 10000)]
    timeout_ms: Duration,
}

impl Read for WaitQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let wait = fields.optional("wait", values::word(WAITS)).unwrap_or_default();
        let timeout = fields.optional("timeout_ms", values::digits(1..=MAX_TIMEOUT));
        let timeout_ms = Duration::from_millis(timeout.unwrap_or(DEFAULT_TIMEOUT).into());
        Some(Self { wait, timeout_ms })
    }
}

/// Whose sessions end, and why. Exactly one of `session_id`, `user_id`, `role` and `all`.
#[derive(Debug)]
pub struct RevocationBody {
    selector: Selector,
    reason: String,
    message: Option<String>,
    dry_run: bool,
}

/// The schema of [`RevocationBody`].
#[derive(ToSchema)]
#[schema(as = RevocationBody)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct RevocationSchema {
    session_id: Option<uuid::Uuid>,
    user_id: Option<uuid::Uuid>,
    /// With `user_id`: the session that is spared.
    except_session_id: Option<uuid::Uuid>,
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    role: Option<String>,
    /// Only `true`.
    all: Option<bool>,
    /// For the audit log.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    reason: String,
    /// Shown to the person.
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    message: Option<String>,
    /// Counts, and changes nothing.
    dry_run: Option<bool>,
}

impl Read for RevocationBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let selector = read_selector(fields);
        let reason = fields.required("reason", values::text(MAX_TEXT));
        let message = fields
            .optional("message", values::text_or_empty(MAX_TEXT))
            .flatten();
        let dry_run = fields.optional("dry_run", values::flag).unwrap_or(false);
        Some(Self {
            selector: selector?,
            reason: reason?,
            message,
            dry_run,
        })
    }
}

fn read_selector(fields: &mut Fields) -> Option<Selector> {
    let named = ["session_id", "user_id", "role", "all"].map(|name| fields.holds(name));
    let session = fields
        .optional("session_id", values::id::<SessionId>)
        .map(Selector::Session);
    let user = fields.optional("user_id", values::id::<UserId>);
    let except = fields.optional("except_session_id", values::id::<SessionId>);
    let role = fields
        .optional("role", values::text(roles::MAX_NAME))
        .map(Selector::Role);
    let all = fields.optional("all", values::flag);
    if named.into_iter().filter(|named| *named).count() != 1 {
        let detail = "send exactly one of session_id, user_id, role and all";
        fields.fault("", Fault::new("exactly_one", detail));
        return None;
    }
    if except.is_some() && !named[1] {
        fields.fault(
            "except_session_id",
            Fault::new("invalid", "goes with user_id only"),
        );
    }
    if all == Some(false) {
        fields.fault("all", Fault::new("invalid", "must be true, or left out"));
    }
    let user = user.map(|id| Selector::User { id, except });
    session.or(user).or(role).or(all.map(|_| Selector::All))
}

/// How far a revocation has reached.
#[derive(Serialize, ToSchema)]
#[schema(as = Revocation)]
pub struct RevocationJson {
    /// `null` for a dry run.
    #[schema(value_type = Option<uuid::Uuid>)]
    id: Option<RevocationId>,
    /// The journal's number that holds it; where nothing was left to revoke, the newest there is. `null`
    /// for a dry run.
    sequence: Option<i64>,
    sessions_revoked: u64,
    /// `null` for `wait=none` and for a dry run.
    #[schema(value_type = Option<ReceiptSchema>)]
    receipt: Option<Receipt>,
}

/// The schema of [`Receipt`].
#[derive(ToSchema)]
#[schema(as = Receipt)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ReceiptSchema {
    /// `nodes` and `acknowledged` are equal.
    complete: bool,
    nodes: u32,
    acknowledged: u32,
    /// On this node.
    sockets_closed: u64,
    /// On this node.
    slowest_ms: u64,
    /// The nodes that have not applied it yet.
    pending: Vec<uuid::Uuid>,
}

impl From<Outcome> for RevocationJson {
    fn from(outcome: Outcome) -> Self {
        let Outcome {
            id,
            sequence,
            sessions_revoked,
            receipt,
        } = outcome;
        Self {
            id,
            sequence,
            sessions_revoked,
            receipt,
        }
    }
}

/// Revoke sessions
///
/// Needs `sessions:revoke`. Answered only after the commit: from then on none of these sessions opens a
/// socket, refreshes or authenticates. The caller's own session is not spared.
#[utoipa::path(
    post,
    path = "/api/revocations",
    operation_id = "revoke_sessions",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["sessions:revoke"])),
    params(WaitQuery),
    request_body = RevocationSchema,
    responses(
        CommonProblems,
        BodyProblems,
        ManagementProblems,
        (status = 200, description = "Committed; the receipt says how far it has reached", body = RevocationJson),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn revoke(
    State(app): State<App>,
    caller: Management<SessionsRevoke>,
    Query(query): Query<WaitQuery>,
    Json(body): Json<RevocationBody>,
) -> Result<Json<RevocationJson>, Problem> {
    let RevocationBody {
        selector,
        reason,
        message,
        dry_run,
    } = body;
    let request = Request {
        selector,
        reason,
        message,
        dry_run,
        wait: query.wait,
        timeout: query.timeout_ms,
    };
    let outcome = app.revocation.revoke(request, &caller.origin).await?;
    Ok(Json(outcome.into()))
}

/// Read a receipt
///
/// Needs `sessions:revoke`. The receipt as it stands now: nodes that were pending may have caught up.
#[utoipa::path(
    get,
    path = "/api/revocations/{id}",
    operation_id = "read_receipt",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["sessions:revoke"])),
    params(("id" = uuid::Uuid, Path, description = "What the revocation was answered with")),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 200, description = "How far it has reached", body = ReceiptSchema),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn receipt(
    State(app): State<App>,
    _: Management<SessionsRevoke>,
    PathId(id): PathId<RevocationId>,
) -> Result<Json<Receipt>, Problem> {
    Ok(Json(app.revocation.receipt(id).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: serde_json::Value) -> Result<RevocationBody, Vec<(String, &'static str)>> {
        let serde_json::Value::Object(map) = body else {
            panic!("an object")
        };
        Fields::read(map, Vec::new()).map_err(|problem: Problem| {
            problem
                .errors()
                .iter()
                .map(|error| (error.field.clone(), error.code))
                .collect()
        })
    }

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    #[test]
    fn exactly_one_selector_is_taken() {
        let user = read(json!({ "user_id": ID, "except_session_id": ID, "reason": "r" })).unwrap();
        assert!(matches!(user.selector, Selector::User { except: Some(_), .. }));
        assert_eq!(
            read(json!({ "all": true, "reason": "r" })).unwrap().selector,
            Selector::All
        );
        for body in [
            json!({ "reason": "r" }),
            json!({ "session_id": ID, "all": true, "reason": "r" }),
            json!({ "session_id": ID, "user_id": ID, "reason": "r" }),
        ] {
            assert_eq!(read(body).unwrap_err(), [(String::new(), "exactly_one")]);
        }
    }

    #[test]
    fn what_would_revoke_more_than_was_meant_is_refused() {
        let faults = |body| {
            read(body)
                .unwrap_err()
                .into_iter()
                .map(|(field, _)| field)
                .collect::<Vec<_>>()
        };
        assert_eq!(faults(json!({ "all": false, "reason": "r" })), ["all"]);
        assert_eq!(
            faults(json!({ "role": "user", "except_session_id": ID, "reason": "r" })),
            ["except_session_id"]
        );
        assert_eq!(faults(json!({ "user_id": "ada", "reason": "r" })), ["user_id"]);
        assert_eq!(
            faults(json!({ "user_id": ID, "except_session_id": "x", "reason": "r" })),
            ["except_session_id"]
        );
        assert_eq!(
            faults(json!({ "user_id": ID, "dry_run": "yes", "reason": "r" })),
            ["dry_run"]
        );
        assert_eq!(faults(json!({ "all": true })), ["reason"]);
    }
}
