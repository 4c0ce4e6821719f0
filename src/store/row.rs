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

/// A value in the database that this version cannot read.
pub(super) fn corrupt(error: impl Into<BoxDynError>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
