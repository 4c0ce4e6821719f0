//! Statements on `spent_socket_tokens`. PostgreSQL alone: with SQLite one process knows them all.

use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::TokenId;

/// Spends the token; true for exactly one caller, ever. One statement, one round trip.
///
/// The commit does not wait for the disk: what is lost in a crash of the database server is the memory
/// of tokens that live for seconds, and nobody reaches that server before they have expired.
///
/// # Errors
/// When storage fails.
pub async fn spend(tx: &mut Tx, id: TokenId, expires_at: Timestamp) -> Result<bool, Error> {
    // `set_config` with `true` lasts until the end of this statement's own transaction, its commit included.
    const POSTGRES: &str = "insert into spent_socket_tokens (id, expires_at)
        select $1, $2 where set_config('synchronous_commit', 'off', true) is not null
        on conflict (id) do nothing";
    const SQLITE: &str = "insert into spent_socket_tokens (id, expires_at) values ($1, $2)
        on conflict (id) do nothing";
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    let rows = with_conn!(tx, conn => {
        sqlx::query(sql).bind(id.uuid()).bind(expires_at.micros()).execute(conn).await?.rows_affected()
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
