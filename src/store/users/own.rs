//! Statements that change what is a person's own: name and address, how the password is hashed, and which
//! browsers are trusted.

use super::super::row::columns;
use super::super::{Error, Tx, with_conn};
use super::User;
use crate::clock::Timestamp;
use crate::email::Email;
use crate::ids::UserId;

/// Gives the user another name, or none; answers the record as it is now.
pub async fn set_name(
    tx: &mut Tx,
    id: UserId,
    name: Option<&str>,
    now: Timestamp,
) -> Result<Option<User>, Error> {
    const SQL: &str = concat!(
        "update users set name = $2, updated_at = $3 where id = $1 returning ",
        columns!(users)
    );
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL).bind(id.uuid()).bind(name).bind(now.micros()).fetch_optional(conn).await?
    }))
}

/// Takes over what a provider calls the person, where nothing was set; answers the record as it is now.
pub async fn adopt_profile(
    tx: &mut Tx,
    id: UserId,
    name: Option<&str>,
    avatar_url: Option<&str>,
    now: Timestamp,
) -> Result<Option<User>, Error> {
    const SQL: &str = concat!(
        "update users set name = coalesce(name, $2), avatar_url = coalesce(avatar_url, $3), updated_at = $4
            where id = $1 returning ",
        columns!(users)
    );
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL)
            .bind(id.uuid())
            .bind(name)
            .bind(avatar_url)
            .bind(now.micros())
            .fetch_optional(conn)
            .await?
    }))
}

/// Gives the account an address that was proven; answers the new version, or `None` for one that was never
/// activated. Another account with the address is [`Error::Constraint`].
pub async fn set_email(tx: &mut Tx, id: UserId, email: &Email, now: Timestamp) -> Result<Option<i64>, Error> {
    const SQL: &str = "update users set email = $2, email_verified = true, version = version + 1,
        updated_at = $3 where id = $1 and status <> 'pending' returning version";
    Ok(with_conn!(tx, conn => {
        sqlx::query_scalar(SQL)
            .bind(id.uuid())
            .bind(email.as_str())
            .bind(now.micros())
            .fetch_optional(conn)
            .await?
    }))
}

/// Replaces the password's hash by one of the same password, unless somebody changed it meanwhile.
pub async fn rehash(tx: &mut Tx, user: UserId, old: &str, new: &str) -> Result<bool, Error> {
    const SQL: &str = "update users set password_hash = $3 where id = $1 and password_hash = $2";
    let rows = with_conn!(tx, conn => {
        sqlx::query(SQL).bind(user.uuid()).bind(old).bind(new).execute(conn).await?.rows_affected()
    });
    Ok(rows == 1)
}

/// No browser that the user trusted until now is trusted any more. The user's row is locked.
pub async fn distrust_browsers(tx: &mut Tx, id: UserId) -> Result<(), Error> {
    const SQL: &str = "update users set browser_trust = browser_trust + 1 where id = $1";
    with_conn!(tx, conn => {
        sqlx::query(SQL).bind(id.uuid()).execute(conn).await?;
    });
    Ok(())
}
