//! Statements on `roles`.

use super::row::{corrupt, from_row};
use super::{Error, Tx, answered, with_conn};
use crate::clock::Timestamp;

/// A named set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub name: String,
    pub permissions: Vec<String>,
}

from_row!(Role, |row| Role {
    name: row.try_get("name")?,
    permissions: serde_json::from_str(row.try_get("permissions")?).map_err(corrupt)?,
});

/// The role of this name.
pub async fn find(tx: &mut Tx, name: &str) -> Result<Option<Role>, Error> {
    const SQL: &str = "select name, permissions from roles where name = $1";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(name).fetch_optional(conn).await?))
}

/// Every role, by name.
pub async fn list(tx: &mut Tx) -> Result<Vec<Role>, Error> {
    const SQL: &str = "select name, permissions from roles order by name";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).fetch_all(conn).await?))
}

/// As [`find`], and until the transaction ends nobody changes or deletes the role: what was read is what is given.
pub async fn find_shared(tx: &mut Tx, name: &str) -> Result<Option<Role>, Error> {
    const POSTGRES: &str = "select name, permissions from roles where name = $1 for key share";
    find_locked(tx, POSTGRES, name).await
}

/// As [`find`], and until the transaction ends nobody is given the role, or changes it: whoever gives it waits for
/// us, or we for them.
pub async fn find_exclusively(tx: &mut Tx, name: &str) -> Result<Option<Role>, Error> {
    const POSTGRES: &str = "select name, permissions from roles where name = $1 for update";
    find_locked(tx, POSTGRES, name).await
}

/// SQLite has one writer: there every row is locked.
async fn find_locked(tx: &mut Tx, sql: &'static str, name: &str) -> Result<Option<Role>, Error> {
    match tx {
        Tx::Postgres(handle) => Ok(answered!(handle, conn => {
            sqlx::query_as(sql).bind(name).fetch_optional(conn).await?
        })),
        Tx::Sqlite(_) => find(tx, name).await,
    }
}

/// Makes the role unless one of this name exists; answers whether it was made.
pub async fn insert_missing(
    tx: &mut Tx,
    name: &str,
    permissions: &[String],
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "insert into roles (name, permissions, created_at, updated_at)
        values ($1, $2, $3, $3) on conflict (name) do nothing";
    let permissions = serde_json::to_string(permissions).map_err(corrupt)?;
    let made = with_conn!(tx, conn => {
        let query = sqlx::query(SQL).bind(name).bind(&permissions).bind(now.micros());
        query.execute(conn).await?.rows_affected()
    });
    Ok(made == 1)
}

/// Gives the role other permissions.
pub async fn set_permissions(
    tx: &mut Tx,
    name: &str,
    permissions: &[String],
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "update roles set permissions = $2, updated_at = $3 where name = $1";
    let permissions = serde_json::to_string(permissions).map_err(corrupt)?;
    with_conn!(tx, conn => {
        sqlx::query(SQL).bind(name).bind(&permissions).bind(now.micros()).execute(conn).await?;
    });
    Ok(())
}

/// Erases the role, which nobody may hold.
pub async fn delete(tx: &mut Tx, name: &str) -> Result<(), Error> {
    const SQL: &str = "delete from roles where name = $1";
    with_conn!(tx, conn => { sqlx::query(SQL).bind(name).execute(conn).await?; });
    Ok(())
}

/// Holds others who lock the same role until the transaction ends. It is no lock of the row: who changes a role
/// holds that while waiting for those who have the role, and they may be held by whoever waits here. SQLite has
/// one writer, which is the same.
pub async fn lock(tx: &mut Tx, name: &str) -> Result<(), Error> {
    if let Tx::Postgres(handle) = tx {
        const SQL: &str = "select pg_advisory_xact_lock(hashtextextended('role ' || $1, 0))";
        answered!(handle, conn => {
            sqlx::query(SQL).bind(name).execute(conn).await?;
        });
    }
    Ok(())
}
