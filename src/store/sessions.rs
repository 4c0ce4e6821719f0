//! Statements on `sessions`.

mod beginning;
mod ending;
mod listing;
mod opening;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::row::{corrupt, from_row};
use super::users::{AuthState, Status};
use super::{Error, Tx, answered, with_conn};
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};

pub use beginning::{Candidate, NewSession, candidate, insert};
pub(in crate::store) use ending::end_where;
pub use ending::{Selection, count_live, end, end_many, exists, lock_owner, purge};
pub use listing::{Listed, find_live, list_all, list_live, methods, place};
pub use opening::{Found, Unspent, open};

/// Why a session ended, as `signed_out` frames say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// A backend or a manager ended it.
    Revoked,
    /// The person signed out, here or from elsewhere.
    Logout,
    PasswordChanged,
    EmailChanged,
    AccountDisabled,
    AccountDeleted,
    /// An old refresh token was presented: somebody has a copy.
    RefreshReused,
    /// Its lifetime ran out.
    Expired,
}

impl EndReason {
    /// The name in frames and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Logout => "logout",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::AccountDisabled => "account_disabled",
            Self::AccountDeleted => "account_deleted",
            Self::RefreshReused => "refresh_reused",
            Self::Expired => "expired",
        }
    }

    fn from_column(text: &str) -> sqlx::Result<Self> {
        serde_json::from_value(text.into()).map_err(corrupt)
    }
}

/// How much ended: this session, or all of the person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndScope {
    Session,
    User,
}

impl EndScope {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::User => "user",
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub reason: EndReason,
    pub scope: EndScope,
    /// Shown to the person.
    pub message: Option<String>,
}

/// A session with the auth state of its user, in one read: what every request and every socket is
/// checked against.
#[derive(Clone, Debug)]
pub struct Checked {
    pub id: SessionId,
    pub user_id: UserId,
    pub authenticated_at: Timestamp,
    pub amr: Vec<String>,
    pub generation: i64,
    pub used_generation: i64,
    pub idle_expires_at: Timestamp,
    pub expires_at: Timestamp,
    /// Set once it was ended, both.
    pub revoked_at: Option<Timestamp>,
    pub ending: Option<Ending>,
    /// Shared: every socket of the session holds it.
    pub state: Arc<AuthState>,
}

from_row!(Checked, |row| Checked {
    id: SessionId::from(row.try_get::<Uuid, _>("id")?),
    user_id: UserId::from(row.try_get::<Uuid, _>("user_id")?),
    authenticated_at: Timestamp::from_micros(row.try_get("authenticated_at")?),
    amr: serde_json::from_str(row.try_get("amr")?).map_err(corrupt)?,
    generation: row.try_get("generation")?,
    used_generation: row.try_get("used_generation")?,
    idle_expires_at: Timestamp::from_micros(row.try_get("idle_expires_at")?),
    expires_at: Timestamp::from_micros(row.try_get("expires_at")?),
    revoked_at: row
        .try_get::<Option<i64>, _>("revoked_at")?
        .map(Timestamp::from_micros),
    ending: match row.try_get::<Option<i64>, _>("revoked_at")? {
        None => None,
        Some(_) => Some(Ending {
            reason: EndReason::from_column(row.try_get("revoked_reason")?)?,
            scope: match row.try_get("revoked_scope")? {
                "user" => EndScope::User,
                _ => EndScope::Session,
            },
            message: row.try_get("revoked_message")?,
        }),
    },
    state: Arc::new(AuthState {
        version: row.try_get("version")?,
        role: row.try_get("site_role")?,
        permissions: serde_json::from_str(row.try_get("permissions")?).map_err(corrupt)?,
        status: Status::from_column(row.try_get("status")?)?,
        email_verified: row.try_get("email_verified")?,
    }),
});

impl Checked {
    /// How the session ended, if it did: by an act, by its account's status, or by time.
    #[must_use]
    pub fn ended(&self, now: Timestamp) -> Option<Ending> {
        if let Some(ending) = &self.ending {
            return Some(ending.clone());
        }
        if self.state.status == Status::Disabled {
            return Some(Ending {
                reason: EndReason::AccountDisabled,
                scope: EndScope::User,
                message: None,
            });
        }
        if now >= self.expires_at || now >= self.idle_expires_at {
            return Some(Ending {
                reason: EndReason::Expired,
                scope: EndScope::Session,
                message: None,
            });
        }
        None
    }
}

