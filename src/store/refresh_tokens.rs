//! Statements on `refresh_tokens`: the family of each session, by hash alone.

use uuid::Uuid;

use super::row::from_row;
use super::{Error, Tx, with_conn};
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

/// Locks the session that the token belongs to until the transaction ends, and names it.
///
/// Whoever refreshes the same session, or ends it, waits. What is read after this is what they left.
///
/// # Errors
/// When storage fails.
pub async fn lock_session(tx: &mut Tx, hash: &TokenHash) -> Result<Option<SessionId>, Error> {
    const POSTGRES: &str = "select id from sessions
        where id = (select session_id from refresh_tokens where hash = $1) for no key update";
    const SQLITE: &str = "select session_id from refresh_tokens where hash = $1";
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    let id: Option<Uuid> =
        with_conn!(tx, conn => sqlx::query_scalar(sql).bind(hash.bytes()).fetch_optional(conn).await?);
    Ok(id.map(SessionId::from))
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
