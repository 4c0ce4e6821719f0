//! Who may manage: a backend with a service key of the scope, or a signed-in person whose role holds
//! the permission and who calls from inside `management.allow` (T21).
//!
//! This lets a caller in before the body is read. What the caller may do to whom is confirmed by the
//! service in the transaction of the act: see [`Authority::confirm`](crate::roles::Authority::confirm).

use std::marker::PhantomData;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use super::super::client::Client;
use super::super::problem::{Problem, faults};
use super::bearer;
use crate::app::App;
use crate::audit::{Actor, Origin};
use crate::error::Code;
use crate::roles::Permission;
use crate::secret::PlainToken;

/// What every service key begins with.
const KEY_PREFIX: &str = "pck_";

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
    HubRead,
    Introspect,
    KeysWrite,
    RolesWrite,
    SessionsRevoke,
    UsersRead
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
        let admitted = if token.expose().starts_with(KEY_PREFIX) {
            admit_key(&app, &client, &token, P::PERMISSION).await
        } else {
            admit_person(&app, &client, &token, P::PERMISSION).await
        };
        let actor = admitted.inspect_err(|problem| {
            tracing::warn!(code = %problem.code(), permission = %P::PERMISSION, ip = %client.ip, "management refused");
        })?;
        Ok(Self {
            origin: client.origin(actor),
            needs: PhantomData,
        })
    }
}

async fn admit_key(
    app: &App,
    client: &Client,
    token: &PlainToken,
    permission: Permission,
) -> Result<Actor, Problem> {
    let keys = &app.service_keys;
    let key = keys
        .authenticate(token, client.ip, client.certain, permission)
        .await?;
    if !key.scopes.contains(&permission) {
        return Err(faults::lacking(permission));
    }
    Ok(Actor::ServiceKey(key.id))
}

async fn admit_person(
    app: &App,
    client: &Client,
    token: &PlainToken,
    permission: Permission,
) -> Result<Actor, Problem> {
    let current = app.sessions.authenticate(token).await?;
    let held = &current.state.permissions;
    if !held.iter().any(|held| held == permission.as_str()) {
        return Err(faults::lacking(permission));
    }
    if !client.is_inside(&app.cx.config.management.allow) {
        return Err(Problem::new(Code::AddressNotAllowed));
    }
    Ok(Actor::User {
        id: current.user_id,
        session: current.session_id,
    })
}