const CHECKED: &str = "select s.id, s.user_id, s.authenticated_at, s.amr, s.generation, s.used_generation,
    s.idle_expires_at, s.expires_at, s.revoked_at, s.revoked_reason, s.revoked_scope, s.revoked_message,
    u.version, u.site_role, u.status, u.email_verified, r.permissions
    from sessions s join users u on u.id = s.user_id join roles r on r.name = u.site_role
    where s.id = $1";

/// The session with its user's auth state. `None`: there is no such session, which counts as revoked.
///
/// # Errors
/// When storage fails.
pub async fn check(tx: &mut Tx, id: SessionId) -> Result<Option<Checked>, Error> {
    Ok(with_conn!(tx, conn => sqlx::query_as(CHECKED).bind(id.uuid()).fetch_optional(conn).await?))
}

/// The sessions among `ids` that exist, each with its user's auth state. For the sweep.
///
/// # Errors
/// When storage fails.
pub async fn check_many(tx: &mut Tx, ids: &[SessionId]) -> Result<Vec<Checked>, Error> {
    const POSTGRES: &str =
        "select s.id, s.user_id, s.authenticated_at, s.amr, s.generation, s.used_generation,
        s.idle_expires_at, s.expires_at, s.revoked_at, s.revoked_reason, s.revoked_scope, s.revoked_message,
        u.version, u.site_role, u.status, u.email_verified, r.permissions
        from sessions s join users u on u.id = s.user_id join roles r on r.name = u.site_role
        where s.id = any($1)";
    // SQLite has no arrays: the ids travel as one JSON text.
    const SQLITE: &str = "select s.id, s.user_id, s.authenticated_at, s.amr, s.generation, s.used_generation,
        s.idle_expires_at, s.expires_at, s.revoked_at, s.revoked_reason, s.revoked_scope, s.revoked_message,
        u.version, u.site_role, u.status, u.email_verified, r.permissions
        from sessions s join users u on u.id = s.user_id join roles r on r.name = u.site_role
        where s.id in (select unhex(value) from json_each($1))";
    Ok(match tx {
        Tx::Postgres(handle) => {
            let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
            answered!(handle, conn => sqlx::query_as(POSTGRES).bind(ids).fetch_all(conn).await?)
        }
        Tx::Sqlite(handle) => {
            let conn: &mut sqlx::SqliteConnection = handle;
            let ids: Vec<String> = ids.iter().map(|id| id.uuid().simple().to_string()).collect();
            let ids = serde_json::to_string(&ids).map_err(corrupt)?;
            sqlx::query_as(SQLITE).bind(ids).fetch_all(conn).await?
        }
    })
}

/// Notes a refresh: `presented` has arrived, `newest` was handed out. Neither number ever falls.
///
/// # Errors
/// When storage fails.
pub async fn refreshed(
    tx: &mut Tx,
    id: SessionId,
    presented: i64,
    newest: i64,
    idle_expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "update sessions set
        used_generation = case when used_generation < $2 then $2 else used_generation end,
        generation = case when generation < $3 then $3 else generation end,
        idle_expires_at = $4, last_seen_at = $5 where id = $1";
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(id.uuid())
            .bind(presented)
            .bind(newest)
            .bind(idle_expires_at.micros())
            .bind(now.micros())
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// Notes that a token of `generation` has arrived, if that is news.
///
/// # Errors
/// When storage fails.
pub async fn used(tx: &mut Tx, id: SessionId, generation: i64, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "update sessions set used_generation = $2, last_seen_at = $3
        where id = $1 and used_generation < $2";
    with_conn!(tx, conn => {
        sqlx::query(SQL).bind(id.uuid()).bind(generation).bind(now.micros()).execute(conn).await?;
    });
    Ok(())
}

/// What the person called the device of this session.
///
/// # Errors
/// When storage fails.
pub async fn device(tx: &mut Tx, id: SessionId) -> Result<Option<String>, Error> {
    const SQL: &str = "select device from sessions where id = $1";
    let found: Option<Option<String>> =
        with_conn!(tx, conn => sqlx::query_scalar(SQL).bind(id.uuid()).fetch_optional(conn).await?);
    Ok(found.flatten())
}
