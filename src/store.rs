//! Storage: PostgreSQL or SQLite, chosen once at start, behind one SQL text.
//!
//! [`Db`] (`pools.rs`) hands out units of work ([`Tx`], `unit.rs`); every other file below holds the
//! statements of one family of tables, as functions that take a `&mut Tx`. Services decide; nothing here
//! does. `sqlx` stays in here.
//!
//! Shared SQL keeps to what both databases speak: `$1`, `returning`, `on conflict`. Times are integers
//! (microseconds), identifiers and times come from Rust. Where a dialect differs, a `match` says so.

#![expect(
    clippy::missing_errors_doc,
    reason = "every function below fails as `Error` says, and in no other way"
)]

pub mod audit;
mod backend;
pub mod condition;
mod error;
pub mod identities;
pub mod journal;
pub mod known_devices;
pub mod mailbox;
pub mod mailed_tokens;
pub mod mails;
pub mod meta;
pub mod migrate;
pub mod nodes;
pub mod oauth_flows;
pub mod page;
#[cfg(test)]
mod plans;
mod pools;
pub mod refresh_tokens;
pub mod revocations;
pub mod roles;
mod row;
pub mod service_keys;
pub mod sessions;
pub mod setup_tokens;
pub mod signing_keys;
pub mod socket_tokens;
mod unit;
pub mod users;

pub use error::Error;
pub use page::Page;
pub use pools::Db;
pub use unit::{PostgresHandle, SqliteHandle, Tx};

/// Runs `$body` on whichever connection `$tx` holds: one SQL text, compiled once for each database.
macro_rules! with_conn {
    ($tx:expr, $conn:ident => $body:expr) => {
        match $tx {
            $crate::store::Tx::Postgres(handle) => $crate::store::answered!(handle, $conn => $body),
            $crate::store::Tx::Sqlite(handle) => {
                let $conn: &mut sqlx::SqliteConnection = handle;
                $body
            }
        }
    };
}
pub(crate) use with_conn;

/// Runs `$body` on a PostgreSQL connection, which is given up when the answer does not come in time.
macro_rules! answered {
    ($handle:expr, $conn:ident => $body:expr) => {{
        let handle: &mut $crate::store::PostgresHandle = $handle;
        let until = handle.asks();
        let answer = tokio::time::timeout_at(until, async {
            let $conn: &mut sqlx::PgConnection = handle.connection()?;
            Ok::<_, $crate::store::Error>($body)
        });
        let answer = answer.await;
        handle.was_answered(answer)?
    }};
}
pub(crate) use answered;
