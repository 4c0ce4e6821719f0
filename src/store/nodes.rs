//! Statements on `nodes`: which nodes serve sockets, how far each has applied the journal, and until when
//! its sockets may live. Times that nodes are compared by are the database's own.

use uuid::Uuid;

use super::journal::Position;
use super::row::from_row;
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::NodeId;

/// What a node says of itself.
#[derive(Clone, Debug)]
pub struct Report {
    pub id: NodeId,
    /// The journal that it follows.
    pub epoch: String,
    /// Where it listens.
    pub address: String,
    pub started_at: Timestamp,
    /// The newest row that it has applied: its sequence.
    pub position: i64,
    /// What its last read has seen that was fully applied, sockets closed included.
    pub seen: String,
    /// How long ago that read was sent, in microseconds.
    pub seen_age: i64,
    /// For how long its sockets may live on, in microseconds.
    pub lease: i64,
    pub connections: i64,
    /// The newest row that it has applied, to be found again.
    pub anchor: Option<Anchor>,
}

/// A row of the journal, well enough described to be told from another one with the same sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub position: Position,
    pub at: Timestamp,
}

/// What a node learns when it reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The journal's present name.
    pub epoch: String,
    /// The database's identity that was kept with it.
    pub identity: Option<String>,
    /// Whether the anchor is still there. Without one: true.
    pub anchored: bool,
}

from_row!(Reported, |row| Reported {
    epoch: row.try_get(0)?,
    identity: row.try_get(1)?,
    anchored: row.try_get(2)?,
});

/// A node, as the others see it. Ages and leases in microseconds.
#[derive(Clone, Debug)]
pub struct Node {
    pub id: NodeId,
    pub epoch: String,
    pub address: String,
    pub started_at: Timestamp,
    pub position: i64,
    pub seen: String,
    /// How old its last fully applied read is.
    pub lag: i64,
    /// How long its sockets may live on; negative where they have closed by themselves.
    pub lease: i64,
    pub connections: i64,
}

from_row!(Node, |row| Node {
    id: NodeId::from(row.try_get::<Uuid, _>("id")?),
    epoch: row.try_get("epoch")?,
    address: row.try_get("address")?,
    started_at: Timestamp::from_micros(row.try_get("started_at")?),
    position: row.try_get("position")?,
    seen: row.try_get("seen")?,
    lag: row.try_get("lag")?,
    lease: row.try_get("lease")?,
    connections: row.try_get("connections")?,
});

/// Writes the node's row.
///
/// The commit does not wait for the disk: what a crash of the database takes back is less than a second of
/// lease, and that is less than what the node keeps to itself.
pub async fn report(tx: &mut Tx, report: &Report) -> Result<Reported, Error> {
    const POSTGRES: &str = "insert into nodes
        (id, epoch, address, started_at, position, seen, seen_at, lease_until, connections)
        select $1, $2, $3, $4, $5, $6, n.now - $7, n.now + $8, $9 from (
            select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now,
                set_config('synchronous_commit', 'off', true)
        ) n
        on conflict (id) do update set epoch = excluded.epoch, position = excluded.position,
            seen = excluded.seen, seen_at = excluded.seen_at, lease_until = excluded.lease_until,
            connections = excluded.connections
        returning (select value from meta where key = 'epoch'),
            (select value from meta where key = 'identity'), $10::bigint is null or exists (
            select 1 from journal where sequence = $10 and xid = $11 and at = $12)";
    const SQLITE: &str = "insert into nodes
        (id, epoch, address, started_at, position, seen, seen_at, lease_until, connections)
        select $1, $2, $3, $4, $5, $6, n.now - $7, n.now + $8, $9 from (
            select cast(unixepoch('subsec') * 1000000 as integer) as now
        ) n where true
        on conflict (id) do update set epoch = excluded.epoch, position = excluded.position,
            seen = excluded.seen, seen_at = excluded.seen_at, lease_until = excluded.lease_until,
            connections = excluded.connections
        returning (select value from meta where key = 'epoch'),
            (select value from meta where key = 'identity'), $10 is null or exists (
            select 1 from journal where sequence = $10 and xid = $11 and at = $12)";
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    let anchor = report.anchor;
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(sql)
            .bind(report.id.uuid())
            .bind(&report.epoch)
            .bind(&report.address)
            .bind(report.started_at.micros())
            .bind(report.position)
            .bind(&report.seen)
            .bind(report.seen_age)
            .bind(report.lease)
            .bind(report.connections)
            .bind(anchor.map(|anchor| anchor.position.sequence))
            .bind(anchor.map(|anchor| anchor.position.xid))
            .bind(anchor.map(|anchor| anchor.at.micros()))
            .fetch_one(conn)
            .await?
    }))
}

/// Every node that may still have sockets, or had some lately; the oldest first.
pub async fn all(tx: &mut Tx) -> Result<Vec<Node>, Error> {
    const POSTGRES: &str = "select id, epoch, address, started_at, position, seen, connections,
        n.now - seen_at as lag, lease_until - n.now as lease
        from nodes, (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now) n order by id";
    const SQLITE: &str = "select id, epoch, address, started_at, position, seen, connections,
        n.now - seen_at as lag, lease_until - n.now as lease
        from nodes, (select cast(unixepoch('subsec') * 1000000 as integer) as now) n order by id";
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    Ok(with_conn!(tx, conn => sqlx::query_as(sql).fetch_all(conn).await?))
}

/// Takes the node's row away: it has no sockets any more.
pub async fn remove(tx: &mut Tx, id: NodeId) -> Result<(), Error> {
    with_conn!(tx, conn => {
        sqlx::query("delete from nodes where id = $1").bind(id.uuid()).execute(conn).await?;
    });
    Ok(())
}

/// Takes away the rows of nodes whose lease ran out more than `grace` microseconds ago. Answers how many.
pub async fn purge(tx: &mut Tx, grace: i64) -> Result<u64, Error> {
    const POSTGRES: &str = "delete from nodes
        where lease_until < (extract(epoch from clock_timestamp()) * 1000000)::bigint - $1";
    const SQLITE: &str = "delete from nodes
        where lease_until < cast(unixepoch('subsec') * 1000000 as integer) - $1";
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    Ok(with_conn!(tx, conn => sqlx::query(sql).bind(grace).execute(conn).await?.rows_affected()))
}
