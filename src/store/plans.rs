//! How SQLite would run a statement: whether an index carries it. The indexes of both databases are the same.

use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use super::migrate;

/// The steps of the plan, one after the other.
pub(super) async fn plan(sql: &str) -> String {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for (_, _, migration) in migrate::SQLITE {
        sqlx::raw_sql(AssertSqlSafe(*migration))
            .execute(&mut conn)
            .await
            .unwrap();
    }
    let sql = AssertSqlSafe(format!("explain query plan {sql}"));
    let rows = sqlx::query(sql).fetch_all(&mut conn).await.unwrap();
    let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    steps.join("; ")
}
