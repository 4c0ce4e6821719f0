//! Statements on `setup_tokens`: the one-time address that makes the first admin.

use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::secret::TokenHash;

/// Writes a token.
pub async fn insert(
    tx: &mut Tx,
    hash: &TokenHash,
    created_at: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "insert into setup_tokens (hash, created_at, expires_at) values ($1, $2, $3)";
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(hash.bytes())
            .bind(created_at.micros())
            .bind(expires_at.micros())
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// Whether the token could be redeemed now. Decides nothing: see [`consume`].
pub async fn is_live(tx: &mut Tx, hash: &TokenHash, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "select count(*) from setup_tokens where hash = $1 and expires_at > $2";
    let count: i64 = with_conn!(tx, conn => {
        sqlx::query_scalar(SQL).bind(hash.bytes()).bind(now.micros()).fetch_one(conn).await?
    });
    Ok(count > 0)
}

/// Redeems the token: of any number of callers, one gets it.
pub async fn consume(tx: &mut Tx, hash: &TokenHash, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "delete from setup_tokens where hash = $1 and expires_at > $2";
    let gone = with_conn!(tx, conn => {
        sqlx::query(SQL).bind(hash.bytes()).bind(now.micros()).execute(conn).await?.rows_affected()
    });
    Ok(gone == 1)
}

/// Ends every token.
pub async fn end_all(tx: &mut Tx) -> Result<(), Error> {
    with_conn!(tx, conn => { sqlx::query("delete from setup_tokens").execute(conn).await?; });
    Ok(())
}

/// Erases what expired before `before`. Answers how many went.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "delete from setup_tokens where expires_at < $1";
    tx.takes_long();
    Ok(with_conn!(tx, conn => sqlx::query(SQL).bind(before.micros()).execute(conn).await?.rows_affected()))
}
