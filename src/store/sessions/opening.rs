//! The statement that opens a socket: it spends the token and reads all that `ready` says, in one round trip.

use uuid::Uuid;

use super::super::row::from_row;
use super::super::{Error, Tx, answered, socket_tokens, with_conn};
use super::Checked;
use crate::clock::Timestamp;
use crate::ids::{SessionId, TokenId, UserId};

/// A socket token that the database has yet to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unspent {
    pub id: TokenId,
    /// Until when it is remembered.
    pub until: Timestamp,
}

/// What the opening of a socket found.
#[derive(Debug)]
pub struct Found {
    /// The token was spent just now, or there was none to spend. Otherwise somebody spent it before.
    pub first: bool,
    /// The journal's present epoch.
    pub epoch: String,
    /// The newest sequence in it that concerns the user; 0 when there is none.
    pub sequence: i64,
    /// `None`: the user has no such session, which counts as revoked.
    pub session: Option<Checked>,
}

from_row!(Found, |row| Found {
    first: row.try_get("first")?,
    epoch: row.try_get("epoch")?,
    sequence: row.try_get("sequence")?,
    session: match row.try_get::<Option<Uuid>, _>("id")? {
        None => None,
        Some(_) => Some(<Checked as sqlx::FromRow<_>>::from_row(row)?),
    },
});

/// Everything after the words that say whether the token is `first`.
macro_rules! found {
    ($begin:literal) => {
        concat!(
            $begin,
            " as first, m.value as epoch, coalesce((select max(sequence) from journal j
                where j.user_id = $1 and j.epoch = m.value), 0) as sequence, c.*
            from meta m left join (
                select s.id, s.user_id, s.authenticated_at, s.amr, s.generation, s.used_generation,
                    s.idle_expires_at, s.expires_at, s.revoked_at, s.revoked_reason, s.revoked_scope,
                    s.revoked_message, u.version, u.site_role, u.status, u.email_verified, r.permissions
                from sessions s join users u on u.id = s.user_id join roles r on r.name = u.site_role
                where s.id = $2 and s.user_id = $1
            ) c on true where m.key = 'epoch'"
        )
    };
}

/// Spends the token, where there is one to spend, and reads the session of `user` with the journal's
/// newest sequence, all as of one moment.
///
/// On PostgreSQL the commit does not wait for the disk: what is lost in a crash of the database server is
/// the memory of tokens that live for seconds, and nobody reaches that server before they have expired.
///
/// # Errors
/// When storage fails; the token may be spent then.
pub async fn open(tx: &mut Tx, user: UserId, id: SessionId, token: Option<Unspent>) -> Result<Found, Error> {
    const READ: &str = found!("select true");
    // One statement has one snapshot, taken before the token is spent, and after the caller registered the
    // socket. `set_config` with `true` lasts until the end of this statement's own transaction, its commit
    // included.
    const SPEND: &str = found!(
        "with spent as (
            insert into spent_socket_tokens (id, expires_at)
            select $3, $4 where set_config('synchronous_commit', 'off', true) is not null
            on conflict (id) do nothing returning 1
        ) select exists (select 1 from spent)"
    );
    if let (Tx::Postgres(handle), Some(token)) = (&mut *tx, token) {
        return Ok(answered!(handle, conn => {
            sqlx::query_as(SPEND)
                .bind(user.uuid())
                .bind(id.uuid())
                .bind(token.id.uuid())
                .bind(token.until.micros())
                .fetch_one(conn)
                .await?
        }));
    }
    // SQLite has no statement that writes and reads; its tokens are spent in memory.
    let first = match token {
        Some(token) => socket_tokens::spend(tx, token.id, token.until).await?,
        None => true,
    };
    let found: Found = with_conn!(tx, conn => {
        sqlx::query_as(READ).bind(user.uuid()).bind(id.uuid()).fetch_one(conn).await?
    });
    Ok(Found { first, ..found })
}
