//! Statements on `known_devices`: what a person has signed in from.

use super::row::from_row;
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::UserId;

/// A device, as far as it can be told from others.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// What counts as one caller.
    pub network: &'a str,
    /// The program and the system.
    pub agent: &'a str,
}

/// A device on record.
#[derive(Clone, Debug)]
pub struct Known {
    pub network: String,
    pub agent: String,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
}

from_row!(Known, |row| Known {
    network: row.try_get("network")?,
    agent: row.try_get("agent")?,
    first_seen_at: Timestamp::from_micros(row.try_get("first_seen_at")?),
    last_seen_at: Timestamp::from_micros(row.try_get("last_seen_at")?),
});

/// Notes that the user has signed in from `device`.
pub async fn remember(tx: &mut Tx, user: UserId, device: Device<'_>, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "insert into known_devices (user_id, network, agent, first_seen_at, last_seen_at)
        values ($1, $2, $3, $4, $4)
        on conflict (user_id, network, agent) do update set last_seen_at = excluded.last_seen_at";
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(user.uuid())
            .bind(device.network)
            .bind(device.agent)
            .bind(now.micros())
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// Forgets `device`: the next sign-in from it is one from a new device.
pub async fn forget(tx: &mut Tx, user: UserId, device: Device<'_>) -> Result<(), Error> {
    const SQL: &str = "delete from known_devices where user_id = $1 and network = $2 and agent = $3";
    with_conn!(tx, conn => {
        sqlx::query(SQL).bind(user.uuid()).bind(device.network).bind(device.agent).execute(conn).await?;
    });
    Ok(())
}

/// The user's devices, those seen last first.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<Known>, Error> {
    const SQL: &str = "select network, agent, first_seen_at, last_seen_at from known_devices
        where user_id = $1 order by last_seen_at desc, network, agent";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(user.uuid()).fetch_all(conn).await?))
}

/// Forgets devices that were last seen before `before`, but for the last of each user: without it, nobody
/// would know that there was a sign-in before. Answers how many.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "delete from known_devices where last_seen_at < $1 and exists (
        select 1 from known_devices later where later.user_id = known_devices.user_id
        and later.last_seen_at > known_devices.last_seen_at)";
    tx.takes_long();
    Ok(with_conn!(tx, conn => sqlx::query(SQL).bind(before.micros()).execute(conn).await?.rows_affected()))
}
