//! Statements on `mailed_tokens`: what a mailed link proves, and what it puts into effect.

use uuid::Uuid;

use super::row::{corrupt, from_row};
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::email::Email;
use crate::ids::{SessionId, UserId};
use crate::secret::TokenHash;

/// What every mailed token begins with.
pub const PREFIX: &str = "pcm_";

/// What a token is good for. One of another purpose is an unknown one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Activation,
    Recovery,
    /// Gives the account the address that it was mailed to.
    EmailChange,
    /// Gives the account the address back that it was mailed to.
    EmailUndo,
    /// Ends one session.
    Device,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Recovery => "recovery",
            Self::EmailChange => "email_change",
            Self::EmailUndo => "email_undo",
            Self::Device => "device",
        }
    }
}

/// A token, as it is written.
#[derive(Debug)]
pub struct NewToken<'a> {
    pub hash: TokenHash,
    pub purpose: Purpose,
    pub user_id: UserId,
    pub email: &'a Email,
    /// What takes effect with an activation.
    pub password_hash: Option<&'a str>,
    pub name: Option<&'a str>,
    /// The session that asked for it, or that it ends.
    pub session_id: Option<SessionId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A token, as it is read.
#[derive(Debug)]
pub struct MailedToken {
    pub user_id: UserId,
    /// The address that it was mailed to.
    pub email: Email,
    pub password_hash: Option<String>,
    pub name: Option<String>,
    pub session_id: Option<SessionId>,
    pub created_at: Timestamp,
}

from_row!(MailedToken, |row| MailedToken {
    user_id: UserId::from(row.try_get::<Uuid, _>("user_id")?),
    email: Email::parse(row.try_get("email")?).map_err(corrupt)?,
    password_hash: row.try_get("password_hash")?,
    name: row.try_get("name")?,
    session_id: row.try_get::<Option<Uuid>, _>("session_id")?.map(SessionId::from),
    created_at: Timestamp::from_micros(row.try_get("created_at")?),
});

/// Writes the token, provided that its user exists. (For an unknown user the statement runs and writes
/// nothing: a request about an unknown address does the same work as one about a known address.)
pub async fn insert(tx: &mut Tx, token: &NewToken<'_>) -> Result<(), Error> {
    const POSTGRES: &str = "insert into mailed_tokens
        (hash, purpose, user_id, email, password_hash, name, created_at, expires_at, session_id)
        select $1::bytea, $2::text, id, $4::text, $5::text, $6::text, $7::bigint, $8::bigint, $9::uuid
        from users where id = $3";
    const SQLITE: &str = "insert into mailed_tokens
        (hash, purpose, user_id, email, password_hash, name, created_at, expires_at, session_id)
        select $1, $2, id, $4, $5, $6, $7, $8, $9 from users where id = $3";
    // The types of a select list are not inferred from the columns it goes into, on PostgreSQL.
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    with_conn!(tx, conn => {
        sqlx::query(sql)
            .bind(token.hash.bytes())
            .bind(token.purpose.as_str())
            .bind(token.user_id.uuid())
            .bind(token.email.as_str())
            .bind(token.password_hash)
            .bind(token.name)
            .bind(token.created_at.micros())
            .bind(token.expires_at.micros())
            .bind(token.session_id.map(SessionId::uuid))
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// The token, if it could be redeemed now. Decides nothing: see [`consume`].
pub async fn find_live(
    tx: &mut Tx,
    hash: &TokenHash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<MailedToken>, Error> {
    const SQL: &str = "select user_id, email, password_hash, name, session_id, created_at from mailed_tokens
        where hash = $1 and purpose = $2 and expires_at > $3";
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL)
            .bind(hash.bytes())
            .bind(purpose.as_str())
            .bind(now.micros())
            .fetch_optional(conn)
            .await?
    }))
}

/// Redeems the token: of any number of callers, one gets it.
pub async fn consume(
    tx: &mut Tx,
    hash: &TokenHash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<MailedToken>, Error> {
    const SQL: &str = "delete from mailed_tokens where hash = $1 and purpose = $2 and expires_at > $3
        returning user_id, email, password_hash, name, session_id, created_at";
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL)
            .bind(hash.bytes())
            .bind(purpose.as_str())
            .bind(now.micros())
            .fetch_optional(conn)
            .await?
    }))
}

/// Ends the user's tokens of one purpose.
pub async fn end(tx: &mut Tx, user: UserId, purpose: Purpose) -> Result<(), Error> {
    const SQL: &str = "delete from mailed_tokens where user_id = $1 and purpose = $2";
    with_conn!(tx, conn => {
        sqlx::query(SQL).bind(user.uuid()).bind(purpose.as_str()).execute(conn).await?;
    });
    Ok(())
}

/// Ends all of the user's tokens that give something: an account, a password, another address. Those that
/// take back what somebody else did stay: whoever has changed a password must not end them by that.
pub async fn end_all(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    const SQL: &str = "delete from mailed_tokens where user_id = $1
        and purpose in ('activation', 'recovery', 'email_change')";
    with_conn!(tx, conn => { sqlx::query(SQL).bind(user.uuid()).execute(conn).await?; });
    Ok(())
}

/// Ends the user's tokens of one purpose that were mailed to `email`.
pub async fn end_to(tx: &mut Tx, user: UserId, purpose: Purpose, email: &Email) -> Result<(), Error> {
    const SQL: &str = "delete from mailed_tokens where user_id = $1 and purpose = $2 and email = $3";
    with_conn!(tx, conn => {
        sqlx::query(SQL).bind(user.uuid()).bind(purpose.as_str()).bind(email.as_str()).execute(conn).await?;
    });
    Ok(())
}

/// Ends the user's tokens of one purpose that are as old as `since` or younger.
pub async fn end_since(tx: &mut Tx, user: UserId, purpose: Purpose, since: Timestamp) -> Result<(), Error> {
    const SQL: &str = "delete from mailed_tokens where user_id = $1 and purpose = $2 and created_at >= $3";
    with_conn!(tx, conn => {
        sqlx::query(SQL).bind(user.uuid()).bind(purpose.as_str()).bind(since.micros()).execute(conn).await?;
    });
    Ok(())
}

/// A token without what makes it one, for its owner's export.
#[derive(Clone, Debug)]
pub struct Listed {
    pub purpose: String,
    pub email: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

from_row!(Listed, |row| Listed {
    purpose: row.try_get("purpose")?,
    email: row.try_get("email")?,
    created_at: Timestamp::from_micros(row.try_get("created_at")?),
    expires_at: Timestamp::from_micros(row.try_get("expires_at")?),
});

/// The user's tokens, oldest first.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<Listed>, Error> {
    const SQL: &str = "select purpose, email, created_at, expires_at from mailed_tokens
        where user_id = $1 order by created_at";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(user.uuid()).fetch_all(conn).await?))
}

/// Erases what expired before `before`. Answers how many went.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "delete from mailed_tokens where expires_at < $1";
    tx.takes_long();
    Ok(with_conn!(tx, conn => sqlx::query(SQL).bind(before.micros()).execute(conn).await?.rows_affected()))
}
