//! Statements that end sessions, count those that would end, and erase those long ended.

use super::super::row::columns;
use super::super::users::User;
use super::super::{Error, Tx, with_conn};
use super::Ending;
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};
use uuid::Uuid;

/// Ends one session; answers its user, or `None` when it does not exist or had ended before, by an act or
/// by time.
///
/// # Errors
/// When storage fails.
pub async fn end(
    tx: &mut Tx,
    id: SessionId,
    ending: &Ending,
    now: Timestamp,
) -> Result<Option<UserId>, Error> {
    const SQL: &str = "update sessions set revoked_at = $2, revoked_reason = $3, revoked_scope = $4,
        revoked_message = $5 where id = $1 and revoked_at is null and expires_at > $2
        and idle_expires_at > $2 returning user_id";
    let user: Option<Uuid> = with_conn!(tx, conn => {
        sqlx::query_scalar(SQL)
            .bind(id.uuid())
            .bind(now.micros())
            .bind(ending.reason.as_str())
            .bind(ending.scope.as_str())
            .bind(ending.message.as_deref())
            .fetch_optional(conn)
            .await?
    });
    Ok(user.map(UserId::from))
}

/// The user whose session it is, whether it has ended or not, [locked](super::super::users::lock): one statement for both.
///
/// # Errors
/// When storage fails.
pub async fn lock_owner(tx: &mut Tx, id: SessionId) -> Result<Option<User>, Error> {
    const POSTGRES: &str = concat!(
        "select ",
        columns!(users),
        " from users
        where id = (select user_id from sessions where id = $1) for no key update"
    );
    const SQLITE: &str = concat!(
        "select ",
        columns!(users),
        " from users where id = (select user_id from sessions where id = $1)"
    );
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    Ok(with_conn!(tx, conn => sqlx::query_as(sql).bind(id.uuid()).fetch_optional(conn).await?))
}

/// Whether there is such a session, live or ended. One whose person was erased is there without an owner.
///
/// # Errors
/// When storage fails.
pub async fn exists(tx: &mut Tx, id: SessionId) -> Result<bool, Error> {
    const SQL: &str = "select count(*) from sessions where id = $1";
    let count: i64 = with_conn!(tx, conn => sqlx::query_scalar(SQL).bind(id.uuid()).fetch_one(conn).await?);
    Ok(count > 0)
}

/// Which live sessions [`end_many`] ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    Session(SessionId),
    User { id: UserId, except: Option<SessionId> },
    Role(String),
    All,
}

impl Selection {
    /// The sessions of one user are few; those of many take their time.
    pub(in crate::store) fn wait(&self, tx: &mut Tx) {
        if matches!(self, Self::Role(_) | Self::All) {
            tx.takes_long();
        }
    }
}

/// The statement that ends the live sessions for which `$which` holds; `$5` and `$6` are its own.
macro_rules! end_where {
    ($which:literal) => {
        concat!(
            "update sessions set revoked_at = $1, revoked_reason = $2, revoked_scope = $3,
                revoked_message = $4
            where revoked_at is null and expires_at > $1 and idle_expires_at > $1",
            $which
        )
    };
}
pub(in crate::store) use end_where;

/// Ends every selected live session by one statement; answers how many.
///
/// # Errors
/// When storage fails.
pub async fn end_many(tx: &mut Tx, which: &Selection, ending: &Ending, now: Timestamp) -> Result<u64, Error> {
    which.wait(tx);
    Ok(with_conn!(tx, conn => {
        let sql = match which {
            Selection::Session(_) => end_where!(" and id = $5"),
            Selection::User { .. } => end_where!(" and user_id = $5 and ($6 is null or id <> $6)"),
            Selection::Role(_) => end_where!(" and user_id in (select id from users where site_role = $5)"),
            Selection::All => end_where!(""),
        };
        let query = sqlx::query(sql)
            .bind(now.micros())
            .bind(ending.reason.as_str())
            .bind(ending.scope.as_str())
            .bind(ending.message.as_deref());
        let query = match which {
            Selection::Session(id) => query.bind(id.uuid()),
            Selection::User { id, except } => query.bind(id.uuid()).bind(except.map(SessionId::uuid)),
            Selection::Role(role) => query.bind(role),
            Selection::All => query,
        };
        query.execute(conn).await?.rows_affected()
    }))
}

/// How many live sessions are selected: what [`end_many`] would end.
///
/// # Errors
/// When storage fails.
pub async fn count_live(tx: &mut Tx, which: &Selection, now: Timestamp) -> Result<i64, Error> {
    const SESSION: &str = "select count(*) from sessions where revoked_at is null and expires_at > $1
        and idle_expires_at > $1 and id = $2";
    const USER: &str = "select count(*) from sessions where revoked_at is null and expires_at > $1
        and idle_expires_at > $1 and user_id = $2 and ($3 is null or id <> $3)";
    const ROLE: &str = "select count(*) from sessions where revoked_at is null and expires_at > $1
        and idle_expires_at > $1 and user_id in (select id from users where site_role = $2)";
    const ALL: &str = "select count(*) from sessions where revoked_at is null and expires_at > $1
        and idle_expires_at > $1";
    which.wait(tx);
    Ok(with_conn!(tx, conn => match which {
        Selection::Session(id) => {
            sqlx::query_scalar(SESSION).bind(now.micros()).bind(id.uuid()).fetch_one(conn).await?
        }
        Selection::User { id, except } => {
            let query = sqlx::query_scalar(USER).bind(now.micros()).bind(id.uuid());
            query.bind(except.map(SessionId::uuid)).fetch_one(conn).await?
        }
        Selection::Role(role) => sqlx::query_scalar(ROLE).bind(now.micros()).bind(role).fetch_one(conn).await?,
        Selection::All => sqlx::query_scalar(ALL).bind(now.micros()).fetch_one(conn).await?,
    }))
}

/// Erases at most `most` sessions that ended, by an act or by time, before `before`, with their refresh
/// tokens. Answers how many went.
pub async fn purge(tx: &mut Tx, before: Timestamp, most: u32) -> Result<u64, Error> {
    // Each end by its own index.
    const SQL: &str = "delete from sessions where id in (
        select id from sessions where revoked_at < $1
        union all select id from sessions where expires_at < $1
        union all select id from sessions where idle_expires_at < $1
        limit $2)";
    tx.takes_long();
    Ok(with_conn!(tx, conn => {
        sqlx::query(SQL).bind(before.micros()).bind(i64::from(most)).execute(conn).await?.rows_affected()
    }))
}
