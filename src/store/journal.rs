//! Statements on `journal`, the durable log of every change that a socket must hear of.
//!
//! A row is written in the transaction that makes the change. Reading it completely is the delicate
//! part: sequence numbers are taken before commit, so a reader that asks for `sequence > last` loses
//! the rows of whoever commits late. See [`read_after`].

mod snapshot;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::backend::backend;
use super::row::{columns, corrupt, from_row};
use super::sessions::EndReason;
use super::{Error, Tx, answered, with_conn};
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};

pub use snapshot::Snapshot;

const ROLE_UPDATED: &str = "role_updated";

/// Why an auth state changed, as `state` frames say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateReason {
    /// The user was given another role.
    RoleChanged,
    /// The permissions of the user's role changed.
    RoleUpdated,
    /// The account was activated, disabled or enabled.
    StatusChanged,
    /// The account has another address.
    EmailChanged,
    /// Found by the sweep, the heartbeat or a reconnect; the cause is not known any more.
    Refreshed,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// The auth state of `user_id` changed; readers fetch it from SQL.
    State { reason: StateReason },
    /// `session_id` began.
    SessionCreated { device: Option<String> },
    /// `session_id` ended.
    SessionEnded {
        reason: EndReason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// All sessions of `user_id` ended, but for `except`.
    UserSessionsEnded {
        reason: EndReason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        except: Option<SessionId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The permissions of the role changed: the auth state of everybody who holds it.
    RoleUpdated { role: String },
    /// Sessions of many users ended. Names none of them: whoever reads it compares all its sockets
    /// with SQL, so sessions born later are spared.
    Bulk,
    /// A signing key was made, retired or withdrawn: whoever reads it reads the keys again. No socket
    /// hears of it.
    SigningKeys,
}

impl Change {
    /// A change that this version does not know, written by a newer one beside it, may have ended any
    /// session: everything is compared then.
    fn read(data: &str) -> Self {
        serde_json::from_str(data).unwrap_or_else(|error| {
            tracing::warn!(%error, "a row of the journal is of an unknown kind");
            Self::Bulk
        })
    }

    pub(super) fn write(&self) -> Result<String, Error> {
        Ok(serde_json::to_string(self).map_err(corrupt)?)
    }

    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::State { .. } => "state",
            Self::SessionCreated { .. } => "session_created",
            Self::SessionEnded { .. } => "session_ended",
            Self::UserSessionsEnded { .. } => "user_sessions_ended",
            Self::RoleUpdated { .. } => ROLE_UPDATED,
            Self::Bulk => "bulk",
            Self::SigningKeys => "signing_keys",
        }
    }
}

/// A change as a service records it.
#[derive(Clone, Debug)]
pub struct NewEntry {
    pub user_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    /// The user's version after the change, where it grew.
    pub version: Option<i64>,
    pub change: Change,
}

/// A row of the journal.
#[derive(Clone, Debug)]
pub struct Entry {
    pub epoch: String,
    pub position: Position,
    pub at: Timestamp,
    pub user_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    pub version: Option<i64>,
    pub change: Change,
}

from_row!(Entry, |row| Entry {
    epoch: row.try_get("epoch")?,
    position: Position {
        xid: row.try_get("xid")?,
        sequence: row.try_get("sequence")?
    },
    at: Timestamp::from_micros(row.try_get("at")?),
    user_id: row.try_get::<Option<Uuid>, _>("user_id")?.map(UserId::from),
    session_id: row.try_get::<Option<Uuid>, _>("session_id")?.map(SessionId::from),
    version: row.try_get("version")?,
    change: Change::read(row.try_get("data")?),
});

/// A place in the journal: the writing transaction, then the sequence. With SQLite `xid` is always 0,
/// because writers are serial and the sequence is the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    pub xid: i64,
    pub sequence: i64,
}

/// Writes one row. `user_id`'s row must be locked ([`super::users::lock`]), so that the sequences of
/// one user grow in the order of their commits.
pub async fn append(tx: &mut Tx, entry: NewEntry, at: Timestamp) -> Result<Entry, Error> {
    // The epoch cannot change while a row of it is not committed: who begins the next one waits for us, and
    // what waited for that reads the new name.
    const POSTGRES: &str = "insert into journal (epoch, at, user_id, session_id, version, kind, data)
        select value, $1, $2, $3, $4, $5, $6 from meta where key = 'epoch' for share
        returning sequence, epoch, xid, at, user_id, session_id, version, data";
    const SQLITE: &str = "insert into journal (epoch, at, user_id, session_id, version, kind, data)
        select value, $1, $2, $3, $4, $5, $6 from meta where key = 'epoch'
        returning sequence, epoch, xid, at, user_id, session_id, version, data";
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    let data = entry.change.write()?;
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(sql)
            .bind(at.micros())
            .bind(entry.user_id.map(UserId::uuid))
            .bind(entry.session_id.map(SessionId::uuid))
            .bind(entry.version)
            .bind(entry.change.kind())
            .bind(&data)
            .fetch_one(conn)
            .await?
    }))
}

