//! Statements on `audit`. There is none that changes or erases a row.

use uuid::Uuid;

use super::row::from_row;
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::{AuditId, SessionId, UserId};

/// A row of the log.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: AuditId,
    pub at: Timestamp,
    pub action: &'static str,
    pub actor: String,
    pub user_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    pub ip: Option<String>,
    pub outcome: &'static str,
    pub request_id: Option<String>,
    /// A JSON object.
    pub details: String,
}

/// Appends one row.
pub async fn insert(tx: &mut Tx, row: &Row) -> Result<(), Error> {
    const SQL: &str = "insert into audit
        (id, at, action, actor, user_id, session_id, ip, outcome, request_id, details)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(row.id.uuid())
            .bind(row.at.micros())
            .bind(row.action)
            .bind(&row.actor)
            .bind(row.user_id.map(UserId::uuid))
            .bind(row.session_id.map(SessionId::uuid))
            .bind(row.ip.as_deref())
            .bind(row.outcome)
            .bind(row.request_id.as_deref())
            .bind(&row.details)
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// A row of the log, as it is read.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: AuditId,
    pub at: Timestamp,
    pub action: String,
    pub actor: String,
    pub session_id: Option<SessionId>,
    pub ip: Option<String>,
    pub outcome: String,
    pub request_id: Option<String>,
    /// A JSON object.
    pub details: String,
}

from_row!(Line, |row| Line {
    id: AuditId::from(row.try_get::<Uuid, _>("id")?),
    at: Timestamp::from_micros(row.try_get("at")?),
    action: row.try_get("action")?,
    actor: row.try_get("actor")?,
    session_id: row.try_get::<Option<Uuid>, _>("session_id")?.map(SessionId::from),
    ip: row.try_get("ip")?,
    outcome: row.try_get("outcome")?,
    request_id: row.try_get("request_id")?,
    details: row.try_get("details")?,
});

/// What was done to the user, oldest first, at most `limit` rows, those after `after` when given.
pub async fn of_user(
    tx: &mut Tx,
    user: UserId,
    after: Option<AuditId>,
    limit: u32,
) -> Result<Vec<Line>, Error> {
    const SQL: &str = "select id, at, action, actor, session_id, ip, outcome, request_id, details from audit
        where user_id = $1 and id > $2 order by id limit $3";
    let after = after.map_or_else(Uuid::nil, AuditId::uuid);
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL).bind(user.uuid()).bind(after).bind(i64::from(limit)).fetch_all(conn).await?
    }))
}
