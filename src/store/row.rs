//! Reading rows: one mapping, compiled for both databases. Used by the files beside it.

use sqlx::error::BoxDynError;

/// Implements `sqlx::FromRow` for PostgreSQL and SQLite from one expression over `$row`.
///
/// `col!` inside the expression is `sqlx::Row::try_get` and infers its type.
macro_rules! from_row {
    ($ty:ty, |$row:ident| $body:expr) => {
        impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for $ty {
            fn from_row($row: &'r sqlx::postgres::PgRow) -> sqlx::Result<Self> {
                #[allow(unused_imports, reason = "a mapping may read through helpers only")]
                use sqlx::Row as _;
                Ok($body)
            }
        }
        impl<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> for $ty {
            fn from_row($row: &'r sqlx::sqlite::SqliteRow) -> sqlx::Result<Self> {
                #[allow(unused_imports, reason = "a mapping may read through helpers only")]
                use sqlx::Row as _;
                Ok($body)
            }
        }
    };
}
pub(super) use from_row;

/// The columns that a row of this table is read from, one by one. Never `*`: a statement that was prepared with it fails
/// from the moment on when a migration adds a column, and the release before runs on while a newer one migrates.
macro_rules! columns {
    (users) => {
        "id, email, email_verified, name, locale, avatar_url, status, site_role, version, password_hash, browser_trust, \
            vouched, created_at, updated_at"
    };
    (identities) => {
        "id, user_id, provider, subject, email, created_at, last_used_at"
    };
    (journal) => {
        "epoch, xid, sequence, at, user_id, session_id, version, data"
    };
    (mailbox) => {
        "id, recipient, subject, text_body, html_body, links, token, sent_at"
    };
    (audit) => {
        "id, at, action, actor, user_id, session_id, ip, outcome, request_id, details"
    };
    (service_keys) => {
        "id, name, secret_hash, scopes, allow, created_at, expires_at, revoked_at"
    };
    (signing_keys) => {
        "kid, algorithm, status, public_key, private_key, created_at, verifies_until"
    };
}
pub(super) use columns;

/// A value in the database that this version cannot read.
pub(super) fn corrupt(error: impl Into<BoxDynError>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
