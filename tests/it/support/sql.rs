//! A look into the server's database, past the server.

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::app::TestApp;

impl TestApp {
    /// The one column of text that `sql` selects. Cast whatever is no text: `cast(count(*) as text)`.
    pub async fn texts(&self, sql: &str) -> Vec<Option<String>> {
        texts(&self.database_url, sql).await
    }

    /// How many rows `table` has; a condition may follow its name.
    pub async fn count(&self, table: &str) -> u64 {
        let sql = format!("select cast(count(*) as text) from {table}");
        let counted = self.texts(&sql).await;
        counted[0].as_ref().unwrap().parse().unwrap()
    }
}

/// As [`TestApp::texts`], for any database.
pub async fn texts(url: &str, sql: &str) -> Vec<Option<String>> {
    if url.starts_with("postgres") {
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        let mut connection = PgConnection::connect(url).await.unwrap();
        let rows = query.fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows
    } else {
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        let rows = query.fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows
    }
}

/// Runs statements on a PostgreSQL database, past every server.
pub async fn execute(url: &str, statements: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}
