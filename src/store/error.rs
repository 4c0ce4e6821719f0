//! What can go wrong in storage: the only reader of `sqlx::Error`.

use sqlx::error::ErrorKind;

/// A storage failure. Services pass it on; the edge answers `unavailable` or `internal`.
///
/// Each says its cause itself and has no `source`: whoever prints the chain would print it twice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL names no database that we speak.
    #[error("database.url must begin with postgres:// or sqlite://")]
    Url,
    /// The database cannot be reached, is busy, or went away: trying again later is right.
    #[error("the database cannot be reached: {0}")]
    Unavailable(sqlx::Error),
    /// The database has not answered in time.
    #[error("the database does not answer")]
    Silent,
    /// A unique or foreign key stood in the way: somebody else was faster.
    #[error("a constraint was violated: {0}")]
    Constraint(sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the schema could not be brought up to date: {0}")]
    Migrate(sqlx::migrate::MigrateError),
    /// Anything else: a fault in this program, or in the data.
    #[error("the database refused: {0}")]
    Other(sqlx::Error),
}

impl Error {
    /// Whether trying again later is right.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Silent)
    }

    /// The same failure, for one more caller who waited for the same answer.
    #[must_use]
    pub fn again(&self) -> Self {
        let told = |cause: &sqlx::Error| sqlx::Error::Protocol(cause.to_string());
        match self {
            Self::Url => Self::Url,
            Self::Silent => Self::Silent,
            Self::Unavailable(cause) => Self::Unavailable(told(cause)),
            Self::Constraint(cause) => Self::Constraint(told(cause)),
            Self::Other(cause) => Self::Other(told(cause)),
            Self::Migrate(cause) => Self::Other(sqlx::Error::Protocol(cause.to_string())),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migrate(error)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Unavailable(error),
            sqlx::Error::Database(fault) => match fault.kind() {
                ErrorKind::UniqueViolation | ErrorKind::ForeignKeyViolation => Self::Constraint(error),
                _ if fault.code().is_some_and(|code| is_passing(&code)) => Self::Unavailable(error),
                _ => Self::Other(error),
            },
            _ => Self::Other(error),
        }
    }
}

/// SQLite alone: somebody else holds the file (`SQLITE_BUSY`).
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<i64>().ok())
        .is_some_and(|code| code & 0xff == 5)
}

/// SQLSTATE classes of PostgreSQL and primary codes of SQLite that pass by themselves.
fn is_passing(code: &str) -> bool {
    // 25006: a standby that was not promoted yet
    const POSTGRES: [&str; 7] = ["08", "53", "57", "58", "40", "55", "25006"];
    // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN in their low byte
    const SQLITE: [i64; 5] = [5, 6, 10, 13, 14];
    match code.parse::<i64>() {
        Ok(number) if code.len() < 5 => SQLITE.contains(&(number & 0xff)),
        _ => POSTGRES.iter().any(|class| code.starts_with(class)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_faults_are_told_from_lasting_ones() {
        for code in ["57P01", "25006", "53300", "40001", "08006", "5", "517", "13"] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["42P01", "23505", "22P02", "1", "11", "2067"] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
