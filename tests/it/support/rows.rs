//! Looking into the database past the product: what is really stored.

use portcullis::store::Db;
use sqlx::{AssertSqlSafe, Row};

use super::app::TestApp;

impl TestApp {
    /// Every table's name.
    async fn tables(&self) -> Vec<String> {
        match &self.app.cx.db {
            Db::Postgres { requests, .. } => {
                let sql = "select tablename::text from pg_tables where schemaname = current_schema()";
                sqlx::query_scalar(sql).fetch_all(requests).await.unwrap()
            }
            Db::Sqlite { writer, .. } => {
                let sql = "select name from sqlite_master where type = 'table'";
                sqlx::query_scalar(sql).fetch_all(writer).await.unwrap()
            }
        }
    }

    /// Every row of every table as one text in lower case, preceded by its table. Bytes are in hex.
    pub async fn dump(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for table in self.tables().await {
            for row in self.dump_table(&table).await {
                rows.push(format!("{table}: {}", row.to_lowercase()));
            }
        }
        assert!(rows.len() > 3, "nothing was read");
        rows
    }

    async fn dump_table(&self, table: &str) -> Vec<String> {
        match &self.app.cx.db {
            Db::Postgres { requests, .. } => {
                let sql = AssertSqlSafe(format!("select row_to_json(t)::text from {table} t"));
                sqlx::query_scalar(sql).fetch_all(requests).await.unwrap()
            }
            Db::Sqlite { writer, .. } => {
                let sql = AssertSqlSafe(format!("select name from pragma_table_info('{table}')"));
                let columns: Vec<String> = sqlx::query_scalar(sql).fetch_all(writer).await.unwrap();
                let quoted: Vec<String> = columns.iter().map(|name| format!("quote({name})")).collect();
                let sql = format!("select {} from {table}", quoted.join(" || ',' || "));
                sqlx::query_scalar(AssertSqlSafe(sql))
                    .fetch_all(writer)
                    .await
                    .unwrap()
            }
        }
    }

    /// The rows that hold `secret` in any form that could be read back: as text, or as bytes of it.
    pub async fn rows_with(&self, secret: &str) -> Vec<String> {
        let text = secret.to_lowercase();
        let hex = data_encoding::HEXLOWER.encode(secret.as_bytes());
        let rows = self.dump().await.into_iter();
        rows.filter(|row| row.contains(&text) || row.contains(&hex))
            .collect()
    }

    /// `select` one number.
    pub async fn number(&self, sql: impl Into<String>) -> i64 {
        let sql = AssertSqlSafe(sql.into());
        match &self.app.cx.db {
            Db::Postgres { requests, .. } => sqlx::query(sql).fetch_one(requests).await.unwrap().get(0),
            Db::Sqlite { writer, .. } => sqlx::query(sql).fetch_one(writer).await.unwrap().get(0),
        }
    }

    /// Changes what the product would not: what an attacker could have reached by a fault elsewhere.
    pub async fn tamper(&self, sql: &'static str) {
        let rows = match &self.app.cx.db {
            Db::Postgres { requests, .. } => {
                sqlx::query(sql).execute(requests).await.unwrap().rows_affected()
            }
            Db::Sqlite { writer, .. } => sqlx::query(sql).execute(writer).await.unwrap().rows_affected(),
        };
        assert!(rows > 0, "nothing was changed: {sql}");
    }

    /// `select` one text, or nothing.
    pub async fn text(&self, sql: impl Into<String>) -> String {
        let sql = AssertSqlSafe(sql.into());
        let text: Option<String> = match &self.app.cx.db {
            Db::Postgres { requests, .. } => sqlx::query(sql).fetch_one(requests).await.unwrap().get(0),
            Db::Sqlite { writer, .. } => sqlx::query(sql).fetch_one(writer).await.unwrap().get(0),
        };
        text.unwrap_or_default()
    }
}
