//! Statements on `users`.

mod erasing;
mod holders;
mod listing;
mod own;

use serde::Serialize;

use super::row::{columns, corrupt, from_row};
use super::{Error, Tx, answered, with_conn};
use crate::clock::Timestamp;
use crate::email::Email;
use crate::ids::UserId;

pub use erasing::erase;
pub use holders::{auth_states, grow_versions};
pub use listing::{Filter, list};
pub use own::{adopt_profile, distrust_browsers, rehash, set_email, set_name};

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
    /// When there is a password: a PHC string of argon2id, or, until its owner signs in, `~`, the cost, `~`, and
    /// the hash of other software.
    pub password_hash: Option<String>,
    /// A browser is trusted as long as this is what it was when the browser became so.
    pub browser_trust: i64,
    /// An operator made or imported it: while it is pending, what is set on it is what the operator set.
    pub vouched: bool,
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
    browser_trust: row.try_get("browser_trust")?,
    vouched: row.try_get("vouched")?,
    created_at: Timestamp::from_micros(row.try_get("created_at")?),
    updated_at: Timestamp::from_micros(row.try_get("updated_at")?),
});

impl User {
    /// Whether nothing stands behind it but a registration that nobody proved: it gives way to what an
    /// operator makes or imports.
    #[must_use]
    pub fn is_bare_claim(&self) -> bool {
        self.status == Status::Pending && !self.vouched
    }
}

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
        sqlx::query_as(concat!("select ", columns!(users), " from users where id = $1")).bind(id.uuid()).fetch_optional(conn).await?
    }))
}

/// The user with this address, if there is one.
pub async fn find_by_email(tx: &mut Tx, email: &Email) -> Result<Option<User>, Error> {
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(concat!("select ", columns!(users), " from users where email = $1")).bind(email.as_str()).fetch_optional(conn).await?
    }))
}

/// The present auth state of a user, with the permissions of the role.
pub async fn auth_state(tx: &mut Tx, id: UserId) -> Result<Option<AuthState>, Error> {
    const SQL: &str = "select u.version, u.site_role, r.permissions, u.status, u.email_verified
        from users u join roles r on r.name = u.site_role where u.id = $1";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(id.uuid()).fetch_optional(conn).await?))
}

/// Locks the user's row until the transaction ends, so that journal sequences of one user are taken
/// in the order of their commits. `SQLite` has one writer, which is the same.
pub async fn lock(tx: &mut Tx, id: UserId) -> Result<(), Error> {
    if let Tx::Postgres(handle) = tx {
        const SQL: &str = "select 1 from users where id = $1 for no key update";
        answered!(handle, conn => {
            sqlx::query(SQL).bind(id.uuid()).execute(conn).await?;
        });
    }
    Ok(())
}

/// As [`find`], and [`lock`]s the row: one statement for both.
pub async fn find_locked(tx: &mut Tx, id: UserId) -> Result<Option<User>, Error> {
    const POSTGRES: &str = concat!(
        "select ",
        columns!(users),
        " from users where id = $1 for no key update"
    );
    match tx {
        Tx::Postgres(handle) => Ok(answered!(handle, conn => {
            sqlx::query_as(POSTGRES).bind(id.uuid()).fetch_optional(conn).await?
        })),
        Tx::Sqlite(_) => find(tx, id).await,
    }
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

/// A user that is about to be written. Its version is 1.
#[derive(Debug)]
pub struct NewUser<'a> {
    pub id: UserId,
    pub email: &'a Email,
    pub name: Option<&'a str>,
    /// `Active` means that the address counts as proven.
    pub status: Status,
    pub site_role: &'a str,
    /// On a pending account: what takes effect when it is activated.
    pub password_hash: Option<&'a str>,
    /// Whether an operator makes it.
    pub vouched: bool,
    pub created_at: Timestamp,
}

/// Writes the user unless one has the address; answers whether it was written. Of two that write one
/// address at once, the second waits for the first and then finds it taken.
pub async fn insert_missing(tx: &mut Tx, user: &NewUser<'_>) -> Result<bool, Error> {
    const SQL: &str = "insert into users (id, email, email_verified, name, status, site_role, version,
        password_hash, created_at, updated_at, vouched) values ($1, $2, $3, $4, $5, $6, 1, $7, $8, $8, $9)
        on conflict (email) do nothing";
    let written = with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(user.id.uuid())
            .bind(user.email.as_str())
            .bind(user.status == Status::Active)
            .bind(user.name)
            .bind(user.status.as_str())
            .bind(user.site_role)
            .bind(user.password_hash)
            .bind(user.created_at.micros())
            .bind(user.vouched)
            .execute(conn)
            .await?
            .rows_affected()
    });
    Ok(written == 1)
}

/// As [`find_by_email`], and [`lock`]s the row.
pub async fn find_by_email_locked(tx: &mut Tx, email: &Email) -> Result<Option<User>, Error> {
    const POSTGRES: &str = concat!(
        "select ",
        columns!(users),
        " from users where email = $1 for no key update"
    );
    match tx {
        Tx::Postgres(handle) => Ok(answered!(handle, conn => {
            sqlx::query_as(POSTGRES).bind(email.as_str()).fetch_optional(conn).await?
        })),
        Tx::Sqlite(_) => find_by_email(tx, email).await,
    }
}

