//! Statements on `revocations`: what backends asked for, kept so that a receipt can be asked for later.

use super::journal::Position;
use super::row::from_row;
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

/// Where a revocation stands in the journal: what a node must have seen to have applied it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub epoch: String,
    pub position: Position,
}

from_row!(Mark, |row| Mark {
    epoch: row.try_get("epoch")?,
    position: Position {
        xid: row.try_get("xid")?,
        sequence: row.try_get("sequence")?,
    },
});

/// Keeps `row`, in the transaction that revokes.
pub async fn insert(tx: &mut Tx, row: &Row) -> Result<Mark, Error> {
    const SQL: &str = "insert into revocations
        (id, sequence, at, actor, selector, reason, message, sessions_revoked, epoch)
        select $1, $2, $3, $4, $5, $6, $7, $8, value from meta where key = 'epoch'
        returning epoch, xid, sequence";
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL)
            .bind(row.id.uuid())
            .bind(row.sequence)
            .bind(row.at.micros())
            .bind(&row.actor)
            .bind(&row.selector)
            .bind(&row.reason)
            .bind(row.message.as_deref())
            .bind(row.sessions_revoked)
            .fetch_one(conn)
            .await?
    }))
}

/// Where the revocation stands, if there is one with this id.
pub async fn find(tx: &mut Tx, id: RevocationId) -> Result<Option<Mark>, Error> {
    const SQL: &str = "select epoch, xid, sequence from revocations where id = $1";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(id.uuid()).fetch_optional(conn).await?))
}
