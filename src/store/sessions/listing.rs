//! Lists of sessions, newest first, for people who look: the live ones of one user, of everybody, or some that
//! are known by their ids, and all that are on record of one user. A live one has neither been ended nor run out.

use uuid::Uuid;

use super::super::page::{self, Page};
use super::super::row::{corrupt, from_row};
use super::super::{Error, Tx, answered, with_conn};
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};

/// A session, as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: SessionId,
    pub user_id: UserId,
    pub created_at: Timestamp,
    pub authenticated_at: Timestamp,
    pub amr: Vec<String>,
    pub last_seen_at: Timestamp,
    pub idle_expires_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub revoked_reason: Option<String>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub device: Option<String>,
}

from_row!(Listed, |row| Listed {
    id: SessionId::from(row.try_get::<Uuid, _>("id")?),
    user_id: UserId::from(row.try_get::<Uuid, _>("user_id")?),
    created_at: Timestamp::from_micros(row.try_get("created_at")?),
    authenticated_at: Timestamp::from_micros(row.try_get("authenticated_at")?),
    amr: serde_json::from_str(row.try_get("amr")?).map_err(corrupt)?,
    last_seen_at: Timestamp::from_micros(row.try_get("last_seen_at")?),
    idle_expires_at: Timestamp::from_micros(row.try_get("idle_expires_at")?),
    expires_at: Timestamp::from_micros(row.try_get("expires_at")?),
    revoked_at: row
        .try_get::<Option<i64>, _>("revoked_at")?
        .map(Timestamp::from_micros),
    revoked_reason: row.try_get("revoked_reason")?,
    ip: Some(row.try_get("ip")?).filter(|ip: &String| !ip.is_empty()),
    user_agent: row.try_get("user_agent")?,
    device: row.try_get("device")?,
});

macro_rules! listed {
    ($which:expr) => {
        concat!(
            "select id, user_id, created_at, authenticated_at, amr, last_seen_at, idle_expires_at, expires_at,
            revoked_at, revoked_reason, ip, user_agent, device from sessions where ",
            $which,
            " order by id desc"
        )
    };
}

macro_rules! live {
    ($which:literal) => {
        listed!(concat!(
            "revoked_at is null and expires_at > $1 and idle_expires_at > $1",
            $which
        ))
    };
}

macro_rules! page {
    ($which:literal) => {
        concat!(live!($which), " limit $3")
    };
}

/// At most `limit` live sessions, those of `user` when given, those older than `cursor` when given.
pub async fn list_live(
    tx: &mut Tx,
    user: Option<UserId>,
    cursor: Option<SessionId>,
    limit: u32,
    now: Timestamp,
) -> Result<Page<Listed, SessionId>, Error> {
    // The ids are UUID v7, so the newest is the largest.
    const ALL: &str = page!(" and id < $2");
    const USER: &str = page!(" and id < $2 and user_id = $4");
    let before = page::before(cursor.map(SessionId::uuid));
    let rows = with_conn!(tx, conn => {
        let sql = if user.is_some() { USER } else { ALL };
        let query = sqlx::query_as(sql).bind(now.micros()).bind(before).bind(page::one_more(limit));
        let query = match user {
            Some(user) => query.bind(user.uuid()),
            None => query,
        };
        query.fetch_all(conn).await?
    });
    Ok(Page::of(rows, limit, |session: &Listed| session.id))
}

/// Those among `ids` that are live.
pub async fn find_live(tx: &mut Tx, ids: &[SessionId], now: Timestamp) -> Result<Vec<Listed>, Error> {
    const POSTGRES: &str = live!(" and id = any($2)");
    // SQLite has no arrays: the ids travel as one JSON text.
    const SQLITE: &str = live!(" and id in (select unhex(value) from json_each($2))");
    Ok(match tx {
        Tx::Postgres(handle) => {
            let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
            answered!(handle, conn => {
                sqlx::query_as(POSTGRES).bind(now.micros()).bind(ids).fetch_all(conn).await?
            })
        }
        Tx::Sqlite(handle) => {
            let conn: &mut sqlx::SqliteConnection = handle;
            let ids: Vec<String> = ids.iter().map(|id| id.uuid().simple().to_string()).collect();
            let ids = serde_json::to_string(&ids).map_err(corrupt)?;
            sqlx::query_as(SQLITE)
                .bind(now.micros())
                .bind(ids)
                .fetch_all(conn)
                .await?
        }
    })
}

/// The user's sessions that are on record, ended ones included, the newest first.
pub async fn list_all(tx: &mut Tx, user: UserId) -> Result<Vec<Listed>, Error> {
    const SQL: &str = listed!("user_id = $1");
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(user.uuid()).fetch_all(conn).await?))
}

/// Where a session was begun: the network, and the `User-Agent`.
pub async fn place(tx: &mut Tx, id: SessionId) -> Result<Option<(String, Option<String>)>, Error> {
    const SQL: &str = "select network, user_agent from sessions where id = $1";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(id.uuid()).fetch_optional(conn).await?))
}

/// How who began a session proved who they are: its `amr` (RFC 8176). Empty where it is not on record any more.
pub async fn methods(tx: &mut Tx, id: SessionId) -> Result<Vec<String>, Error> {
    const SQL: &str = "select amr from sessions where id = $1";
    let amr: Option<String> =
        with_conn!(tx, conn => sqlx::query_scalar(SQL).bind(id.uuid()).fetch_optional(conn).await?);
    Ok(amr
        .map_or(Ok(Vec::new()), |amr| serde_json::from_str(&amr))
        .map_err(corrupt)?)
}

#[cfg(test)]
mod tests {
    use super::super::super::plans::plan;

    #[tokio::test]
    async fn an_index_carries_each_list() {
        let all = plan(page!(" and id < $2")).await;
        assert_eq!(
            all,
            "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (id<?)"
        );
        // One user has few: they are sorted.
        let one = plan(page!(" and id < $2 and user_id = $4")).await;
        assert!(
            one.starts_with("SEARCH sessions USING INDEX sessions_user_id (user_id=?)"),
            "{one}"
        );
    }
}