/// A row of the journal, well enough described to be told from another one with the same sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anchor {
    pub position: Position,
    pub at: Timestamp,
}

impl Anchor {
    /// What tells `row` from others.
    #[must_use]
    pub fn of(row: &Entry) -> Self {
        let (position, at) = (row.position, row.at);
        Self { position, at }
    }
}

/// How much of the journal one read gives.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Rows behind this one alone.
    pub after: Position,
    pub most: i64,
}

/// What one read of the journal found.
#[derive(Debug)]
pub struct Batch {
    /// The journal's present name. Where it is another than before, nothing that was read of it before counts.
    pub epoch: String,
    /// Visible rows of the present epoch that the reader's snapshot does not include, in order of position.
    pub entries: Vec<Entry>,
    /// What this read has seen.
    pub snapshot: Snapshot,
    /// The last row that was read, whatever the reader leaves out of `entries`.
    pub last: Option<Position>,
    /// More rows were waiting than one read takes.
    pub full: bool,
    /// Which process of PostgreSQL has read; SQLite has none.
    pub backend: Option<String>,
}

/// Reads a page of the rows that `seen` does not include. `PostgreSQL` keeps those back that the reader
/// has and wants to be `spared`.
///
/// One statement, one snapshot: rows, snapshot and epoch belong together. A row whose writer commits late is
/// found by the first read after its commit, whatever its sequence; a reader that asks for `sequence > last`
/// would pass over it.
pub async fn read_after(
    tx: &mut Tx,
    seen: &Snapshot,
    page: Page,
    spared: &BTreeSet<Anchor>,
) -> Result<Batch, Error> {
    let rows = match tx {
        Tx::Postgres(handle) => answered!(handle, conn => read_postgres(conn, seen, page, spared).await?),
        Tx::Sqlite(handle) => read_sqlite(handle, seen, page).await?,
    };
    // The outer join gives epoch and snapshot also when there is no row.
    let head = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let (epoch, backend) = (head.epoch.clone(), head.backend.clone());
    let snapshot = head.snapshot.parse().map_err(corrupt)?;
    let entries: Vec<Entry> = rows.into_iter().filter_map(|found| found.entry).collect();
    Ok(Batch {
        epoch,
        snapshot,
        last: entries.last().map(|entry| entry.position),
        full: i64::try_from(entries.len()).is_ok_and(|count| count >= page.most),
        entries,
        backend,
    })
}

/// What there is once for the whole read, and a row if there was one.
struct Found {
    epoch: String,
    snapshot: String,
    backend: Option<String>,
    entry: Option<Entry>,
}

