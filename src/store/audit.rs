//! Statements on `audit`. There is none that changes a row, and only [`purge`] erases any. The database itself
//! refuses both, but for rows older than a year.

use serde_json::Value;
use uuid::Uuid;

use super::page::{self, Page};
use super::row::{columns, corrupt, from_row};
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::{AuditId, SessionId, UserId};

/// A row of the log.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: AuditId,
    pub at: Timestamp,
    pub action: &'static str,
    pub actor: String,
    pub user_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    pub ip: Option<String>,
    pub outcome: &'static str,
    pub request_id: Option<String>,
    /// A JSON object.
    pub details: String,
}

/// Appends one row.
pub async fn insert(tx: &mut Tx, row: &Row) -> Result<(), Error> {
    const SQL: &str = "insert into audit
        (id, at, action, actor, user_id, session_id, ip, outcome, request_id, details)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(row.id.uuid())
            .bind(row.at.micros())
            .bind(row.action)
            .bind(&row.actor)
            .bind(row.user_id.map(UserId::uuid))
            .bind(row.session_id.map(SessionId::uuid))
            .bind(row.ip.as_deref())
            .bind(row.outcome)
            .bind(row.request_id.as_deref())
            .bind(&row.details)
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// A line of the log, as it is read.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: AuditId,
    pub at: Timestamp,
    pub action: String,
    pub actor: String,
    pub user_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    pub ip: Option<String>,
    pub outcome: String,
    pub request_id: Option<String>,
    /// A JSON object.
    pub details: Value,
}

from_row!(Line, |row| Line {
    id: AuditId::from(row.try_get::<Uuid, _>("id")?),
    at: Timestamp::from_micros(row.try_get("at")?),
    action: row.try_get("action")?,
    actor: row.try_get("actor")?,
    user_id: row.try_get::<Option<Uuid>, _>("user_id")?.map(UserId::from),
    session_id: row.try_get::<Option<Uuid>, _>("session_id")?.map(SessionId::from),
    ip: row.try_get("ip")?,
    outcome: row.try_get("outcome")?,
    request_id: row.try_get("request_id")?,
    details: serde_json::from_str(row.try_get("details")?).map_err(corrupt)?,
});

/// Which lines are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Whom it was done to.
    pub user_id: Option<UserId>,
    pub action: Option<&'static str>,
}

/// The actions that make up most of the log. They are found by their time: the index by action leaves them
/// out, so that nobody who signs in pays for it.
const FREQUENT: [&str; 2] = ["session.create", "session.refresh"];

macro_rules! list {
    ($which:literal) => {
        concat!(
            "select ",
            columns!(audit),
            " from audit where (at, id) < ($1, $2)",
            $which,
            " order by at desc, id desc limit $3"
        )
    };
}

/// Says what the index says, so that it is used.
const RARE: &str = list!(" and action = $4 and action not in ('session.create', 'session.refresh')");

const OF_USER: &str = concat!(
    "select ",
    columns!(audit),
    " from audit where user_id = $1 and (at, id) > ($2, $3) order by at, id limit $4"
);

/// At most `limit` of the lines that `which` describes, the newest first, those before `cursor` when given.
pub async fn list(
    tx: &mut Tx,
    which: Filter,
    cursor: Option<AuditId>,
    limit: u32,
) -> Result<Page<Line, AuditId>, Error> {
    const PLACE: &str = "select at from audit where id = $1";
    let last: Option<i64> = match cursor {
        Some(id) => with_conn!(tx, conn => {
            sqlx::query_scalar(PLACE).bind(id.uuid()).fetch_optional(conn).await?
        }),
        None => Some(i64::MAX),
    };
    let Some(last) = last else {
        // Erased since: then so was everything before it.
        return Ok(Page::of(Vec::new(), limit, |line: &Line| line.id));
    };
    let before = page::before(cursor.map(AuditId::uuid));
    let user = which.user_id.map(UserId::uuid);
    let rows = with_conn!(tx, conn => {
        let sql = match (user, which.action) {
            (None, None) => list!(""),
            (None, Some(action)) if FREQUENT.contains(&action) => list!(" and action = $4"),
            (None, Some(_)) => RARE,
            (Some(_), None) => list!(" and user_id = $4"),
            (Some(_), Some(_)) => list!(" and action = $4 and user_id = $5"),
        };
        let query = sqlx::query_as(sql).bind(last).bind(before).bind(page::one_more(limit));
        let query = match which.action {
            Some(action) => query.bind(action),
            None => query,
        };
        let query = match user {
            Some(user) => query.bind(user),
            None => query,
        };
        query.fetch_all(conn).await?
    });
    Ok(Page::of(rows, limit, |line: &Line| line.id))
}

/// What was done to the user, oldest first, at most `limit` lines, those after `after` when given.
pub async fn of_user(
    tx: &mut Tx,
    user: UserId,
    after: Option<(Timestamp, AuditId)>,
    limit: u32,
) -> Result<Vec<Line>, Error> {
    let (at, id) = after.map_or((i64::MIN, Uuid::nil()), |(at, id)| (at.micros(), id.uuid()));
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(OF_USER).bind(user.uuid()).bind(at).bind(id).bind(i64::from(limit)).fetch_all(conn).await?
    }))
}

/// Erases at most `most` lines older than `before`. Answers how many went.
pub async fn purge(tx: &mut Tx, before: Timestamp, most: u32) -> Result<u64, Error> {
    const SQL: &str = "delete from audit where id in (
        select id from audit where at < $1 order by at limit $2)";
    tx.takes_long();
    Ok(with_conn!(tx, conn => {
        sqlx::query(SQL).bind(before.micros()).bind(i64::from(most)).execute(conn).await?.rows_affected()
    }))
}

#[cfg(test)]
mod tests {
    use super::super::plans::plan;
    use super::*;

    #[tokio::test]
    async fn an_index_carries_each_list() {
        for (sql, index) in [
            (list!(""), "audit_at ((at,id)<(?,?))"),
            (list!(" and action = $4"), "audit_at ((at,id)<(?,?))"),
            (RARE, "audit_action (action=? AND (at,id)<(?,?))"),
            (
                list!(" and user_id = $4"),
                "audit_user_and_time (user_id=? AND (at,id)<(?,?))",
            ),
            (OF_USER, "audit_user_and_time (user_id=? AND (at,id)>(?,?))"),
        ] {
            assert_eq!(plan(sql).await, format!("SEARCH audit USING INDEX {index}"));
        }
    }

    #[test]
    fn the_frequent_actions_are_those_that_the_index_leaves_out() {
        for (_, _, sql) in super::super::migrate::SQLITE {
            if let Some(index) = sql.split("create index audit_action ").nth(1) {
                let named = format!("action not in ('{}');", FREQUENT.join("', '"));
                assert!(index.split('\n').next().unwrap().contains(&named));
                return;
            }
        }
        panic!("there is no such index");
    }
}
