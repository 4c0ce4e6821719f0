//! Reading the mailbox of development, for its page. It is kept in the database, so every node shows the same.

pub use crate::store::mailbox::CaughtMail;
use crate::store::{self, Db};

/// How many mails the page shows.
const SHOWN: u32 = 100;

/// The newest 100 mails that were caught, newest first.
///
/// # Errors
/// When storage fails.
pub async fn caught(db: &Db) -> Result<Vec<CaughtMail>, store::Error> {
    store::mailbox::list(&mut db.read().await?, SHOWN).await
}
