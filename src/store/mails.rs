//! Statements on `mails`, the outbox. Contents are sealed before they come here, and erased when a mail
//! was sent or given up.

use serde::Serialize;
use uuid::Uuid;

use super::page::{self, Page};
use super::row::{corrupt, from_row};
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::{MailId, UserId};

/// A mail, as it is written: due at once.
#[derive(Debug)]
pub struct NewMail<'a> {
    pub id: MailId,
    /// Which letter it is.
    pub kind: &'static str,
    pub user_id: Option<UserId>,
    /// Sealed.
    pub content: &'a [u8],
    pub created_at: Timestamp,
}

/// A mail that is being sent.
#[derive(Debug)]
pub struct Claimed {
    pub id: MailId,
    pub kind: String,
    /// Sealed.
    pub content: Vec<u8>,
    /// This one included.
    pub attempts: i64,
    /// Why the attempt before failed.
    pub last_error: Option<String>,
    pub created_at: Timestamp,
}

from_row!(Claimed, |row| Claimed {
    id: MailId::from(row.try_get::<Uuid, _>("id")?),
    kind: row.try_get("kind")?,
    content: row.try_get::<Option<Vec<u8>>, _>("content")?.unwrap_or_default(),
    attempts: row.try_get("attempts")?,
    last_error: row.try_get("last_error")?,
    created_at: Timestamp::from_micros(row.try_get("created_at")?),
});

/// Puts a mail into the outbox.
pub async fn insert(tx: &mut Tx, mail: &NewMail<'_>) -> Result<(), Error> {
    const SQL: &str =
        "insert into mails (id, kind, user_id, status, content, attempts, next_attempt_at, created_at)
        values ($1, $2, $3, 'waiting', $4, 0, $5, $5)";
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(mail.id.uuid())
            .bind(mail.kind)
            .bind(mail.user_id.map(UserId::uuid))
            .bind(mail.content)
            .bind(mail.created_at.micros())
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// Takes the mail that has been due longest, and hides it until `lease`: by then whoever took it has
/// finished or died. Two nodes never take one mail at a time.
pub async fn claim(tx: &mut Tx, now: Timestamp, lease: Timestamp) -> Result<Option<Claimed>, Error> {
    // The outer condition is looked at again when another node had the row: then it is not due any more.
    const POSTGRES: &str = "update mails set next_attempt_at = $2, attempts = attempts + 1
        where status = 'waiting' and next_attempt_at <= $1 and id = (
            select id from mails where status = 'waiting' and next_attempt_at <= $1
            order by next_attempt_at limit 1 for update skip locked)
        returning id, kind, content, attempts, last_error, created_at";
    // One writer: nobody to skip.
    const SQLITE: &str = "update mails set next_attempt_at = $2, attempts = attempts + 1
        where status = 'waiting' and next_attempt_at <= $1 and id = (
            select id from mails where status = 'waiting' and next_attempt_at <= $1
            order by next_attempt_at limit 1)
        returning id, kind, content, attempts, last_error, created_at";
    let sql = if tx.is_postgres() { POSTGRES } else { SQLITE };
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(sql).bind(now.micros()).bind(lease.micros()).fetch_optional(conn).await?
    }))
}

/// Whether a mail is due. A cheap look, so that an idle job takes no write lock.
pub async fn any_due(tx: &mut Tx, now: Timestamp) -> Result<bool, Error> {
    const SQL: &str = "select count(*) from (select 1 from mails
        where status = 'waiting' and next_attempt_at <= $1 limit 1) due";
    let count: i64 =
        with_conn!(tx, conn => sqlx::query_scalar(SQL).bind(now.micros()).fetch_one(conn).await?);
    Ok(count > 0)
}

/// When the mail was written that has waited longest.
pub async fn oldest_waiting(tx: &mut Tx) -> Result<Option<Timestamp>, Error> {
    const SQL: &str = "select min(created_at) from mails where status = 'waiting'";
    let oldest: Option<i64> = with_conn!(tx, conn => sqlx::query_scalar(SQL).fetch_one(conn).await?);
    Ok(oldest.map(Timestamp::from_micros))
}

/// The mail is out: its content is erased.
pub async fn mark_sent(tx: &mut Tx, id: MailId, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "update mails set status = 'sent', content = null, last_error = null, sent_at = $2
        where id = $1 and status = 'waiting'";
    with_conn!(tx, conn => { sqlx::query(SQL).bind(id.uuid()).bind(now.micros()).execute(conn).await?; });
    Ok(())
}

