//! Statements on `identities`: who somebody is at a provider, and whose account that is. The pair of provider and
//! subject is what counts, never an address (OpenID Connect Core, 5.7).

use uuid::Uuid;

use super::row::{columns, from_row};
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::{IdentityId, UserId};

/// An identity of an account.
#[derive(Clone, Debug)]
pub struct Identity {
    pub id: IdentityId,
    pub user_id: UserId,
    /// The `<id>` of `oauth.<id>`.
    pub provider: String,
    /// Who it is there.
    pub subject: String,
    /// What the provider said at the last sign-in. It decides nothing.
    pub email: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
}

from_row!(Identity, |row| Identity {
    id: IdentityId::from(row.try_get::<Uuid, _>("id")?),
    user_id: UserId::from(row.try_get::<Uuid, _>("user_id")?),
    provider: row.try_get("provider")?,
    subject: row.try_get("subject")?,
    email: row.try_get("email")?,
    created_at: Timestamp::from_micros(row.try_get("created_at")?),
    last_used_at: Timestamp::from_micros(row.try_get("last_used_at")?),
});

/// Writes `identity` unless somebody has it already; answers whether it was written.
pub async fn insert_missing(tx: &mut Tx, identity: &Identity) -> Result<bool, Error> {
    const SQL: &str =
        "insert into identities (id, user_id, provider, subject, email, created_at, last_used_at)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict (provider, subject) do nothing";
    let written = with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(identity.id.uuid())
            .bind(identity.user_id.uuid())
            .bind(&identity.provider)
            .bind(&identity.subject)
            .bind(identity.email.as_deref())
            .bind(identity.created_at.micros())
            .bind(identity.last_used_at.micros())
            .execute(conn)
            .await?
            .rows_affected()
    });
    Ok(written == 1)
}

/// The identity, if it is an account's.
pub async fn find(tx: &mut Tx, provider: &str, subject: &str) -> Result<Option<Identity>, Error> {
    const SQL: &str = concat!(
        "select ",
        columns!(identities),
        " from identities where provider = $1 and subject = $2"
    );
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL).bind(provider).bind(subject).fetch_optional(conn).await?
    }))
}

/// Notes that the identity was used, and what the provider says of its address now; answers whether the
/// user still has it.
pub async fn note_use(
    tx: &mut Tx,
    id: IdentityId,
    user: UserId,
    email: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "update identities set last_used_at = $4, email = $3 where id = $1 and user_id = $2";
    let noted = with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(id.uuid())
            .bind(user.uuid())
            .bind(email)
            .bind(now.micros())
            .execute(conn)
            .await?
            .rows_affected()
    });
    Ok(noted == 1)
}

/// The user's identities, the oldest first.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<Identity>, Error> {
    const SQL: &str = concat!(
        "select ",
        columns!(identities),
        " from identities where user_id = $1 order by id"
    );
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(user.uuid()).fetch_all(conn).await?))
}

/// Unlinks the identity from the user; answers what it was.
pub async fn delete(tx: &mut Tx, user: UserId, id: IdentityId) -> Result<Option<Identity>, Error> {
    const SQL: &str = concat!(
        "delete from identities where id = $1 and user_id = $2 returning ",
        columns!(identities)
    );
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL).bind(id.uuid()).bind(user.uuid()).fetch_optional(conn).await?
    }))
}

/// Unlinks what was linked at `since` or later; answers what that was, the oldest first.
pub async fn delete_since(tx: &mut Tx, user: UserId, since: Timestamp) -> Result<Vec<Identity>, Error> {
    const SQL: &str = concat!(
        "delete from identities where user_id = $1 and created_at >= $2 returning ",
        columns!(identities)
    );
    let mut gone: Vec<Identity> = with_conn!(tx, conn => {
        sqlx::query_as(SQL).bind(user.uuid()).bind(since.micros()).fetch_all(conn).await?
    });
    gone.sort_by_key(|identity| identity.id.uuid());
    Ok(gone)
}

/// Unlinks all of the user's identities.
pub async fn delete_all(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    const SQL: &str = "delete from identities where user_id = $1";
    with_conn!(tx, conn => { sqlx::query(SQL).bind(user.uuid()).execute(conn).await?; });
    Ok(())
}
