//! Statements on `sessions`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::row::{corrupt, from_row};
use super::users::{AuthState, Status, User};
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::email::Email;
use crate::ids::{SessionId, UserId};

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
    const fn as_str(self) -> &'static str {
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
    /// Set once it was ended.
    pub ending: Option<Ending>,
    pub state: AuthState,
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
    state: AuthState {
        version: row.try_get("version")?,
        role: row.try_get("site_role")?,
        permissions: serde_json::from_str(row.try_get("permissions")?).map_err(corrupt)?,
        status: Status::from_column(row.try_get("status")?)?,
        email_verified: row.try_get("email_verified")?,
    },
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
            let conn: &mut sqlx::PgConnection = handle;
            let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
            sqlx::query_as(POSTGRES).bind(ids).fetch_all(conn).await?
        }
        Tx::Sqlite(handle) => {
            let conn: &mut sqlx::SqliteConnection = handle;
            let ids: Vec<String> = ids.iter().map(|id| id.uuid().simple().to_string()).collect();
            let ids = serde_json::to_string(&ids).map_err(corrupt)?;
            sqlx::query_as(SQLITE).bind(ids).fetch_all(conn).await?
        }
    })
}

/// Ends one session; answers its user, or `None` when it does not exist or had ended before.
///
/// # Errors
/// When storage fails.
pub async fn end(
    tx: &mut Tx,
    id: SessionId,
    ending: &Ending,
    now: Timestamp,
) -> Result<Option<UserId>, Error> {
    const SQL: &str = "update sessions set revoked_at = $2, revoked_reason = $3, revoked_scope = $4,
        revoked_message = $5 where id = $1 and revoked_at is null returning user_id";
    let user: Option<Uuid> = with_conn!(tx, conn => {
        sqlx::query_scalar(SQL)
            .bind(id.uuid())
            .bind(now.micros())
            .bind(ending.reason.as_str())
            .bind(ending.scope.as_str())
            .bind(ending.message.as_deref())
            .fetch_optional(conn)
            .await?
    });
    Ok(user.map(UserId::from))
}

/// Which live sessions [`end_many`] ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    User { id: UserId, except: Option<SessionId> },
    Role(String),
    All,
}

/// Ends every selected live session by one statement; answers how many.
///
/// # Errors
/// When storage fails.
pub async fn end_many(tx: &mut Tx, which: &Selection, ending: &Ending, now: Timestamp) -> Result<u64, Error> {
    const USER: &str = "update sessions set revoked_at = $1, revoked_reason = $2, revoked_scope = $3,
        revoked_message = $4 where revoked_at is null and expires_at > $1 and idle_expires_at > $1
        and user_id = $5 and ($6 is null or id <> $6)";
    const ROLE: &str = "update sessions set revoked_at = $1, revoked_reason = $2, revoked_scope = $3,
        revoked_message = $4 where revoked_at is null and expires_at > $1 and idle_expires_at > $1
        and user_id in (select id from users where site_role = $5)";
    const ALL: &str = "update sessions set revoked_at = $1, revoked_reason = $2, revoked_scope = $3,
        revoked_message = $4 where revoked_at is null and expires_at > $1 and idle_expires_at > $1";
    Ok(with_conn!(tx, conn => {
        let sql = match which {
            Selection::User { .. } => USER,
            Selection::Role(_) => ROLE,
            Selection::All => ALL,
        };
        let query = sqlx::query(sql)
            .bind(now.micros())
            .bind(ending.reason.as_str())
            .bind(ending.scope.as_str())
            .bind(ending.message.as_deref());
        let query = match which {
            Selection::User { id, except } => query.bind(id.uuid()).bind(except.map(SessionId::uuid)),
            Selection::Role(role) => query.bind(role),
            Selection::All => query,
        };
        query.execute(conn).await?.rows_affected()
    }))
}

