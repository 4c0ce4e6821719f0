//! The end of an account in the database: what goes, and what stays without saying who it was.

use super::super::{Error, Tx, with_conn};
use crate::ids::UserId;

/// Erases the person: the account with its credentials, its mailed tokens, its known devices, and its mails in
/// the outbox. Its sessions, which have to be ended before, stay as tombstones (id, when and why they ended)
/// until they are purged; the audit log names the id alone, and so does the journal, but for what was said to the
/// person, until it is purged. Answers whether there was such a user.
///
/// The user's row must be locked: nobody begins a session meanwhile.
pub async fn erase(tx: &mut Tx, id: UserId) -> Result<bool, Error> {
    // Nothing of them can be refreshed any more, and they would tell when the person was here.
    const REFRESH_TOKENS: &str =
        "delete from refresh_tokens where session_id in (select id from sessions where user_id = $1)";
    const SESSIONS: &str = "update sessions set ip = '', network = '', user_agent = null, device = null,
        amr = '[]', revoked_message = null where user_id = $1";
    // What the person called the devices.
    const JOURNAL: &str = "update journal set data = '{\"kind\":\"session_created\",\"device\":null}'
        where user_id = $1 and kind = 'session_created'";
    // Also what was sent: a server's answer that was kept may quote the address.
    const MAILS: &str = "delete from mails where user_id = $1";
    // Its mailed tokens and known devices go with it.
    const USER: &str = "delete from users where id = $1";
    tx.takes_long();
    let mut erased = 0;
    for sql in [REFRESH_TOKENS, SESSIONS, JOURNAL, MAILS, USER] {
        erased = with_conn!(tx, conn => {
            sqlx::query(sql).bind(id.uuid()).execute(conn).await?.rows_affected()
        });
    }
    Ok(erased == 1)
}
