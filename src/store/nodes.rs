//! Statements on `nodes`: which nodes serve sockets, how far each has applied the journal, and until when
//! its sockets may live. Times that nodes are compared by are the database's own.

use uuid::Uuid;

use super::backend::backend;
use super::journal::Anchor;
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
    /// What a crash of the database could not take from `seen`: said instead of it, where nothing was said
    /// before, by a process that may have begun after that read.
    pub firm: String,
    /// The processes that were there when that read was sent, with commas in between.
    pub backends: String,
    /// How long ago that read was sent, in microseconds.
    pub seen_age: i64,
    /// For how long its sockets may live on, in microseconds.
    pub lease: i64,
    pub connections: i64,
    /// The newest row that it has applied, to be found again.
    pub anchor: Option<Anchor>,
    /// Whether the row must outlive a crash of the database.
    pub durable: bool,
}

/// What a node learns when it reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The journal's present name.
    pub epoch: String,
    /// Whether the anchor is still there. Without one: true.
    pub anchored: bool,
    /// Which process of PostgreSQL wrote it; SQLite has none.
    pub backend: Option<String>,
}

from_row!(Reported, |row| Reported {
    epoch: row.try_get(0)?,
    anchored: row.try_get(1)?,
    backend: row.try_get(2)?,
});

/// A node, as the others see it. Ages and leases in microseconds.
#[derive(Clone, Debug)]
pub struct Node {
    pub id: NodeId,
    /// The journal's present name, as of this look.
    pub present: String,
    /// The journal that the node follows.
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
    present: row.try_get("present")?,
    epoch: row.try_get("epoch")?,
    address: row.try_get("address")?,
    started_at: Timestamp::from_micros(row.try_get("started_at")?),
    position: row.try_get("position")?,
    seen: row.try_get("seen")?,
    lag: row.try_get("lag")?,
    lease: row.try_get("lease")?,
    connections: row.try_get("connections")?,
});

/// The database's own time in microseconds, as each of them says it.
macro_rules! now {
    (postgres) => {
        "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
    };
    (sqlite) => {
        "cast(unixepoch('subsec') * 1000000 as integer)"
    };
}

/// What the node has seen, as far as the process that writes it can know.
macro_rules! seen {
    (postgres) => {
        concat!(
            "case when ",
            backend!(),
            " = any(string_to_array($14, ',')) then $6 else $15 end"
        )
    };
    (sqlite) => {
        "$6"
    };
}

/// What stays of what the row said: a process that cannot know leaves it, since what the disk kept of it the
/// disk kept of all that it includes.
macro_rules! seen_again {
    (postgres) => {
        concat!(
            "case when nodes.epoch = excluded.epoch and not (",
            backend!(),
            " = any(string_to_array($14, ','))) then nodes.seen else excluded.seen end"
        )
    };
    (sqlite) => {
        "excluded.seen"
    };
}

/// Which process writes.
macro_rules! answerer {
    (postgres) => {
        backend!()
    };
    (sqlite) => {
        "null"
    };
}

/// The report: `$wait` says whether its commit waits for the disk.
macro_rules! report {
    ($dialect:tt, $wait:literal, $none:literal) => {
        concat!(
            "insert into nodes (id, epoch, address, started_at, position, seen, seen_at, lease_until, connections)
            select $1, $2, $3, $4, $5, ",
            seen!($dialect),
            ", ",
            now!($dialect),
            " - $7, ",
            now!($dialect),
            " + $8, $9 where ",
            $wait,
            " on conflict (id) do update set epoch = excluded.epoch, position = excluded.position,
                seen = ",
            seen_again!($dialect),
            ", seen_at = excluded.seen_at, connections = excluded.connections,
                lease_until = ",
            now!($dialect),
            " + $8
            returning (select value from meta where key = 'epoch'), ",
            $none,
            " is null or exists (select 1 from journal where sequence = $10 and xid = $11 and at = $12), ",
            answerer!($dialect)
        )
    };
}

/// Writes the node's row. The lease is counted from when it is written, behind every lock.
///
/// The commit does not wait for the disk, unless `report.durable` says so: then it extends what the disk has
/// by more than a node keeps of its lease to itself.
pub async fn report(tx: &mut Tx, report: &Report) -> Result<Reported, Error> {
    const POSTGRES: &str = report!(
        postgres,
        "set_config('synchronous_commit', case when $13 then current_setting('synchronous_commit') else 'off' end, true)
            is not null",
        "$10::bigint"
    );
    const SQLITE: &str = report!(
        sqlite,
        "$13 is not null and $14 is not null and $15 is not null",
        "$10"
    );
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
            .bind(report.durable)
            .bind(&report.backends)
            .bind(&report.firm)
            .fetch_one(conn)
            .await?
    }))
}

/// The list of nodes.
macro_rules! all {
    ($dialect:tt) => {
        concat!(
            "select id, epoch, address, started_at, position, seen, connections,
            n.now - seen_at as lag, lease_until - n.now as lease,
            (select value from meta where key = 'epoch') as present
            from nodes, (select ",
            now!($dialect),
            " as now) n order by id"
        )
    };
}

/// Every node that may still have sockets, or had some lately; the oldest first.
pub async fn all(tx: &mut Tx) -> Result<Vec<Node>, Error> {
    let sql = if tx.is_postgres() {
        all!(postgres)
    } else {
        all!(sqlite)
    };
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
    const POSTGRES: &str = concat!("delete from nodes where lease_until < ", now!(postgres), " - $1");
    const SQLITE: &str = concat!("delete from nodes where lease_until < ", now!(sqlite), " - $1");
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    Ok(with_conn!(tx, conn => sqlx::query(sql).bind(grace).execute(conn).await?.rows_affected()))
}
