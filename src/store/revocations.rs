//! Statements on `revocations`: what backends asked for, kept so that a receipt can be asked for later.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::journal::{self, Entry, NewEntry, Position};
use super::row::{corrupt, from_row};
use super::sessions::{self, Ending, Selection, end_where};
use super::{Error, Tx, answered, audit, users, with_conn};
use crate::clock::Timestamp;
use crate::ids::{RevocationId, SessionId, UserId};

/// One act of revocation.
#[derive(Debug)]
pub struct Row {
    pub id: RevocationId,
    pub at: Timestamp,
    pub actor: String,
    /// The request's selector, as JSON.
    pub selector: String,
    pub reason: String,
    pub message: Option<String>,
}

/// All that an act of revocation writes.
#[derive(Debug)]
pub struct Act {
    pub row: Row,
    /// Whose sessions end.
    pub which: Selection,
    pub ending: Ending,
    /// What the sockets hear, if any session ends.
    pub entry: NewEntry,
    /// The line of the log; `sessions`, how many ended, is added to its details.
    pub audit: audit::Row,
}

/// What an act of revocation came to.
#[derive(Debug)]
pub struct Done {
    pub sessions_revoked: u64,
    pub mark: Mark,
    /// `None`: nothing was left to end.
    pub entry: Option<Entry>,
}

/// Where a revocation stands in the journal: what a node must have seen to have applied it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub epoch: String,
    pub position: Position,
}

from_row!(Mark, |row| Mark {
    epoch: row.try_get("epoch")?,
    position: Position {
        xid: row.try_get("xid")?,
        sequence: row.try_get("sequence")?,
    },
});

/// Ends the sessions, and writes down that they ended: for the sockets, for receipts, and in the log. Where it
/// concerns one user, no browser of theirs is trusted any more. Whom it concerns must be locked before, as for
/// [`journal::append`].
pub async fn carry_out(tx: &mut Tx, act: Act) -> Result<Done, Error> {
    act.which.wait(tx);
    let (mark, sessions_revoked) = match tx {
        Tx::Postgres(handle) => answered!(handle, conn => at_once(conn, &act).await?),
        // SQLite has no statement that writes two tables, and no round trips to save.
        Tx::Sqlite(_) => step_by_step(tx, &act).await?,
    };
    let entry = (sessions_revoked > 0).then(|| Entry {
        epoch: mark.epoch.clone(),
        position: mark.position,
        at: act.row.at,
        user_id: act.entry.user_id,
        session_id: act.entry.session_id,
        version: act.entry.version,
        change: act.entry.change,
    });
    Ok(Done {
        sessions_revoked: u64::try_from(sessions_revoked).unwrap_or(0),
        mark,
        entry,
    })
}

/// One statement: each round trip more would be time that the sockets stay open. The epoch is locked as in
/// [`journal::append`].
macro_rules! at_once {
    ($which:literal) => {
        concat!(
            "with ended as (",
            end_where!($which),
            " returning 1),
            named as materialized (
                select value as epoch from meta where key = 'epoch' for share
            ), present as (
                select epoch, (select count(*) from ended) as sessions from named
            ), entry as (
                insert into journal (epoch, at, user_id, session_id, version, kind, data)
                select epoch, $1, $7, $8, $9, $10, $11 from present where sessions > 0
                returning sequence
            ), distrusted as (
                update users set browser_trust = browser_trust + 1 where id = $7
            ), noted as (
                insert into audit
                (id, at, action, actor, user_id, session_id, ip, outcome, request_id, details)
                select $12, $13, $14, $15, $16, $17, $18, $19, $20,
                    ($21::jsonb || jsonb_build_object('sessions', sessions))::text from present
            )
            insert into revocations
            (id, sequence, at, actor, selector, reason, message, sessions_revoked, epoch)
            select $22, coalesce((select sequence from entry), (select max(sequence) from journal), 0),
                $1, $23, $24, $25, $26, sessions, epoch from present
            returning epoch, xid, sequence, sessions_revoked"
        )
    };
}

