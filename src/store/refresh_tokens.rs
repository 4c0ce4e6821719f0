//! Statements on `refresh_tokens`: the family of each session, by hash alone.

use uuid::Uuid;

use super::row::{columns, from_row};
use super::sessions::{self, Checked};
use super::users::User;
use super::{Error, Tx, answered, with_conn};
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};
use crate::secret::TokenHash;

/// A refresh token as it is stored, without the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// 1 for the token of the sign-in, one more for each successor.
    pub generation: i64,
    /// When it was first exchanged for its successor.
    pub rotated_at: Option<Timestamp>,
}

from_row!(Row, |row| Row {
    generation: row.try_get("generation")?,
    rotated_at: row
        .try_get::<Option<i64>, _>("rotated_at")?
        .map(Timestamp::from_micros),
});

/// Writes a new token.
///
/// # Errors
/// When storage fails.
pub async fn insert(
    tx: &mut Tx,
    hash: &TokenHash,
    session: SessionId,
    generation: i64,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "insert into refresh_tokens (hash, session_id, generation, created_at)
        values ($1, $2, $3, $4)";
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(hash.bytes())
            .bind(session.uuid())
            .bind(generation)
            .bind(now.micros())
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// A presented token of a session that exists, as it stands under the lock.
#[derive(Clone, Debug)]
pub struct Presented {
    pub token: Row,
    pub session: Checked,
}

from_row!(Presented, |row| Presented {
    token: Row {
        generation: row.try_get("presented_generation")?,
        rotated_at: row
            .try_get::<Option<i64>, _>("rotated_at")?
            .map(Timestamp::from_micros),
    },
    session: <Checked as sqlx::FromRow<_>>::from_row(row)?,
});

/// Locks the user that the token belongs to until the transaction ends, and reads it: one statement where
/// the token's owner, the lock and the user would be three. A token never changes hands.
///
/// # Errors
/// When storage fails.
pub async fn lock_owner(tx: &mut Tx, hash: &TokenHash) -> Result<Option<User>, Error> {
    const SQLITE: &str = concat!(
        "select ",
        columns!(users),
        " from users
        where id = (select s.user_id from refresh_tokens t
            join sessions s on s.id = t.session_id where t.hash = $1)"
    );
    const POSTGRES: &str = concat!(
        "select ",
        columns!(users),
        " from users
        where id = (select s.user_id from refresh_tokens t
            join sessions s on s.id = t.session_id where t.hash = $1) for no key update"
    );
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    Ok(with_conn!(tx, conn => sqlx::query_as(sql).bind(hash.bytes()).fetch_optional(conn).await?))
}

/// Locks the session that the token belongs to until the transaction ends, and reads both. The user is
/// locked before.
///
/// Whoever refreshes the same session, or ends it, waits. What is read is what they left: of the session,
/// because PostgreSQL reads a row again that it waited for; of the token, because only who holds the
/// user's lock changes it.
///
/// # Errors
/// When storage fails.
pub async fn lock_session(tx: &mut Tx, hash: &TokenHash) -> Result<Option<Presented>, Error> {
    const SQLITE: &str = "select s.id, s.user_id, s.authenticated_at, s.amr, s.generation, s.used_generation,
        s.idle_expires_at, s.expires_at, s.revoked_at, s.revoked_reason, s.revoked_scope, s.revoked_message,
        u.version, u.site_role, u.status, u.email_verified, r.permissions,
        t.generation as presented_generation, t.rotated_at
        from refresh_tokens t join sessions s on s.id = t.session_id join users u on u.id = s.user_id
        join roles r on r.name = u.site_role where t.hash = $1";
    const POSTGRES: &str =
        "select s.id, s.user_id, s.authenticated_at, s.amr, s.generation, s.used_generation,
        s.idle_expires_at, s.expires_at, s.revoked_at, s.revoked_reason, s.revoked_scope, s.revoked_message,
        u.version, u.site_role, u.status, u.email_verified, r.permissions,
        t.generation as presented_generation, t.rotated_at
        from refresh_tokens t join sessions s on s.id = t.session_id join users u on u.id = s.user_id
        join roles r on r.name = u.site_role where t.hash = $1 for no key update of s";
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    Ok(with_conn!(tx, conn => sqlx::query_as(sql).bind(hash.bytes()).fetch_optional(conn).await?))
}

/// The token with this hash.
///
/// # Errors
/// When storage fails.
pub async fn find(tx: &mut Tx, hash: &TokenHash) -> Result<Option<Row>, Error> {
    const SQL: &str = "select generation, rotated_at from refresh_tokens where hash = $1";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(hash.bytes()).fetch_optional(conn).await?))
}

/// The session that a token of any generation belongs to, and its user.
///
/// # Errors
/// When storage fails.
pub async fn owner(tx: &mut Tx, hash: &TokenHash) -> Result<Option<(UserId, SessionId)>, Error> {
    const SQL: &str = "select s.user_id, s.id from refresh_tokens t
        join sessions s on s.id = t.session_id where t.hash = $1";
    let found: Option<(Uuid, Uuid)> =
        with_conn!(tx, conn => sqlx::query_as(SQL).bind(hash.bytes()).fetch_optional(conn).await?);
    Ok(found.map(|(user, session)| (user.into(), session.into())))
}

/// An exchange of a token for its successor.
#[derive(Debug)]
pub struct Exchange<'a> {
    pub presented: &'a TokenHash,
    pub successor: &'a TokenHash,
    pub session: SessionId,
    /// Of the presented token.
    pub generation: i64,
    /// When the session ends unless it is refreshed again.
    pub idle_expires_at: Timestamp,
    pub now: Timestamp,
}

/// Notes that the token was exchanged, writes its successor, and notes both on the session.
///
/// # Errors
/// When storage fails.
pub async fn exchange(tx: &mut Tx, with: &Exchange<'_>) -> Result<(), Error> {
    // What SQLite runs as three statements is one here: each would be a round trip under the locks.
    const POSTGRES: &str = "with rotated as (
            update refresh_tokens set rotated_at = $6 where hash = $1 and rotated_at is null),
        written as (
            insert into refresh_tokens (hash, session_id, generation, created_at) values ($2, $3, $4 + 1, $6))
        update sessions set
        used_generation = case when used_generation < $4 then $4 else used_generation end,
        generation = case when generation < $4 + 1 then $4 + 1 else generation end,
        idle_expires_at = $5, last_seen_at = $6 where id = $3";
    let (newest, idle) = (with.generation + 1, with.idle_expires_at);
    match tx {
        Tx::Postgres(handle) => {
            answered!(handle, conn => {
                sqlx::query(POSTGRES)
                    .bind(with.presented.bytes())
                    .bind(with.successor.bytes())
                    .bind(with.session.uuid())
                    .bind(with.generation)
                    .bind(idle.micros())
                    .bind(with.now.micros())
                    .execute(conn)
                    .await?;
            });
            Ok(())
        }
        Tx::Sqlite(_) => {
            rotate(tx, with.presented, with.now).await?;
            insert(tx, with.successor, with.session, newest, with.now).await?;
            sessions::refreshed(tx, with.session, with.generation, newest, idle, with.now).await
        }
    }
}

/// Notes that the token was exchanged. False when it had been before.
///
/// # Errors
/// When storage fails.
pub async fn rotate(tx: &mut Tx, hash: &TokenHash, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "update refresh_tokens set rotated_at = $2 where hash = $1 and rotated_at is null";
    let done = with_conn!(tx, conn => {
        sqlx::query(SQL).bind(hash.bytes()).bind(now.micros()).execute(conn).await?.rows_affected()
    });
    Ok(done == 1)
}
