//! Statements on `meta`: what the database knows of itself. The journal's epoch is its name: it changes
//! when this is not the database any more that it was, so that nobody goes on from a void position.

use super::{Error, Tx, with_conn};

/// Writes the first epoch of the journal unless there is one. Answers whether it was written: then this
/// is the first start on this database.
pub async fn begin_epoch(tx: &mut Tx, epoch: &str) -> Result<bool, Error> {
    const SQL: &str = "insert into meta (key, value) values ('epoch', $1) on conflict (key) do nothing";
    let rows = with_conn!(tx, conn => sqlx::query(SQL).bind(epoch).execute(conn).await?.rows_affected());
    Ok(rows == 1)
}

/// Begins the epoch `new`, if the present one is still `old`. Answers whether it was: of several nodes that
/// notice the same thing one begins the epoch, and the others follow.
pub async fn renew_epoch(tx: &mut Tx, old: &str, new: &str) -> Result<bool, Error> {
    const SQL: &str = "update meta set value = $2 where key = 'epoch' and value = $1";
    let rows =
        with_conn!(tx, conn => sqlx::query(SQL).bind(old).bind(new).execute(conn).await?.rows_affected());
    Ok(rows == 1)
}

/// The journal's present name.
pub async fn epoch(tx: &mut Tx) -> Result<String, Error> {
    const SQL: &str = "select value from meta where key = 'epoch'";
    Ok(with_conn!(tx, conn => sqlx::query_scalar(SQL).fetch_one(conn).await?))
}

/// Which database this is.
///
/// PostgreSQL is known by the cluster's system identifier (another where a dump was loaded), its timeline
/// (another after a fail-over, and after a restore to a point in time), and the journal's own table (another
/// after a dump took its place). An SQLite file has nothing of the kind.
pub async fn identity(tx: &mut Tx) -> Result<String, Error> {
    const POSTGRES: &str = "select (select system_identifier from pg_control_system())::text
        || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
        || '/' || 'journal'::regclass::oid::text";
    const SQLITE: &str = "select 'sqlite'";
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    Ok(with_conn!(tx, conn => sqlx::query_scalar(sql).fetch_one(conn).await?))
}

/// The identity that was kept with the journal.
pub async fn kept_identity(tx: &mut Tx) -> Result<Option<String>, Error> {
    const SQL: &str = "select value from meta where key = 'identity'";
    Ok(with_conn!(tx, conn => sqlx::query_scalar(SQL).fetch_optional(conn).await?))
}

/// Keeps `identity` with the journal.
pub async fn keep_identity(tx: &mut Tx, identity: &str) -> Result<(), Error> {
    const SQL: &str = "insert into meta (key, value) values ('identity', $1)
        on conflict (key) do update set value = excluded.value";
    with_conn!(tx, conn => {
        sqlx::query(SQL).bind(identity).execute(conn).await?;
    });
    Ok(())
}

/// Proves that the database answers.
pub async fn ping(tx: &mut Tx) -> Result<(), Error> {
    let _: i64 =
        with_conn!(tx, conn => sqlx::query_scalar("select count(*) from meta").fetch_one(conn).await?);
    Ok(())
}
