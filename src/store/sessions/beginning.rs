//! Statements that begin a session: what a sign-in reads, and what it writes.

use super::super::known_devices::Device;
use super::super::row::{columns, corrupt, from_row};
use super::super::users::User;
use super::super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::email::Email;
use crate::ids::{SessionId, UserId};

/// A session that begins.
#[derive(Debug)]
pub struct NewSession {
    pub id: SessionId,
    pub user_id: UserId,
    /// When it begins, which is when credentials were proven.
    pub at: Timestamp,
    /// How they were proven (RFC 8176).
    pub amr: Vec<String>,
    pub idle_expires_at: Timestamp,
    pub expires_at: Timestamp,
    pub ip: Option<String>,
    /// What counts as one caller: see [`Candidate::known`].
    pub network: Option<String>,
    pub user_agent: Option<String>,
    pub device: Option<String>,
}

/// Writes a new session, its refresh generation 1, nothing of it used yet.
///
/// # Errors
/// When storage fails.
pub async fn insert(tx: &mut Tx, new: &NewSession) -> Result<(), Error> {
    const SQL: &str = "insert into sessions (id, user_id, created_at, authenticated_at, last_seen_at, amr,
        idle_expires_at, expires_at, generation, used_generation, ip, network, user_agent, device)
        values ($1, $2, $3, $3, $3, $4, $5, $6, 1, 0, $7, $8, $9, $10)";
    let amr = serde_json::to_string(&new.amr).map_err(corrupt)?;
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(new.id.uuid())
            .bind(new.user_id.uuid())
            .bind(new.at.micros())
            .bind(&amr)
            .bind(new.idle_expires_at.micros())
            .bind(new.expires_at.micros())
            .bind(new.ip.as_deref().unwrap_or_default())
            .bind(new.network.as_deref().unwrap_or_default())
            .bind(new.user_agent.as_deref())
            .bind(new.device.as_deref())
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// Who may be signing in: everything that decides it, in one read.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub user: User,
    /// The account has had a session from the asking network, and not one that was revoked by itself: that was
    /// somebody else's.
    pub known: bool,
    /// The account has been signed in to before, from any device, also from one that its owner disowned.
    pub signed_in_before: bool,
    /// When it was last signed in to from the asking device.
    pub device_seen_at: Option<Timestamp>,
}

from_row!(Candidate, |row| Candidate {
    user: <User as sqlx::FromRow<_>>::from_row(row)?,
    known: row.try_get("known")?,
    signed_in_before: row.try_get("signed_in_before")?,
    device_seen_at: row
        .try_get::<Option<i64>, _>("device_seen_at")?
        .map(Timestamp::from_micros),
});

/// The account with this address, as a sign-in from `device` sees it.
///
/// # Errors
/// When storage fails.
pub async fn candidate(tx: &mut Tx, email: &Email, device: Device<'_>) -> Result<Option<Candidate>, Error> {
    const SQL: &str = concat!("select ", columns!(users), ",
        exists (select 1 from sessions s where s.user_id = u.id and s.network = $2 and (
            s.revoked_reason is null or s.revoked_reason <> 'revoked' or s.revoked_scope <> 'session')) as known,
        exists (select 1 from known_devices d where d.user_id = u.id)
            or exists (select 1 from sessions s where s.user_id = u.id) as signed_in_before,
        (select d.last_seen_at from known_devices d
            where d.user_id = u.id and d.network = $2 and d.agent = $3) as device_seen_at
        from users u where u.email = $1");
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL)
            .bind(email.as_str())
            .bind(device.network)
            .bind(device.agent)
            .fetch_optional(conn)
            .await?
    }))
}
