//! Statements on `signing_keys`.

use super::row::{corrupt, from_row};
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
    /// PKCS #8, sealed.
    pub private_key: Vec<u8>,
    pub created_at: Timestamp,
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
    const SQL: &str = "select * from signing_keys order by created_at desc, kid";
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
