//! Site roles and permissions: who may do what, what a role holds, and giving a user another role.
//!
//! A change of role is one transaction (user, version, journal, audit), then a push: connected clients
//! see the new state, with a version that only grows.

mod authority;
mod names;
mod writing;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::audit::{self, Action, Actor, Origin, Record};
use crate::clock::Timestamp;
use crate::context::Context;
use crate::email::Email;
use crate::error::{Code, FieldError};
use crate::ids::UserId;
use crate::store::journal::{Change, NewEntry, StateReason};
use crate::store::users::AuthState;
use crate::store::{self, Tx, journal, users};

pub use authority::{Authority, Unconfirmed};
pub use names::{InvalidName, MAX_NAME, Name, PATTERN};

/// The role with every permission. Somebody active must hold it.
pub const ADMIN: &str = "admin";
/// The role that a new account has.
pub const DEFAULT: &str = "user";

macro_rules! permissions {
    ($($name:ident = $text:literal,)+) => {
        /// The permissions that the hub's own routes ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub enum Permission { $(#[serde(rename = $text)] $name,)+ }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in roles, scopes and answers.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

permissions! {
    UsersRead = "users:read",
    UsersWrite = "users:write",
    RolesRead = "roles:read",
    RolesWrite = "roles:write",
    SessionsRead = "sessions:read",
    SessionsRevoke = "sessions:revoke",
    KeysWrite = "keys:write",
    AuditRead = "audit:read",
    HubRead = "hub:read",
    Introspect = "introspect",
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not one of [`Permission::ALL`].
#[derive(Debug, thiserror::Error)]
#[error("unknown permission `{0}`; known are {known}", known = Permission::ALL.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(", "))]
pub struct UnknownPermission(String);

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL
            .iter()
            .copied()
            .find(|permission| permission.as_str() == text);
        found.ok_or_else(|| UnknownPermission(text.to_owned()))
    }
}

/// Why an act on a role was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no such user")]
    UserNotFound,
    #[error("there is no such role")]
    NotFound,
    #[error("{0}")]
    Conflict(&'static str),
    #[error("a field is wrong")]
    Invalid(Vec<FieldError>),
    /// The role that is given or taken away holds a permission which the caller lacks.
    #[error("this needs a permission that you do not hold: {0}")]
    Lacking(Permission),
    #[error("this would leave nobody with the role `admin`")]
    LastAdmin,
    /// The caller lost the right, or its credential, since the request came in.
    #[error(transparent)]
    Caller(#[from] Unconfirmed),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// The code that the audit log keeps; `None` for typing errors and faults of the server.
    const fn audited(&self) -> Option<Code> {
        match self {
            Self::Lacking(_) => Some(Code::Forbidden),
            Self::LastAdmin => Some(Code::LastAdmin),
            Self::Conflict(_) => Some(Code::Conflict),
            Self::Caller(caller) => caller.code(),
            Self::UserNotFound | Self::NotFound => Some(Code::NotFound),
            Self::Invalid(_) | Self::Store(_) => None,
        }
    }
}

/// Writes the built-in roles. At the first start only: later ones leave what managers made of them.
///
/// # Errors
/// When storage fails.
pub async fn write_built_in(tx: &mut Tx, now: Timestamp) -> Result<(), store::Error> {
    use Permission::{HubRead, SessionsRead, SessionsRevoke, UsersRead};
    for (name, permissions) in [
        (ADMIN, Permission::ALL),
        ("moderator", &[UsersRead, SessionsRead, SessionsRevoke, HubRead]),
        (DEFAULT, &[]),
    ] {
        let names: Vec<String> = permissions.iter().map(ToString::to_string).collect();
        store::roles::insert_missing(tx, name, &names, now).await?;
    }
    Ok(())
}

/// The role service. Clones share.
#[derive(Clone, Debug)]
pub struct Roles {
    cx: Context,
}

impl Roles {
    #[must_use]
    pub fn new(cx: Context) -> Self {
        Self { cx }
    }

    /// Gives the user `role` and pushes the new state to the user's sockets. A role that the user has
    /// already changes nothing. What the caller may do is read here, in the transaction of the change.
    ///
    /// # Errors
    /// [`Error`]; nothing has changed then, unless the answer to the commit was lost.
    pub async fn assign(&self, user: UserId, role: &str, by: &Origin) -> Result<AuthState, Error> {
        let result = self.try_assign(user, role, by).await;
        let wanted = || serde_json::json!({ "to": role });
        self.audited(Action::UserRole, Some(user), wanted, by, result)
            .await
    }

    /// Writes a refusal of what was `wanted` to the audit log, in a transaction of its own, and hands the result
    /// on.
    async fn audited<T>(
        &self,
        action: Action,
        user: Option<UserId>,
        wanted: impl FnOnce() -> serde_json::Value,
        by: &Origin,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(code) = result.as_ref().err().and_then(Error::audited) {
            let mut record = Record::refused(action, code).details(wanted());
            record.user = user;
            audit::write(&self.cx, by, record).await?;
        }
        result
    }

    async fn try_assign(&self, user: UserId, role: &str, by: &Origin) -> Result<AuthState, Error> {
        let now = self.cx.now();
        let mut tx = self.cx.db.begin().await?;
        let found = users::find_locked(&mut tx, user).await?;
        if role == ADMIN || found.as_ref().is_some_and(|user| user.site_role == ADMIN) {
            // Two demotions of the last two admins must not pass each other, and no admin is made while
            // somebody looks whether there is one: they wait here. Always after the user's own row, or
            // two acts would wait for each other.
            store::roles::lock(&mut tx, ADMIN).await?;
        }
        let may = Authority::confirm(&mut tx, by, Permission::RolesWrite, now).await?;
        let before = users::auth_state(&mut tx, user)
            .await?
            .ok_or(Error::UserNotFound)?;
        if before.role == role {
            return match may.lacks(&before.permissions) {
                Some(missing) => Err(Error::Lacking(missing)),
                None => Ok(before),
            };
        }
        // Until the commit nobody deletes it, or gives it what the caller lacks.
        let Some(wanted) = store::roles::find_shared(&mut tx, role).await? else {
            return Err(Error::Invalid(vec![unknown_role(role)]));
        };
        for permissions in [&before.permissions, &wanted.permissions] {
            if let Some(missing) = may.lacks(permissions) {
                return Err(Error::Lacking(missing));
            }
        }
        if found.is_some_and(|user| user.is_bare_claim()) {
            // The password that its activation puts into effect is whoever's registered the address last.
            let detail = "nobody has proven this address yet: give the role once the account is activated";
            return Err(Error::Conflict(detail));
        }
        let loses_admin = before.role == ADMIN && before.status == users::Status::Active;
        if loses_admin && users::count_active_in_role(&mut tx, ADMIN).await? <= 1 {
            return Err(Error::LastAdmin);
        }
        let version = users::set_site_role(&mut tx, user, role, now)
            .await?
            .ok_or(Error::UserNotFound)?;
        let change = Change::State {
            reason: StateReason::RoleChanged,
        };
        let entry = NewEntry {
            user_id: Some(user),
            session_id: None,
            version: Some(version),
            change,
        };
        let entry = journal::append(&mut tx, entry, now).await?;
        let details = serde_json::json!({ "from": before.role, "to": role, "version": version });
        audit::record(
            &mut tx,
            &self.cx,
            by,
            Record::done(Action::UserRole).user(user).details(details),
        )
        .await?;
        tx.commit().await?;
        self.cx.hub.announce(&[entry]).await;
        let permissions = wanted.permissions;
        Ok(AuthState {
            version,
            role: role.to_owned(),
            permissions,
            ..before
        })
    }

    /// As [`assign`](Self::assign), by the user's address, with full authority. For the command line.
    ///
    /// # Errors
    /// As [`assign`](Self::assign).
    pub async fn assign_by_email(&self, email: &Email, role: &str) -> Result<AuthState, Error> {
        let user = users::find_by_email(&mut self.cx.db.read().await?, email)
            .await?
            .ok_or(Error::UserNotFound)?;
        self.assign(user.id, role, &Origin::local(Actor::Operator)).await
    }
}

/// The fault of a field `role` that names none.
#[must_use]
pub fn unknown_role(role: &str) -> FieldError {
    FieldError::new("role", "unknown_role", format!("there is no role `{role}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_read_back_from_their_names() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse::<Permission>().unwrap(), *permission);
        }
        assert!("users:READ".parse::<Permission>().is_err());
    }
}
