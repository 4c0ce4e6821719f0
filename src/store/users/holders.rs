//! Those who hold a role, when the role itself changes.

use uuid::Uuid;

use super::super::row::{corrupt, from_row};
use super::super::{Error, Tx, answered, with_conn};
use super::AuthState;
use crate::clock::Timestamp;
use crate::ids::UserId;

/// The version of everybody who holds the role grows by one, in one statement; answers how many they are.
/// Locks them, as [`super::lock`] does.
pub async fn grow_versions(tx: &mut Tx, role: &str, now: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "update users set version = version + 1, updated_at = $2 where site_role = $1";
    tx.takes_long();
    Ok(with_conn!(tx, conn => {
        sqlx::query(SQL).bind(role).bind(now.micros()).execute(conn).await?.rows_affected()
    }))
}

/// Somebody's auth state.
struct Held(UserId, AuthState);

from_row!(Held, |row| Held(
    UserId::from(row.try_get::<Uuid, _>("id")?),
    sqlx::FromRow::from_row(row)?,
));

/// The auth states of those among `users` who hold the role.
pub async fn auth_states(
    tx: &mut Tx,
    role: &str,
    users: &[UserId],
) -> Result<Vec<(UserId, AuthState)>, Error> {
    const POSTGRES: &str = "select u.id, u.version, u.site_role, r.permissions, u.status, u.email_verified
        from users u join roles r on r.name = u.site_role where r.name = $1 and u.id = any($2)";
    // SQLite has no arrays: the ids travel as one JSON text.
    const SQLITE: &str = "select u.id, u.version, u.site_role, r.permissions, u.status, u.email_verified
        from users u join roles r on r.name = u.site_role
        where r.name = $1 and u.id in (select unhex(value) from json_each($2))";
    let held: Vec<Held> = match tx {
        Tx::Postgres(handle) => {
            let users: Vec<Uuid> = users.iter().map(|id| id.uuid()).collect();
            answered!(handle, conn => sqlx::query_as(POSTGRES).bind(role).bind(users).fetch_all(conn).await?)
        }
        Tx::Sqlite(handle) => {
            let conn: &mut sqlx::SqliteConnection = handle;
            let users: Vec<String> = users.iter().map(|id| id.uuid().simple().to_string()).collect();
            let users = serde_json::to_string(&users).map_err(corrupt)?;
            sqlx::query_as(SQLITE)
                .bind(role)
                .bind(users)
                .fetch_all(conn)
                .await?
        }
    };
    Ok(held.into_iter().map(|Held(id, state)| (id, state)).collect())
}
