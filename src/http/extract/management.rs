//! Who may manage: a backend with a service key of the scope, or a signed-in person whose role holds
//! the permission and who calls from inside `management.allow` (T21).
//!
//! Whoever is known and not let in is noted in the audit log.
//!
//! This lets a caller in before the body is read. What the caller may do to whom is confirmed by the
//! service in the transaction of the act: see [`Authority::confirm`](crate::roles::Authority::confirm).

use std::marker::PhantomData;

use axum::extract::{FromRef, FromRequestParts, MatchedPath};
use axum::http::request::Parts;

use super::super::client::Client;
use super::super::problem::{Problem, faults};
use super::bearer;
use crate::app::App;
use crate::audit::{self, Action, Actor, Origin, Record};
use crate::error::Code;
use crate::ids::ServiceKeyId;
use crate::roles::Permission;
use crate::secret::PlainToken;
use crate::service_keys;

/// A permission as a type, so that a handler's signature names it.
pub trait Needs: Send {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! needs {
    ($($name:ident),+) => {
        $(
            #[doc = concat!("Asks for [`Permission::", stringify!($name), "`].")]
            #[derive(Debug)]
            pub enum $name {}

            impl Needs for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )+
    };
}

needs!(
    AuditRead,
    HubRead,
    Introspect,
    KeysWrite,
    RolesRead,
    RolesWrite,
    SessionsRead,
    SessionsRevoke,
    UsersRead,
    UsersWrite
);

/// A caller who may do what `P` names.
#[derive(Debug)]
pub struct Management<P> {
    pub origin: Origin,
    needs: PhantomData<P>,
}

impl<S: Sync, P: Needs> FromRequestParts<S> for Management<P>
where
    App: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = bearer::required(&parts.headers)?;
        let Ok(client) = Client::from_request_parts(parts, state).await;
        let app = App::from_ref(state);
        let admitted = if token.expose().starts_with(service_keys::PREFIX) {
            admit_key(&app, &client, &token, P::PERMISSION).await
        } else {
            admit_person(&app, &client, &token, P::PERMISSION).await
        };
        match admitted {
            Ok(actor) => Ok(Self {
                origin: client.origin(actor),
                needs: PhantomData,
            }),
            Err(refusal) => Err(refusal.note(&app, &client, parts, P::PERMISSION).await?),
        }
    }
}

/// Why somebody was not let in.
struct Refusal {
    problem: Problem,
    /// Who it was, where that is known. What a stranger sends who knows no credential leaves no line in the log.
    by: Option<Actor>,
    /// The service key whose secret was wrong, or whose time is over.
    key: Option<ServiceKeyId>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let (by, key) = (None, None);
        Self { problem, by, key }
    }
}

impl Refusal {
    const fn of(by: Actor, problem: Problem) -> Self {
        let (by, key) = (Some(by), None);
        Self { problem, by, key }
    }

    /// Writes it to the audit log. Each is a write, so an address has so many of them and no more.
    async fn note(
        self,
        app: &App,
        client: &Client,
        parts: &Parts,
        needed: Permission,
    ) -> Result<Problem, Problem> {
        let Some(actor) = self.by else {
            return Ok(self.problem);
        };
        // A key that is not good was counted when it was looked at.
        if self.key.is_none() {
            app.limits.token(Some(client.ip)).await?;
        }
        let code = self.problem.code();
        tracing::warn!(%code, permission = %needed, ip = %client.ip, "management refused");
        let path = parts.extensions.get::<MatchedPath>();
        let route = format!("{} {}", parts.method, path.map_or("", MatchedPath::as_str));
        let mut details = serde_json::json!({ "needs": needed, "route": route });
        if let Some(key) = self.key {
            details["key"] = key.to_string().into();
        }
        let mut record = Record::refused(Action::ManagementRefuse, code).details(details);
        if let Actor::User { id, session } = actor {
            record = record.user(id).session(session);
        }
        audit::write(&app.cx, &client.origin(actor), record).await?;
        Ok(self.problem)
    }
}

async fn admit_key(
    app: &App,
    client: &Client,
    token: &PlainToken,
    permission: Permission,
) -> Result<Actor, Refusal> {
    let keys = &app.service_keys;
    let found = keys
        .authenticate(token, client.ip, client.certain, permission)
        .await;
    let key = match found {
        Ok(key) => key,
        Err(error) => {
            let (by, key) = match &error {
                service_keys::Error::Invalid(Some(key)) => (Some(Actor::Anonymous), Some(*key)),
                service_keys::Error::Address(key) => (Some(Actor::ServiceKey(*key)), None),
                _ => (None, None),
            };
            let problem = error.into();
            return Err(Refusal { problem, by, key });
        }
    };
    let actor = Actor::ServiceKey(key.id);
    if !key.scopes.contains(&permission) {
        return Err(Refusal::of(actor, faults::lacking(permission)));
    }
    Ok(actor)
}

async fn admit_person(
    app: &App,
    client: &Client,
    token: &PlainToken,
    permission: Permission,
) -> Result<Actor, Refusal> {
    let current = app.sessions.authenticate(token).await.map_err(Problem::from)?;
    let actor = Actor::User {
        id: current.user_id,
        session: current.session_id,
    };
    let held = &current.state.permissions;
    if !held.iter().any(|held| held == permission.as_str()) {
        return Err(Refusal::of(actor, faults::lacking(permission)));
    }
    if !client.is_inside(&app.cx.config.management.allow) {
        return Err(Refusal::of(actor, Problem::new(Code::AddressNotAllowed)));
    }
    Ok(actor)
}
