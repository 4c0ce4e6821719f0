//! Where a secret could have been left behind: the whole database, and what this hub wrote into Redis.

use redis::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::redis::patient;

/// Everything in the database: the bytes of an SQLite file and its journal, or each row of PostgreSQL as text.
pub async fn database(url: &str) -> Vec<u8> {
    let Some(path) = url.strip_prefix("sqlite://") else {
        return postgres(url).await;
    };
    let files = ["", "-wal", "-shm"].map(|end| std::fs::read(format!("{path}{end}")).unwrap_or_default());
    files.concat()
}

async fn postgres(url: &str) -> Vec<u8> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let tables = "select tablename::text from pg_tables where schemaname = current_schema()";
    let tables: Vec<String> = sqlx::query_scalar(tables)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let mut all = String::new();
    for table in tables {
        let rows = AssertSqlSafe(format!("select row_to_json(t)::text from {table} t"));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut connection).await.unwrap();
        all.extend(rows);
    }
    connection.close().await.unwrap();
    all.into_bytes()
}

/// Every key that begins with `prefix`, and what is in it.
pub async fn redis(prefix: &str) -> Vec<u8> {
    let mut connection = patient().await;
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(format!("{prefix}:*"))
        .query_async(&mut connection)
        .await
        .unwrap();
    let mut all = Vec::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        let mut read = match kind.as_str() {
            "string" => redis::cmd("GET"),
            "hash" => redis::cmd("HGETALL"),
            "set" => redis::cmd("SMEMBERS"),
            "zset" => redis::cmd("ZRANGE"),
            "stream" => redis::cmd("XRANGE"),
            // It expired meanwhile.
            "none" => continue,
            other => panic!("{key} is a {other}"),
        };
        read.arg(&key);
        match kind.as_str() {
            "zset" => drop(read.arg(0).arg(-1)),
            "stream" => drop(read.arg("-").arg("+")),
            _ => {}
        }
        all.extend(key.into_bytes());
        let value: Value = read.query_async(&mut connection).await.unwrap();
        flatten(value, &mut all);
    }
    all
}

fn flatten(value: Value, into: &mut Vec<u8>) {
    match value {
        Value::BulkString(bytes) => into.extend(bytes),
        Value::SimpleString(text) => into.extend(text.into_bytes()),
        Value::Array(values) => values.into_iter().for_each(|value| flatten(value, into)),
        Value::Nil | Value::Int(_) => {}
        other => into.extend(format!("{other:?}").into_bytes()),
    }
    into.push(b'\n');
}
