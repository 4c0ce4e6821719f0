//! Statements on `meta`: what the database knows of itself.

use super::{Error, Tx, with_conn};

/// Writes the first epoch of the journal unless there is one. Answers whether it was written: then this
/// is the first start on this database.
pub async fn begin_epoch(tx: &mut Tx, epoch: &str) -> Result<bool, Error> {
    const SQL: &str = "insert into meta (key, value) values ('epoch', $1) on conflict (key) do nothing";
    let rows = with_conn!(tx, conn => sqlx::query(SQL).bind(epoch).execute(conn).await?.rows_affected());
    Ok(rows == 1)
}

/// Proves that the database answers.
pub async fn ping(tx: &mut Tx) -> Result<(), Error> {
    let _: i64 =
        with_conn!(tx, conn => sqlx::query_scalar("select count(*) from meta").fetch_one(conn).await?);
    Ok(())
}
