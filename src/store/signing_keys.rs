//! Statements on `signing_keys`.

use super::row::{columns, corrupt, from_row};
use super::{Error, Tx, answered, with_conn};
use crate::clock::Timestamp;

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// Published, not signing yet.
    Next,
    /// Signs. There is exactly one.
    Active,
    /// Verifies until [`Row::verifies_until`].
    Retired,
    /// Verifies nothing.
    Withdrawn,
}

impl KeyStatus {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn from_column(text: &str) -> sqlx::Result<Self> {
        match text {
            "next" => Ok(Self::Next),
            "active" => Ok(Self::Active),
            "retired" => Ok(Self::Retired),
            "withdrawn" => Ok(Self::Withdrawn),
            other => Err(corrupt(format!("unknown signing key status {other:?}"))),
        }
    }
}

/// A key, its private half encrypted.
#[derive(Clone, Debug)]
pub struct Row {
    pub kid: String,
    /// The `alg` of its signatures: `EdDSA`.
    pub algorithm: String,
    pub status: KeyStatus,
    /// 32 bytes (RFC 8032).
    pub public_key: Vec<u8>,
    /// PKCS #8, sealed; empty once the key signs nothing any more.
    pub private_key: Vec<u8>,
    pub created_at: Timestamp,
    /// Of a retired key, when it ceases to verify; of a withdrawn one, when it did.
    pub verifies_until: Option<Timestamp>,
}

from_row!(Row, |row| Row {
    kid: row.try_get("kid")?,
    algorithm: row.try_get("algorithm")?,
    status: KeyStatus::from_column(row.try_get("status")?)?,
    public_key: row.try_get("public_key")?,
    private_key: row.try_get("private_key")?,
    created_at: Timestamp::from_micros(row.try_get("created_at")?),
    verifies_until: row
        .try_get::<Option<i64>, _>("verifies_until")?
        .map(Timestamp::from_micros),
});

/// Every key, newest first.
///
/// # Errors
/// When storage fails.
pub async fn list(tx: &mut Tx) -> Result<Vec<Row>, Error> {
    const SQL: &str = concat!(
        "select ",
        columns!(signing_keys),
        " from signing_keys order by created_at desc, kid"
    );
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).fetch_all(conn).await?))
}

/// Holds others who lock the keys until the transaction ends. SQLite has one writer, which is the same.
///
/// # Errors
/// When storage fails.
pub async fn lock(tx: &mut Tx) -> Result<(), Error> {
    if let Tx::Postgres(handle) = tx {
        const SQL: &str = "lock table signing_keys in share row exclusive mode";
        answered!(handle, conn => {
            sqlx::query(SQL).execute(conn).await?;
        });
    }
    Ok(())
}

/// Writes a new key.
///
/// # Errors
/// When storage fails; [`Error::Constraint`] for a second active key.
pub async fn insert(tx: &mut Tx, key: &Row) -> Result<(), Error> {
    const SQL: &str = "insert into signing_keys
        (kid, algorithm, status, public_key, private_key, created_at, verifies_until)
        values ($1, $2, $3, $4, $5, $6, $7)";
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(&key.kid)
            .bind(&key.algorithm)
            .bind(key.status.as_str())
            .bind(&key.public_key)
            .bind(&key.private_key)
            .bind(key.created_at.micros())
            .bind(key.verifies_until.map(Timestamp::micros))
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// Lets the next key sign. The one that signs now must be put away before. False: it is not the next key.
///
/// # Errors
/// When storage fails; [`Error::Constraint`] while another one is active.
pub async fn activate(tx: &mut Tx, kid: &str) -> Result<bool, Error> {
    const SQL: &str = "update signing_keys set status = 'active' where kid = $1 and status = 'next'";
    let rows = with_conn!(tx, conn => sqlx::query(SQL).bind(kid).execute(conn).await?.rows_affected());
    Ok(rows == 1)
}

/// Ends a key's time of signing: it is `status` from now on, retired or withdrawn, and its private half is
/// erased. One that was withdrawn stays so. False: nothing changed.
///
/// # Errors
/// When storage fails.
pub async fn put_away(
    tx: &mut Tx,
    kid: &str,
    status: KeyStatus,
    verifies_until: Timestamp,
) -> Result<bool, Error> {
    const ERASED: &[u8] = &[];
    const SQL: &str = "update signing_keys set status = $2, verifies_until = $3, private_key = $4
        where kid = $1 and status <> 'withdrawn'";
    let rows = with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(kid)
            .bind(status.as_str())
            .bind(verifies_until.micros())
            .bind(ERASED)
            .execute(conn)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

/// Erases keys that have verified nothing since `before`. Answers how many went.
///
/// # Errors
/// When storage fails.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "delete from signing_keys
        where status in ('retired', 'withdrawn') and verifies_until < $1";
    Ok(with_conn!(tx, conn => sqlx::query(SQL).bind(before.micros()).execute(conn).await?.rows_affected()))
}
