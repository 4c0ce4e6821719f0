//! Statements on `mailbox`: the mails that development catches instead of sending them.

use serde::Serialize;
use uuid::Uuid;

use super::row::{columns, corrupt, from_row};
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::MailId;

/// A mail that was caught.
#[derive(Clone, Debug, Serialize)]
pub struct CaughtMail {
    pub id: MailId,
    /// A plain address.
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub links: Vec<String>,
    /// The token that the link carries, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    pub sent_at: Timestamp,
}

from_row!(CaughtMail, |row| CaughtMail {
    id: MailId::from(row.try_get::<Uuid, _>("id")?),
    to: row.try_get("recipient")?,
    subject: row.try_get("subject")?,
    text: row.try_get("text_body")?,
    html: row.try_get("html_body")?,
    links: serde_json::from_str(row.try_get("links")?).map_err(corrupt)?,
    token: row.try_get("token")?,
    sent_at: Timestamp::from_micros(row.try_get("sent_at")?),
});

/// Keeps a mail; one that is there already stays as it is.
pub async fn insert(tx: &mut Tx, mail: &CaughtMail) -> Result<(), Error> {
    const SQL: &str =
        "insert into mailbox (id, recipient, subject, text_body, html_body, links, token, sent_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing";
    let links = serde_json::to_string(&mail.links).map_err(corrupt)?;
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(mail.id.uuid())
            .bind(&mail.to)
            .bind(&mail.subject)
            .bind(&mail.text)
            .bind(&mail.html)
            .bind(&links)
            .bind(mail.token.as_deref())
            .bind(mail.sent_at.micros())
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// The newest mails first, at most `limit`.
pub async fn list(tx: &mut Tx, limit: u32) -> Result<Vec<CaughtMail>, Error> {
    const SQL: &str = concat!(
        "select ",
        columns!(mailbox),
        " from mailbox order by sent_at desc, id desc limit $1"
    );
    Ok(with_conn!(tx, conn => sqlx::query_as(SQL).bind(i64::from(limit)).fetch_all(conn).await?))
}

/// Erases all but the newest `keep` mails. Answers how many went.
pub async fn purge(tx: &mut Tx, keep: u32) -> Result<u64, Error> {
    const SQL: &str = "delete from mailbox where id not in
        (select id from mailbox order by sent_at desc, id desc limit $1)";
    tx.takes_long();
    Ok(with_conn!(tx, conn => sqlx::query(SQL).bind(i64::from(keep)).execute(conn).await?.rows_affected()))
}
