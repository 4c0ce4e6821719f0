//! Statements that list a person's sessions, and those that take the person out of them.

use uuid::Uuid;

use super::super::row::{corrupt, from_row};
use super::super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};

/// A session, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub authenticated_at: Timestamp,
    pub amr: Vec<String>,
    pub last_seen_at: Timestamp,
    pub idle_expires_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub revoked_reason: Option<String>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub device: Option<String>,
}

from_row!(Listed, |row| Listed {
    id: SessionId::from(row.try_get::<Uuid, _>("id")?),
    created_at: Timestamp::from_micros(row.try_get("created_at")?),
    authenticated_at: Timestamp::from_micros(row.try_get("authenticated_at")?),
    amr: serde_json::from_str(row.try_get("amr")?).map_err(corrupt)?,
    last_seen_at: Timestamp::from_micros(row.try_get("last_seen_at")?),
    idle_expires_at: Timestamp::from_micros(row.try_get("idle_expires_at")?),
    expires_at: Timestamp::from_micros(row.try_get("expires_at")?),
    revoked_at: row
        .try_get::<Option<i64>, _>("revoked_at")?
        .map(Timestamp::from_micros),
    revoked_reason: row.try_get("revoked_reason")?,
    ip: Some(row.try_get("ip")?).filter(|ip: &String| !ip.is_empty()),
    user_agent: row.try_get("user_agent")?,
    device: row.try_get("device")?,
});

/// The user's sessions that are live at `now`, the newest first.
///
/// # Errors
/// When storage fails.
pub async fn list_live(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<Vec<Listed>, Error> {
    const SQL: &str =
        "select id, created_at, authenticated_at, amr, last_seen_at, idle_expires_at, expires_at,
        revoked_at, revoked_reason, ip, user_agent, device from sessions
        where user_id = $1 and revoked_at is null and expires_at > $2 and idle_expires_at > $2
        order by created_at desc, id desc";
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL).bind(user.uuid()).bind(now.micros()).fetch_all(conn).await?
    }))
}

/// The user's sessions that are on record, ended ones included, the newest first.
///
/// # Errors
/// When storage fails.
pub async fn list_all(tx: &mut Tx, user: UserId) -> Result<Vec<Listed>, Error> {
    const SQL: &str =
        "select id, created_at, authenticated_at, amr, last_seen_at, idle_expires_at, expires_at,
        revoked_at, revoked_reason, ip, user_agent, device from sessions
        where user_id = $1 order by created_at desc, id desc";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(user.uuid()).fetch_all(conn).await?))
}

/// Where a session was begun: the network, and the `User-Agent`.
///
/// # Errors
/// When storage fails.
pub async fn place(tx: &mut Tx, id: SessionId) -> Result<Option<(String, Option<String>)>, Error> {
    const SQL: &str = "select network, user_agent from sessions where id = $1";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(id.uuid()).fetch_optional(conn).await?))
}

/// Leaves of the user's sessions, all of which have ended, no more than that they were and how they ended.
/// Their refresh tokens go.
///
/// # Errors
/// When storage fails.
pub async fn bury(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    const TOKENS: &str =
        "delete from refresh_tokens where session_id in (select id from sessions where user_id = $1)";
    const SESSIONS: &str = "update sessions set ip = '', network = '', user_agent = null, device = null,
        revoked_message = null where user_id = $1";
    tx.takes_long();
    for sql in [TOKENS, SESSIONS] {
        with_conn!(tx, conn => { sqlx::query(sql).bind(user.uuid()).execute(conn).await?; });
    }
    Ok(())
}
