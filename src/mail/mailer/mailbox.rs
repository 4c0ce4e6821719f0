//! The mailbox of development: mails are kept in the database and shown on a page.

use crate::clock::Timestamp;
use crate::mail::Mail;
use crate::store::mailbox::CaughtMail;
use crate::store::{self, Db};

/// Keeps the mail and marks it as sent, in one transaction.
pub(super) async fn deliver(db: &Db, mail: &Mail, now: Timestamp) -> Result<(), store::Error> {
    let content = mail.content.clone();
    let caught = CaughtMail {
        id: mail.id,
        to: content.to,
        subject: content.subject,
        text: content.text,
        html: content.html,
        links: content.links,
        token: content.token,
        sent_at: now,
    };
    let mut tx = db.begin().await?;
    store::mailbox::insert(&mut tx, &caught).await?;
    store::mails::mark_sent(&mut tx, mail.id, now).await?;
    tx.commit().await
}