/// What a new registration chose, for a pending account; it replaces what an older one chose.
pub async fn replace_pending(
    tx: &mut Tx,
    id: UserId,
    password_hash: &str,
    name: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "update users set password_hash = $2, name = $3, updated_at = $4
        where id = $1 and status = 'pending'";
    with_conn!(tx, conn => {
        sqlx::query(SQL).bind(id.uuid()).bind(password_hash).bind(name).bind(now.micros()).execute(conn).await?;
    });
    Ok(())
}

/// Notes that an activation mail is sent again, unless one was after `since` or the account is not
/// pending; answers whether it was noted. The note stays on the account, whatever becomes of its tokens.
pub async fn note_activation_resent(
    tx: &mut Tx,
    id: UserId,
    since: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "update users set activation_resent_at = $3 where id = $1 and status = 'pending'
        and (activation_resent_at is null or activation_resent_at <= $2)";
    let noted = with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(id.uuid())
            .bind(since.micros())
            .bind(now.micros())
            .execute(conn)
            .await?
            .rows_affected()
    });
    Ok(noted == 1)
}

/// Makes all who lock the same `key` wait for each other until the transaction ends, also where there is
/// no row to lock. `SQLite` has one writer, which is the same.
pub async fn lock_key(tx: &mut Tx, key: i64) -> Result<(), Error> {
    if let Tx::Postgres(handle) = tx {
        const SQL: &str = "select pg_advisory_xact_lock($1)";
        answered!(handle, conn => {
            sqlx::query(SQL).bind(key).execute(conn).await?;
        });
    }
    Ok(())
}

/// What takes effect with the proof of an address.
#[derive(Debug)]
pub struct Activation<'a> {
    pub id: UserId,
    /// The address that was proven; the user must still have it.
    pub email: &'a Email,
    pub password_hash: Option<&'a str>,
    pub name: Option<&'a str>,
    pub locale: Option<&'a str>,
    pub now: Timestamp,
}

/// Makes a pending account active, with exactly the password, name and locale given, whatever was set before.
/// Answers the new version; `None` when the account is not pending, or has another address.
pub async fn activate(tx: &mut Tx, with: &Activation<'_>) -> Result<Option<i64>, Error> {
    const SQL: &str = "update users set status = 'active', email_verified = true, version = version + 1,
        password_hash = $3, name = $4, locale = $6, avatar_url = null, updated_at = $5
        where id = $1 and email = $2 and status = 'pending' returning version";
    Ok(with_conn!(tx, conn => {
        sqlx::query_scalar(SQL)
            .bind(with.id.uuid())
            .bind(with.email.as_str())
            .bind(with.password_hash)
            .bind(with.name)
            .bind(with.now.micros())
            .bind(with.locale)
            .fetch_optional(conn)
            .await?
    }))
}

/// Gives an active account another password; answers whether there was one with this address.
pub async fn set_password(
    tx: &mut Tx,
    id: UserId,
    email: &Email,
    password_hash: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "update users set password_hash = $3, updated_at = $4
        where id = $1 and email = $2 and status = 'active'";
    let changed = with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(id.uuid())
            .bind(email.as_str())
            .bind(password_hash)
            .bind(now.micros())
            .execute(conn)
            .await?
            .rows_affected()
    });
    Ok(changed == 1)
}

/// Moves the user from one status to another; answers the new version, or `None` when it was not in `from`.
pub async fn set_status(
    tx: &mut Tx,
    id: UserId,
    from: Status,
    to: Status,
    now: Timestamp,
) -> Result<Option<i64>, Error> {
    const SQL: &str = "update users set status = $3, version = version + 1, updated_at = $4
        where id = $1 and status = $2 returning version";
    Ok(with_conn!(tx, conn => {
        sqlx::query_scalar(SQL)
            .bind(id.uuid())
            .bind(from.as_str())
            .bind(to.as_str())
            .bind(now.micros())
            .fetch_optional(conn)
            .await?
    }))
}

/// Whether anybody holds the role, whatever the status.
pub async fn any_in_role(tx: &mut Tx, role: &str) -> Result<bool, Error> {
    const SQL: &str = "select count(*) from users where site_role = $1";
    let count: i64 = with_conn!(tx, conn => sqlx::query_scalar(SQL).bind(role).fetch_one(conn).await?);
    Ok(count > 0)
}

/// How many users have a password hash of which cost: what stands in front of a hash of other software, or an
/// empty text for the hub's own. Reads the whole table.
pub async fn hash_costs(tx: &mut Tx) -> Result<Vec<(String, u64)>, Error> {
    // As `ForeignHash` writes it: a mark, the cost in 32 characters, a mark, the hash.
    const SQL: &str = "select case when substr(password_hash, 1, 1) = '~'
            then trim(substr(password_hash, 2, 32)) else '' end as cost, count(*) as users
        from users where password_hash is not null group by 1 order by 1";
    tx.takes_long();
    let rows: Vec<(String, i64)> = with_conn!(tx, conn => sqlx::query_as(SQL).fetch_all(conn).await?);
    let counted = |(cost, users): (String, i64)| (cost, u64::try_from(users).unwrap_or(0));
    Ok(rows.into_iter().map(counted).collect())
}
