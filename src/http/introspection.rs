//! `POST /api/auth/introspect`: what a token is worth now (RFC 7662), for backends that cannot or would
//! rather not verify it themselves.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, Type};

use super::extract::{Introspect, Json, Management, TokenForm};
use super::problem::{CommonProblems, OAuthCallerProblems, OAuthProblems, Problem};
use crate::app::App;
use crate::ids::{SessionId, UserId};
use crate::sessions::{AccessFacts, CLIENT_ID, Introspection, RefreshFacts};

/// What may change is as it is now, not as it was when the token was issued.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Introspection)]
pub enum IntrospectionJson {
    Access(AccessJson),
    Refresh(RefreshJson),
    Inactive(InactiveJson),
}

/// An access token of a live session.
#[derive(Serialize, ToSchema)]
#[schema(as = ActiveAccessToken)]
pub struct AccessJson {
    #[schema(schema_with = yes)]
    active: bool,
    #[schema(pattern = "^Bearer$")]
    token_type: &'static str,
    iss: String,
    aud: String,
    /// The user.
    #[schema(value_type = uuid::Uuid)]
    sub: UserId,
    client_id: &'static str,
    /// The session.
    #[schema(value_type = uuid::Uuid)]
    sid: SessionId,
    #[schema(value_type = String)]
    jti: Box<str>,
    /// Seconds since 1970, as `exp` and `auth_time`.
    iat: i64,
    exp: i64,
    auth_time: i64,
    amr: Vec<String>,
    /// The version of the user's auth state.
    ver: i64,
    role: String,
    permissions: Vec<String>,
    /// `socket` when it was minted over one.
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<&'static str>,
}

/// A refresh token that would be answered.
#[derive(Serialize, ToSchema)]
#[schema(as = ActiveRefreshToken)]
pub struct RefreshJson {
    #[schema(schema_with = yes)]
    active: bool,
    /// Not `Bearer`: it opens nothing by itself.
    #[schema(pattern = "^refresh_token$")]
    token_type: &'static str,
    iss: String,
    /// The user.
    #[schema(value_type = uuid::Uuid)]
    sub: UserId,
    client_id: &'static str,
    /// The session.
    #[schema(value_type = uuid::Uuid)]
    sid: SessionId,
    /// Seconds since 1970: when the session ends unless it is refreshed.
    exp: i64,
}

/// Anything else: why is not told.
#[derive(Serialize, ToSchema)]
#[schema(as = InactiveToken)]
pub struct InactiveJson {
    #[schema(schema_with = no)]
    active: bool,
}

/// The schemas of `active`, by which the kinds are told apart.
fn yes() -> ObjectBuilder {
    only(true)
}

fn no() -> ObjectBuilder {
    only(false)
}

fn only(answer: bool) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .enum_values(Some([answer]))
}

impl IntrospectionJson {
    fn of(found: Option<Introspection>, issuer: &str) -> Self {
        match found {
            None => Self::Inactive(InactiveJson { active: false }),
            Some(Introspection::Access(facts)) => Self::Access(access(facts, issuer)),
            Some(Introspection::Refresh(facts)) => Self::Refresh(refresh(facts, issuer)),
        }
    }
}

fn access(facts: AccessFacts, issuer: &str) -> AccessJson {
    let AccessFacts {
        current,
        jti,
        issued_at,
        expires_at,
    } = facts;
    let state = Arc::unwrap_or_clone(current.state);
    AccessJson {
        active: true,
        token_type: "Bearer",
        iss: issuer.to_owned(),
        aud: issuer.to_owned(),
        sub: current.user_id,
        client_id: CLIENT_ID,
        sid: current.session_id,
        jti,
        iat: issued_at,
        exp: expires_at,
        auth_time: current.authenticated_at.seconds(),
        amr: current.amr,
        ver: state.version,
        role: state.role,
        permissions: state.permissions,
        src: current.from_socket.then_some("socket"),
    }
}

fn refresh(facts: RefreshFacts, issuer: &str) -> RefreshJson {
    RefreshJson {
        active: true,
        token_type: "refresh_token",
        iss: issuer.to_owned(),
        sub: facts.user,
        client_id: CLIENT_ID,
        sid: facts.session,
        exp: facts.expires_at.seconds(),
    }
}

/// Introspect a token
///
/// RFC 7662. Needs `introspect`. An access token is judged as the hub judges it, its session included;
/// a socket token is never active.
#[utoipa::path(
    post,
    path = "/api/auth/introspect",
    operation_id = "introspect",
    tag = "Management",
    security(("access_token" = []), ("service_key" = ["introspect"])),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        CommonProblems,
        OAuthProblems,
        OAuthCallerProblems,
        (status = 200, description = "What the token is worth now", body = IntrospectionJson),
    )
)]
pub async fn introspect(
    State(app): State<App>,
    _: Management<Introspect>,
    form: TokenForm,
) -> Result<Json<IntrospectionJson>, Problem> {
    let found = app.sessions.introspect(&form.token).await?;
    Ok(Json(IntrospectionJson::of(found, app.cx.site.issuer())))
}
