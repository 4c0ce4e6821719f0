//! Statements on `service_keys`.

use ipnet::IpNet;
use uuid::Uuid;

use super::row::{columns, corrupt, from_row};
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::ServiceKeyId;

/// A service key as it is stored.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: ServiceKeyId,
    pub name: String,
    /// SHA-256 of the secret.
    pub secret_hash: Vec<u8>,
    pub scopes: Vec<String>,
    pub allow: Vec<IpNet>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl Row {
    /// Whether it can be used at `now`: neither expired nor revoked.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

from_row!(Row, |row| Row {
    id: ServiceKeyId::from(row.try_get::<Uuid, _>("id")?),
    name: row.try_get("name")?,
    secret_hash: row.try_get("secret_hash")?,
    scopes: serde_json::from_str(row.try_get("scopes")?).map_err(corrupt)?,
    allow: serde_json::from_str(row.try_get("allow")?).map_err(corrupt)?,
    created_at: Timestamp::from_micros(row.try_get("created_at")?),
    expires_at: row
        .try_get::<Option<i64>, _>("expires_at")?
        .map(Timestamp::from_micros),
    revoked_at: row
        .try_get::<Option<i64>, _>("revoked_at")?
        .map(Timestamp::from_micros),
});

/// Writes a new key.
///
/// # Errors
/// When storage fails.
pub async fn insert(tx: &mut Tx, key: &Row) -> Result<(), Error> {
    const SQL: &str = "insert into service_keys
        (id, name, secret_hash, scopes, allow, created_at, expires_at, revoked_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)";
    let scopes = serde_json::to_string(&key.scopes).map_err(corrupt)?;
    let allow = serde_json::to_string(&key.allow).map_err(corrupt)?;
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(key.id.uuid())
            .bind(&key.name)
            .bind(&key.secret_hash)
            .bind(&scopes)
            .bind(&allow)
            .bind(key.created_at.micros())
            .bind(key.expires_at.map(Timestamp::micros))
            .bind(key.revoked_at.map(Timestamp::micros))
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// The key with this id, also when it has expired or was revoked.
///
/// # Errors
/// When storage fails.
pub async fn find(tx: &mut Tx, id: ServiceKeyId) -> Result<Option<Row>, Error> {
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(concat!("select ", columns!(service_keys), " from service_keys where id = $1")).bind(id.uuid()).fetch_optional(conn).await?
    }))
}

/// Every key, newest first, also those that have expired or were revoked.
///
/// # Errors
/// When storage fails.
pub async fn list(tx: &mut Tx) -> Result<Vec<Row>, Error> {
    const SQL: &str = concat!(
        "select ",
        columns!(service_keys),
        " from service_keys order by created_at desc, id desc"
    );
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).fetch_all(conn).await?))
}

/// Revokes the key. False when it does not exist or was revoked before.
///
/// # Errors
/// When storage fails.
pub async fn revoke(tx: &mut Tx, id: ServiceKeyId, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "update service_keys set revoked_at = $2 where id = $1 and revoked_at is null";
    let rows = with_conn!(tx, conn => {
        sqlx::query(SQL).bind(id.uuid()).bind(now.micros()).execute(conn).await?.rows_affected()
    });
    Ok(rows == 1)
}
