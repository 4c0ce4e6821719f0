//! Statements on `audit`. There is none that changes or erases a row.

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