/// The attempt failed; the next one is at `next`.
pub async fn postpone(tx: &mut Tx, id: MailId, next: Timestamp, fault: &str) -> Result<(), Error> {
    const SQL: &str =
        "update mails set next_attempt_at = $2, last_error = $3 where id = $1 and status = 'waiting'";
    with_conn!(tx, conn => {
        sqlx::query(SQL).bind(id.uuid()).bind(next.micros()).bind(fault).execute(conn).await?;
    });
    Ok(())
}

/// The mail is given up: its content is erased.
pub async fn give_up(tx: &mut Tx, id: MailId, fault: &str) -> Result<(), Error> {
    const SQL: &str = "update mails set status = 'failed', content = null, last_error = $2
        where id = $1 and status = 'waiting'";
    with_conn!(tx, conn => { sqlx::query(SQL).bind(id.uuid()).bind(fault).execute(conn).await?; });
    Ok(())
}

/// Removes a mail without a trace.
pub async fn discard(tx: &mut Tx, id: MailId) -> Result<(), Error> {
    const SQL: &str = "delete from mails where id = $1";
    with_conn!(tx, conn => { sqlx::query(SQL).bind(id.uuid()).execute(conn).await?; });
    Ok(())
}

/// Erases the rows of mails written before `before` that were sent or given up. Answers how many went.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "delete from mails where status <> 'waiting' and created_at < $1";
    tx.takes_long();
    Ok(with_conn!(tx, conn => sqlx::query(SQL).bind(before.micros()).execute(conn).await?.rows_affected()))
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// To be sent, for the first time or again.
    Waiting,
    Sent,
    /// Given up.
    Failed,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    fn from_column(text: &str) -> sqlx::Result<Self> {
        match text {
            "waiting" => Ok(Self::Waiting),
            "sent" => Ok(Self::Sent),
            "failed" => Ok(Self::Failed),
            other => Err(corrupt(format!("unknown status {other:?} of a mail"))),
        }
    }
}

/// A mail without its content.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: MailId,
    pub kind: String,
    pub user_id: Option<UserId>,
    pub status: Status,
    pub attempts: i64,
    pub next_attempt_at: Timestamp,
    /// Why the newest attempt failed.
    pub last_error: Option<String>,
    pub created_at: Timestamp,
    pub sent_at: Option<Timestamp>,
}

from_row!(Listed, |row| Listed {
    id: MailId::from(row.try_get::<Uuid, _>("id")?),
    kind: row.try_get("kind")?,
    user_id: row.try_get::<Option<Uuid>, _>("user_id")?.map(UserId::from),
    status: Status::from_column(row.try_get("status")?)?,
    attempts: row.try_get("attempts")?,
    next_attempt_at: Timestamp::from_micros(row.try_get("next_attempt_at")?),
    last_error: row.try_get("last_error")?,
    created_at: Timestamp::from_micros(row.try_get("created_at")?),
    sent_at: row
        .try_get::<Option<i64>, _>("sent_at")?
        .map(Timestamp::from_micros),
});

macro_rules! list {
    ($which:literal) => {
        concat!(
            "select id, kind, user_id, status, attempts, next_attempt_at, last_error, created_at, sent_at
            from mails where id < $1 and kind <> $3",
            $which,
            " order by id desc limit $2"
        )
    };
}

/// At most `limit` mails that are not of the kind `but`, the newest first, those before `cursor` when given.
pub async fn list(
    tx: &mut Tx,
    status: Option<Status>,
    but: &str,
    cursor: Option<MailId>,
    limit: u32,
) -> Result<Page<Listed, MailId>, Error> {
    let before = page::before(cursor.map(MailId::uuid));
    let rows = with_conn!(tx, conn => {
        let sql = if status.is_some() { list!(" and status = $4") } else { list!("") };
        let query = sqlx::query_as(sql).bind(before).bind(page::one_more(limit)).bind(but);
        let query = match status {
            Some(status) => query.bind(status.as_str()),
            None => query,
        };
        query.fetch_all(conn).await?
    });
    Ok(Page::of(rows, limit, |mail: &Listed| mail.id))
}

/// The mails about the user that are still on record, oldest first.
pub async fn list_of(tx: &mut Tx, user: UserId) -> Result<Vec<Listed>, Error> {
    const SQL: &str =
        "select id, kind, user_id, status, attempts, next_attempt_at, last_error, created_at, sent_at
        from mails where user_id = $1 order by created_at, id";
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(user.uuid()).fetch_all(conn).await?))
}

#[cfg(test)]
mod tests {
    use super::super::plans::plan;

    #[tokio::test]
    async fn an_index_carries_each_list() {
        for (sql, index) in [
            (list!(""), "sqlite_autoindex_mails_1 (id<?)"),
            (
                list!(" and status = $4"),
                "mails_status_and_id (status=? AND id<?)",
            ),
        ] {
            assert_eq!(plan(sql).await, format!("SEARCH mails USING INDEX {index}"));
        }
    }
}
