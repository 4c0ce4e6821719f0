//! Statements on `spent_socket_tokens`. In use on PostgreSQL, where [`super::sessions::open`] spends a
//! token and reads its session at once; with SQLite one process knows all tokens, and keeps them in memory.

use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::TokenId;

/// Spends the token; true for exactly one caller, ever.
///
/// # Errors
/// When storage fails.
pub async fn spend(tx: &mut Tx, id: TokenId, expires_at: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "insert into spent_socket_tokens (id, expires_at) values ($1, $2)
        on conflict (id) do nothing";
    let rows = with_conn!(tx, conn => {
        sqlx::query(SQL).bind(id.uuid()).bind(expires_at.micros()).execute(conn).await?.rows_affected()
    });
    Ok(rows == 1)
}

/// Forgets tokens that expired before `before`. Answers how many.
///
/// # Errors
/// When storage fails.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "delete from spent_socket_tokens where expires_at < $1";
    tx.takes_long();
    Ok(with_conn!(tx, conn => sqlx::query(SQL).bind(before.micros()).execute(conn).await?.rows_affected()))
}
