//! Live sessions: what one looks like, and as managers see them: one user's, and everybody's.

use std::net::IpAddr;

use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::extract::{
    Fields, Json, Management, PathId, Query, Read, SessionsRead, Slice, SliceParams, values,
};
use super::problem::{CommonProblems, ManagementProblems, Problem};
use crate::app::App;
use crate::audit::{Actor, Origin};
use crate::clock::Timestamp;
use crate::error::Code;
use crate::hub::presence::Live;
use crate::ids::{ConnectionId, NodeId, SessionId, UserId};
use crate::sessions::overview::{Filter, Shown};

const ANSWERS: &[(&str, bool)] = &[("true", true), ("false", false)];

/// One socket of a session.
#[derive(Serialize, ToSchema)]
#[schema(as = Connection)]
pub struct ConnectionJson {
    #[schema(value_type = uuid::Uuid)]
    id: ConnectionId,
    /// The node that holds it.
    #[schema(value_type = uuid::Uuid)]
    node: NodeId,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
}

/// A live session.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionJson {
    #[schema(value_type = uuid::Uuid)]
    id: SessionId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last refreshed; a socket is not use.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    /// Where it was begun.
    ip: Option<String>,
    user_agent: Option<String>,
    /// What the client called it, or what its `User-Agent` says: "Firefox on Linux".
    device: Option<String>,
    /// It is the one that asks.
    current: bool,
    /// Its sockets on all nodes, the oldest first.
    connections: Vec<ConnectionJson>,
}

/// A live session, and whose it is.
#[derive(Serialize, ToSchema)]
#[schema(as = UserSession)]
pub struct UserSessionJson {
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    #[serde(flatten)]
    session: SessionJson,
}

impl From<Live> for ConnectionJson {
    fn from(live: Live) -> Self {
        Self {
            id: live.connection,
            node: live.node,
            since: live.since,
            ip: live.ip,
        }
    }
}

impl SessionJson {
    /// As who asks sees it, by the session `own`.
    pub(super) fn of(Shown { session, connections }: Shown, own: Option<SessionId>) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            ip: session.ip,
            user_agent: session.user_agent,
            device: session.device,
            current: own == Some(session.id),
            connections: connections.into_iter().map(Into::into).collect(),
        }
    }
}

impl UserSessionJson {
    /// As `by` sees them.
    fn all(sessions: Vec<Shown>, by: &Origin) -> Vec<Self> {
        let own = match by.actor {
            Actor::User { session, .. } => Some(session),
            _ => None,
        };
        let each = sessions.into_iter().map(|shown| Self {
            user_id: shown.session.user_id,
            session: SessionJson::of(shown, own),
        });
        each.collect()
    }
}

/// Live sessions of one user, newest first.
#[derive(Serialize, ToSchema)]
pub struct UserSessions {
    items: Vec<UserSessionJson>,
}

/// List a user's sessions
///
/// Needs `sessions:read`. Those that live, newest first, each with its sockets.
#[utoipa::path(
    get,
    path = "/api/users/{id}/sessions",
    operation_id = "list_user_sessions",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["sessions:read"])),
    params(("id" = uuid::Uuid, Path, description = "The user's id")),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 200, description = "Those that live", body = UserSessions),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn of_user(
    State(app): State<App>,
    caller: Management<SessionsRead>,
    PathId(user): PathId<UserId>,
) -> Result<Json<UserSessions>, Problem> {
    let sessions = app.sessions.of_user(user).await?;
    let sessions = sessions.ok_or_else(|| Problem::new(Code::NotFound).detail("there is no such user"))?;
    let items = UserSessionJson::all(sessions, &caller.origin);
    Ok(Json(UserSessions { items }))
}

/// Which sessions are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub struct ListParams {
    user_id: Option<uuid::Uuid>,
    /// Only those with a socket, or only those without.
    connected: Option<bool>,
}

/// What [`SliceParams`] and [`ListParams`] describe.
#[derive(Debug)]
pub struct ListQuery {
    slice: Slice<SessionId>,
    which: Filter,
}

impl Read for ListQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let slice = Slice::read(fields);
        let which = Filter {
            user: fields.optional("user_id", values::id),
            connected: fields.optional("connected", values::word(ANSWERS)),
        };
        Some(Self { slice, which })
    }
}

/// A page of live sessions, newest first.
#[derive(Serialize, ToSchema)]
pub struct SessionList {
    items: Vec<UserSessionJson>,
    /// Leads to the next page; `null` on the last.
    #[schema(value_type = Option<uuid::Uuid>)]
    next_cursor: Option<SessionId>,
}

/// List sessions
///
/// Needs `sessions:read`. Live sessions of all users, newest first.
#[utoipa::path(
    get,
    path = "/api/sessions",
    operation_id = "list_sessions",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["sessions:read"])),
    params(SliceParams, ListParams),
    responses(
        CommonProblems,
        ManagementProblems,
        (status = 200, description = "One page", body = SessionList),
        (status = 422, description = "`validation_failed`, with `errors`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(app): State<App>,
    caller: Management<SessionsRead>,
    Query(ListQuery { slice, which }): Query<ListQuery>,
) -> Result<Json<SessionList>, Problem> {
    let page = app.sessions.list(which, slice.cursor, slice.limit).await?;
    Ok(Json(SessionList {
        items: UserSessionJson::all(page.items, &caller.origin),
        next_cursor: page.next,
    }))
}
