//! Statements on `revocations`: what backends asked for.

use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::RevocationId;

/// One act of revocation.
#[derive(Debug)]
pub struct Row {
    pub id: RevocationId,
    /// The journal's sequence that holds it.
    pub sequence: i64,
    pub at: Timestamp,
    pub actor: String,
    /// The request's selector, as JSON.
    pub selector: String,
    pub reason: String,
    pub message: Option<String>,
    pub sessions_revoked: i64,
}

/// Keeps `row`.
pub async fn insert(tx: &mut Tx, row: &Row) -> Result<(), Error> {
    const SQL: &str = "insert into revocations
        (id, sequence, at, actor, selector, reason, message, sessions_revoked)
        values ($1, $2, $3, $4, $5, $6, $7, $8)";
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(row.id.uuid())
            .bind(row.sequence)
            .bind(row.at.micros())
            .bind(&row.actor)
            .bind(&row.selector)
            .bind(&row.reason)
            .bind(row.message.as_deref())
            .bind(row.sessions_revoked)
            .execute(conn)
            .await?;
    });
    Ok(())
}
