//! Statements on `users`.

use serde::Serialize;
use sqlx::Row as _;

use super::row::{corrupt, from_row};
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::email::Email;
use crate::ids::UserId;

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Registered, its address not yet proven.
    Pending,
    Active,
    Disabled,
}

impl Status {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    pub(super) fn from_column(text: &str) -> sqlx::Result<Self> {
        match text {
            "pending" => Ok(Self::Pending),
            "active" => Ok(Self::Active),
            "disabled" => Ok(Self::Disabled),
            other => Err(corrupt(format!("unknown user status {other:?}"))),
        }
    }
}

/// A person's record.
#[derive(Clone, Debug)]
pub struct User {
    pub id: UserId,
    pub email: Email,
    pub email_verified: bool,
    pub name: Option<String>,
    pub locale: Option<String>,
    pub avatar_url: Option<String>,
    pub status: Status,
    pub site_role: String,
    /// Grows by one with each change of the auth state.
    pub version: i64,
    /// PHC string of argon2id, when there is a password.
    pub password_hash: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

from_row!(User, |row| User {
    id: UserId::from(row.try_get::<uuid::Uuid, _>("id")?),
    email: Email::parse(row.try_get("email")?).map_err(corrupt)?,
    email_verified: row.try_get("email_verified")?,
    name: row.try_get("name")?,
    locale: row.try_get("locale")?,
    avatar_url: row.try_get("avatar_url")?,
    status: Status::from_column(row.try_get("status")?)?,
    site_role: row.try_get("site_role")?,
    version: row.try_get("version")?,
    password_hash: row.try_get("password_hash")?,
    created_at: Timestamp::from_micros(row.try_get("created_at")?),
    updated_at: Timestamp::from_micros(row.try_get("updated_at")?),
});

/// What the hub pushes: everything that decides what a person may do, always whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuthState {
    pub version: i64,
    pub role: String,
    pub permissions: Vec<String>,
    pub status: Status,
    pub email_verified: bool,
}

from_row!(AuthState, |row| AuthState {
    version: row.try_get("version")?,
    role: row.try_get("site_role")?,
    permissions: serde_json::from_str(row.try_get("permissions")?).map_err(corrupt)?,
    status: Status::from_column(row.try_get("status")?)?,
    email_verified: row.try_get("email_verified")?,
});

/// The user, if there is one.
pub async fn find(tx: &mut Tx, id: UserId) -> Result<Option<User>, Error> {
    Ok(with_conn!(tx, conn => {
        sqlx::query_as("select * from users where id = $1").bind(id.uuid()).fetch_optional(conn).await?
    }))
}

/// The user with this address, if there is one.
pub async fn find_by_email(tx: &mut Tx, email: &Email) -> Result<Option<User>, Error> {
    Ok(with_conn!(tx, conn => {
        sqlx::query_as("select * from users where email = $1").bind(email.as_str()).fetch_optional(conn).await?
    }))
}

/// The present auth state of a user, with the permissions of the role.
pub async fn auth_state(tx: &mut Tx, id: UserId) -> Result<Option<AuthState>, Error> {
    const SQL: &str = "select u.version, u.site_role, r.permissions, u.status, u.email_verified
        from users u join roles r on r.name = u.site_role where u.id = $1";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(id.uuid()).fetch_optional(conn).await?))
}

/// Locks the user's row until the transaction ends, so that journal sequences of one user are taken
/// in the order of their commits. SQLite has one writer, which is the same.
pub async fn lock(tx: &mut Tx, id: UserId) -> Result<(), Error> {
    if let Tx::Postgres(handle) = tx {
        let conn: &mut sqlx::PgConnection = handle;
        sqlx::query("select 1 from users where id = $1 for no key update")
            .bind(id.uuid())
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Gives the user another role; answers the new version.
pub async fn set_site_role(
    tx: &mut Tx,
    id: UserId,
    role: &str,
    now: Timestamp,
) -> Result<Option<i64>, Error> {
    const SQL: &str = "update users set site_role = $2, version = version + 1, updated_at = $3
        where id = $1 returning version";
    Ok(with_conn!(tx, conn => {
        sqlx::query_scalar(SQL).bind(id.uuid()).bind(role).bind(now.micros()).fetch_optional(conn).await?
    }))
}

/// How many active users hold the role.
pub async fn count_active_in_role(tx: &mut Tx, role: &str) -> Result<i64, Error> {
    const SQL: &str = "select count(*) from users where site_role = $1 and status = 'active'";
    Ok(with_conn!(tx, conn => sqlx::query_scalar(SQL).bind(role).fetch_one(conn).await?))
}