async fn at_once(conn: &mut PgConnection, act: &Act) -> Result<(Mark, i64), Error> {
    const SESSION: &str = at_once!(" and id = $5");
    const USER: &str = at_once!(" and user_id = $5 and ($6 is null or id <> $6)");
    const ROLE: &str = at_once!(" and user_id in (select id from users where site_role = $5)");
    const ALL: &str = at_once!("");
    let sql = match &act.which {
        Selection::Session(_) => SESSION,
        Selection::User { .. } => USER,
        Selection::Role(_) => ROLE,
        Selection::All => ALL,
    };
    let Act {
        row,
        ending,
        entry,
        audit,
        ..
    } = act;
    let query = sqlx::query_as(sql)
        .bind(row.at.micros())
        .bind(ending.reason.as_str())
        .bind(ending.scope.as_str())
        .bind(ending.message.as_deref());
    let query = match &act.which {
        Selection::Session(id) => query.bind(id.uuid()).bind(None::<Uuid>),
        Selection::User { id, except } => query.bind(id.uuid()).bind(except.map(SessionId::uuid)),
        Selection::Role(role) => query.bind(role).bind(None::<Uuid>),
        Selection::All => query.bind(None::<Uuid>).bind(None::<Uuid>),
    };
    let query = query
        .bind(entry.user_id.map(UserId::uuid))
        .bind(entry.session_id.map(SessionId::uuid))
        .bind(entry.version)
        .bind(entry.change.kind())
        .bind(entry.change.write()?)
        .bind(audit.id.uuid())
        .bind(audit.at.micros())
        .bind(audit.action)
        .bind(&audit.actor)
        .bind(audit.user_id.map(UserId::uuid))
        .bind(audit.session_id.map(SessionId::uuid))
        .bind(audit.ip.as_deref())
        .bind(audit.outcome)
        .bind(audit.request_id.as_deref())
        .bind(&audit.details)
        .bind(row.id.uuid())
        .bind(&row.actor)
        .bind(&row.selector)
        .bind(&row.reason)
        .bind(row.message.as_deref());
    let Counted(mark, sessions) = query.fetch_one(conn).await?;
    Ok((mark, sessions))
}

struct Counted(Mark, i64);

from_row!(Counted, |row| Counted(
    sqlx::FromRow::from_row(row)?,
    row.try_get("sessions_revoked")?,
));

async fn step_by_step(tx: &mut Tx, act: &Act) -> Result<(Mark, i64), Error> {
    const SQL: &str = "insert into revocations
        (id, sequence, at, actor, selector, reason, message, sessions_revoked, epoch)
        select $1, $2, $3, $4, $5, $6, $7, $8, value from meta where key = 'epoch'
        returning epoch, xid, sequence, sessions_revoked";
    let row = &act.row;
    let sessions = sessions::end_many(tx, &act.which, &act.ending, row.at).await?;
    if let Some(user) = act.entry.user_id {
        users::distrust_browsers(tx, user).await?;
    }
    let sequence = if sessions > 0 {
        let entry = journal::append(tx, act.entry.clone(), row.at).await?;
        entry.position.sequence
    } else {
        journal::newest(tx).await?
    };
    let mut details: serde_json::Map<_, _> = serde_json::from_str(&act.audit.details).map_err(corrupt)?;
    details.insert("sessions".to_owned(), sessions.into());
    let audit = audit::Row {
        details: serde_json::to_string(&details).map_err(corrupt)?,
        ..act.audit.clone()
    };
    audit::insert(tx, &audit).await?;
    let Counted(mark, sessions) = with_conn!(tx, conn => {
        sqlx::query_as(SQL)
            .bind(row.id.uuid())
            .bind(sequence)
            .bind(row.at.micros())
            .bind(&row.actor)
            .bind(&row.selector)
            .bind(&row.reason)
            .bind(row.message.as_deref())
            .bind(i64::try_from(sessions).unwrap_or(i64::MAX))
            .fetch_one(conn)
            .await?
    });
    Ok((mark, sessions))
}

/// Where the revocation stands, if there is one with this id.
pub async fn find(tx: &mut Tx, id: RevocationId) -> Result<Option<Mark>, Error> {
    const SQL: &str = "select epoch, xid, sequence from revocations where id = $1";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(id.uuid()).fetch_optional(conn).await?))
}