async fn read_postgres(
    conn: &mut sqlx::PgConnection,
    seen: &Snapshot,
    Page { after, most }: Page,
    spared: &BTreeSet<Anchor>,
) -> Result<Vec<Found>, Error> {
    // What the snapshot does not include has begun after it, or was running: two ranges of one index, however
    // long some transaction elsewhere stays open.
    const SQL: &str = concat!(
        "select h.present_epoch, h.snapshot, h.backend, j.* from
        (select (select value from meta where key = 'epoch') as present_epoch,
            pg_current_snapshot()::text as snapshot, ",
        backend!(),
        " as backend) h
        left join lateral (
            select * from (
                (select ",
        columns!(journal),
        " from journal
                where epoch = h.present_epoch and xid >= $1 and (xid, sequence) > ($3, $4)
                and not exists (select 1 from unnest($6::bigint[], $7::bigint[]) as spared (number, time)
                    where spared.number = journal.sequence and spared.time = journal.at)
                order by xid, sequence limit $5)
                union all
                (select ",
        columns!(journal),
        " from journal
                where epoch = h.present_epoch and xid = any($2) and (xid, sequence) > ($3, $4)
                order by xid, sequence limit $5)
            ) unseen order by xid, sequence limit $5
        ) j on true order by j.xid, j.sequence"
    );
    let (begun_after, running) = match seen {
        Snapshot::Transactions { xmax, running, .. } => (*xmax, running.as_slice()),
        Snapshot::Sequence(_) => (0, [].as_slice()),
    };
    let (numbers, times): (Vec<i64>, Vec<i64>) = spared
        .iter()
        .map(|row| (row.position.sequence, row.at.micros()))
        .unzip();
    let query = sqlx::query_as(SQL)
        .bind(begun_after)
        .bind(running)
        .bind(after.xid)
        .bind(after.sequence)
        .bind(most)
        .bind(numbers)
        .bind(times);
    Ok(query.fetch_all(conn).await?)
}

async fn read_sqlite(
    conn: &mut sqlx::SqliteConnection,
    seen: &Snapshot,
    Page { after, most }: Page,
) -> Result<Vec<Found>, Error> {
    const SQL: &str = concat!(
        "select h.present_epoch, h.snapshot, null as backend, j.* from
        (select (select value from meta where key = 'epoch') as present_epoch,
            cast((select coalesce(max(sequence), 0) from journal) as text) as snapshot) h
        left join (
            select ",
        columns!(journal),
        " from journal
            where epoch = (select value from meta where key = 'epoch') and sequence > $1
            order by sequence limit $2
        ) j on true order by j.sequence"
    );
    let last = match seen {
        Snapshot::Sequence(last) => after.sequence.max(*last),
        Snapshot::Transactions { .. } => after.sequence,
    };
    Ok(sqlx::query_as(SQL).bind(last).bind(most).fetch_all(conn).await?)
}

from_row!(Found, |row| Found {
    epoch: row.try_get("present_epoch")?,
    snapshot: row.try_get("snapshot")?,
    backend: row.try_get("backend")?,
    entry: match row.try_get::<Option<i64>, _>("sequence")? {
        Some(_) => Some(sqlx::FromRow::from_row(row)?),
        None => None,
    },
});

/// Where a reader stands that begins now: everything committed so far lies behind it.
pub async fn present(tx: &mut Tx) -> Result<(String, Snapshot), Error> {
    const POSTGRES: &str = "select value, pg_current_snapshot()::text from meta where key = 'epoch'";
    const SQLITE: &str = "select value, cast((select coalesce(max(sequence), 0) from journal) as text)
        from meta where key = 'epoch'";
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    let (epoch, snapshot): (String, String) =
        with_conn!(tx, conn => sqlx::query_as(sql).fetch_one(conn).await?);
    Ok((epoch, snapshot.parse().map_err(corrupt)?))
}

/// The newest sequence of all; 0 when the journal is empty.
pub async fn newest(tx: &mut Tx) -> Result<i64, Error> {
    const SQL: &str = "select coalesce(max(sequence), 0) from journal";
    Ok(with_conn!(tx, conn => sqlx::query_scalar(SQL).fetch_one(conn).await?))
}

/// The user's rows after `sequence`, oldest first, at most `limit`.
pub async fn read_for(tx: &mut Tx, user: UserId, sequence: i64, limit: i64) -> Result<Vec<Entry>, Error> {
    const SQL: &str = concat!(
        "select ",
        columns!(journal),
        " from journal where user_id = $1 and sequence > $2
        and epoch = (select value from meta where key = 'epoch') order by sequence limit $3"
    );
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL).bind(user.uuid()).bind(sequence).bind(limit).fetch_all(conn).await?
    }))
}

/// Whether the row of this number is one of [`Change::RoleUpdated`], which concerns many users and names none.
pub async fn is_of_role(tx: &mut Tx, sequence: i64) -> Result<bool, Error> {
    const SQL: &str = "select exists (select 1 from journal where sequence = $1 and kind = $2
        and epoch = (select value from meta where key = 'epoch'))";
    Ok(with_conn!(tx, conn => {
        sqlx::query_scalar(SQL).bind(sequence).bind(ROLE_UPDATED).fetch_one(conn).await?
    }))
}

/// Whether the present epoch still has a row at or before `sequence`: then none after it was erased.
pub async fn reaches_back_to(tx: &mut Tx, sequence: i64) -> Result<bool, Error> {
    const SQL: &str = "select exists (select 1 from journal
        where sequence <= $1 and epoch = (select value from meta where key = 'epoch'))";
    Ok(with_conn!(tx, conn => sqlx::query_scalar(SQL).bind(sequence).fetch_one(conn).await?))
}

/// Erases rows older than `before`, but for the newest of them: every node finds the row again that it
/// applied last, unless it has read nothing for as long. Answers how many went.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "delete from journal where at < $1
        and sequence < (select max(sequence) from journal where at < $1)";
    tx.takes_long();
    Ok(with_conn!(tx, conn => sqlx::query(SQL).bind(before.micros()).execute(conn).await?.rows_affected()))
}