/// How many live sessions are selected: what [`end_many`] would end.
///
/// # Errors
/// When storage fails.
pub async fn count_live(tx: &mut Tx, which: &Selection, now: Timestamp) -> Result<i64, Error> {
    const USER: &str = "select count(*) from sessions where revoked_at is null and expires_at > $1
        and idle_expires_at > $1 and user_id = $2 and ($3 is null or id <> $3)";
    const ROLE: &str = "select count(*) from sessions where revoked_at is null and expires_at > $1
        and idle_expires_at > $1 and user_id in (select id from users where site_role = $2)";
    const ALL: &str = "select count(*) from sessions where revoked_at is null and expires_at > $1
        and idle_expires_at > $1";
    Ok(with_conn!(tx, conn => match which {
        Selection::User { id, except } => {
            let query = sqlx::query_scalar(USER).bind(now.micros()).bind(id.uuid());
            query.bind(except.map(SessionId::uuid)).fetch_one(conn).await?
        }
        Selection::Role(role) => sqlx::query_scalar(ROLE).bind(now.micros()).bind(role).fetch_one(conn).await?,
        Selection::All => sqlx::query_scalar(ALL).bind(now.micros()).fetch_one(conn).await?,
    }))
}

/// A session that begins.
#[derive(Debug)]
pub struct NewSession {
    pub id: SessionId,
    pub user_id: UserId,
    /// When it begins, which is when credentials were proven.
    pub at: Timestamp,
    /// How they were proven (RFC 8176).
    pub amr: Vec<String>,
    pub idle_expires_at: Timestamp,
    pub expires_at: Timestamp,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub device: Option<String>,
}

/// Writes a new session, its refresh generation 1, nothing of it used yet.
///
/// # Errors
/// When storage fails.
pub async fn insert(tx: &mut Tx, new: &NewSession) -> Result<(), Error> {
    const SQL: &str = "insert into sessions (id, user_id, created_at, authenticated_at, last_seen_at, amr,
        idle_expires_at, expires_at, generation, used_generation, ip, user_agent, device)
        values ($1, $2, $3, $3, $3, $4, $5, $6, 1, 0, $7, $8, $9)";
    let amr = serde_json::to_string(&new.amr).map_err(corrupt)?;
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(new.id.uuid())
            .bind(new.user_id.uuid())
            .bind(new.at.micros())
            .bind(&amr)
            .bind(new.idle_expires_at.micros())
            .bind(new.expires_at.micros())
            .bind(new.ip.as_deref().unwrap_or_default())
            .bind(new.user_agent.as_deref())
            .bind(new.device.as_deref())
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// Who may be signing in: everything that decides it, in one read.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub user: User,
    /// What a registration that was never activated chose: the newest activation token's password.
    pub pending_hash: Option<String>,
    /// The account has had a session from the asking address.
    pub known: bool,
}

from_row!(Candidate, |row| Candidate {
    user: <User as sqlx::FromRow<_>>::from_row(row)?,
    pending_hash: row.try_get("pending_hash")?,
    known: row.try_get("known")?,
});

/// The account with this address, as a sign-in from `ip` sees it.
///
/// # Errors
/// When storage fails.
pub async fn candidate(tx: &mut Tx, email: &Email, ip: &str) -> Result<Option<Candidate>, Error> {
    const SQL: &str = "select u.*,
        (select t.password_hash from mailed_tokens t where t.user_id = u.id and t.purpose = 'activation'
            order by t.created_at desc limit 1) as pending_hash,
        exists (select 1 from sessions s where s.user_id = u.id and s.ip = $2) as known
        from users u where u.email = $1";
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL).bind(email.as_str()).bind(ip).fetch_optional(conn).await?
    }))
}

/// Replaces the password's hash by one of the same password, unless somebody changed it meanwhile.
///
/// # Errors
/// When storage fails.
pub async fn rehash(tx: &mut Tx, user: UserId, old: &str, new: &str) -> Result<bool, Error> {
    const SQL: &str = "update users set password_hash = $3 where id = $1 and password_hash = $2";
    let rows = with_conn!(tx, conn => {
        sqlx::query(SQL).bind(user.uuid()).bind(old).bind(new).execute(conn).await?.rows_affected()
    });
    Ok(rows == 1)
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

/// Erases sessions that ended, by an act or by time, before `before`, with their refresh tokens. Answers
/// how many went.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "delete from sessions where revoked_at < $1 or expires_at < $1 or idle_expires_at < $1";
    Ok(with_conn!(tx, conn => sqlx::query(SQL).bind(before.micros()).execute(conn).await?.rows_affected()))
}
