//! Both schemas are one: the same migrations, tables, columns, keys and indexes on PostgreSQL and SQLite.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::store::{Db, migrate};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use crate::support::database::{Folder, fresh_postgres, sqlite_in};
use crate::support::source::root;

/// A type of PostgreSQL and the one of SQLite that holds the same values. There are no others.
const EQUIVALENT: &[(&str, &str)] = &[
    ("bigint", "integer"),
    ("boolean", "boolean"),
    ("bytea", "blob"),
    ("text", "text"),
    ("uuid", "blob"),
];

/// What sqlx keeps about migrations, in its own types.
const OWN_TABLE: &str = "_sqlx_migrations";

#[derive(Debug, PartialEq, Eq)]
struct Column {
    /// As PostgreSQL calls it.
    kind: String,
    required: bool,
}

/// Its columns, and whether it is unique, and whether it holds some rows alone.
type Index = (Vec<String>, bool, bool);

#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    columns: BTreeMap<String, Column>,
    primary_key: Vec<String>,
    indexes: BTreeSet<Index>,
    /// Column, the table it points to, that table's column, what a delete does.
    references: BTreeSet<(String, String, String, String)>,
}

type Schema = BTreeMap<String, Table>;

async fn of_postgres(url: &str) -> Schema {
    const COLUMNS: &str = "select table_name::text, column_name::text, data_type::text,
        (is_nullable = 'NO') as required from information_schema.columns
        where table_schema = current_schema()";
    const INDEXES: &str = "select t.relname::text, i.indisprimary, i.indisunique,
        (i.indpred is not null) as partial,
        array(select a.attname::text from unnest(i.indkey) with ordinality k(attnum, n)
            join pg_attribute a on a.attrelid = t.oid and a.attnum = k.attnum order by k.n) as columns
        from pg_index i join pg_class t on t.oid = i.indrelid
        where t.relnamespace = current_schema()::regnamespace";
    const REFERENCES: &str = "select t.relname::text, a.attname::text, f.relname::text, b.attname::text,
        case c.confdeltype when 'c' then 'CASCADE' else 'NO ACTION' end
        from pg_constraint c join pg_class t on t.oid = c.conrelid join pg_class f on f.oid = c.confrelid
        join pg_attribute a on a.attrelid = t.oid and a.attnum = c.conkey[1]
        join pg_attribute b on b.attrelid = f.oid and b.attnum = c.confkey[1]
        where c.contype = 'f' and t.relnamespace = current_schema()::regnamespace";
    let mut conn = PgConnection::connect(url).await.unwrap();
    let mut schema = Schema::new();
    for row in sqlx::query(COLUMNS).fetch_all(&mut conn).await.unwrap() {
        let column = Column {
            kind: row.get(2),
            required: row.get(3),
        };
        let table = schema.entry(row.get(0)).or_default();
        table.columns.insert(row.get(1), column);
    }
    for row in sqlx::query(INDEXES).fetch_all(&mut conn).await.unwrap() {
        let table = schema.entry(row.get(0)).or_default();
        if row.get(1) {
            table.primary_key = row.get(4);
        } else {
            table.indexes.insert((row.get(4), row.get(2), row.get(3)));
        }
    }
    for row in sqlx::query(REFERENCES).fetch_all(&mut conn).await.unwrap() {
        let table = schema.entry(row.get(0)).or_default();
        table
            .references
            .insert((row.get(1), row.get(2), row.get(3), row.get(4)));
    }
    schema.remove(OWN_TABLE);
    schema
}

async fn of_sqlite(url: &str) -> Schema {
    const TABLES: &str = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'";
    let mut conn = SqliteConnection::connect(url).await.unwrap();
    let names: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut conn).await.unwrap();
    let mut schema = Schema::new();
    for name in names.into_iter().filter(|name| name != OWN_TABLE) {
        let table = table_of_sqlite(&mut conn, &name).await;
        schema.insert(name, table);
    }
    schema
}

async fn table_of_sqlite(conn: &mut SqliteConnection, name: &str) -> Table {
    const COLUMNS: &str = "select name, lower(type), \"notnull\", pk from pragma_table_info($1) order by pk";
    const INDEXES: &str = "select name, \"unique\", origin, partial from pragma_index_list($1)";
    const REFERENCES: &str = "select \"from\", \"table\", \"to\", on_delete from pragma_foreign_key_list($1)";
    let mut table = Table::default();
    for row in sqlx::query(COLUMNS)
        .bind(name)
        .fetch_all(&mut *conn)
        .await
        .unwrap()
    {
        let (column, kind): (String, String) = (row.get(0), row.get(1));
        let is_key = row.get::<i64, _>(3) > 0;
        if is_key {
            table.primary_key.push(column.clone());
        }
        // A primary key of SQLite takes null unless told otherwise; nothing writes one.
        let required = is_key || row.get::<bool, _>(2);
        table.columns.insert(column, Column { kind, required });
    }
    for row in sqlx::query(INDEXES)
        .bind(name)
        .fetch_all(&mut *conn)
        .await
        .unwrap()
    {
        let (index, unique): (String, bool) = (row.get(0), row.get(1));
        if row.get::<String, _>(2) == "pk" {
            continue;
        }
        let columns = format!("select name from pragma_index_info('{index}') order by seqno");
        let columns = sqlx::query_scalar(AssertSqlSafe(columns))
            .fetch_all(&mut *conn)
            .await
            .unwrap();
        table.indexes.insert((columns, unique, row.get(3)));
    }
    for row in sqlx::query(REFERENCES)
        .bind(name)
        .fetch_all(&mut *conn)
        .await
        .unwrap()
    {
        table
            .references
            .insert((row.get(0), row.get(1), row.get(2), row.get(3)));
    }
    table
}

#[tokio::test]
async fn both_databases_have_the_same_tables() {
    let folder = Folder::new();
    let (sqlite, postgres) = (sqlite_in(&folder), fresh_postgres().await);
    for url in [&sqlite, &postgres] {
        let db = Db::connect(url).await.unwrap();
        migrate::migrate(&db).await.unwrap();
        db.close().await;
    }
    let (mut sqlite, mut postgres) = (of_sqlite(&sqlite).await, of_postgres(&postgres).await);
    assert!(postgres.len() > 10, "the tables were found: {postgres:?}");
    let names = |schema: &Schema| schema.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&sqlite), names(&postgres));
    for (name, table) in &mut postgres {
        let other = sqlite.get_mut(name).unwrap();
        // Types that stand for the same values count as one.
        for (column, here) in &table.columns {
            let Some(there) = other.columns.get_mut(column) else {
                continue;
            };
            let pair = (here.kind.as_str(), there.kind.as_str());
            assert!(EQUIVALENT.contains(&pair), "{name}.{column}: {pair:?}");
            there.kind.clone_from(&here.kind);
        }
        assert_eq!(other, table, "{name}: SQLite, then PostgreSQL");
    }
}

#[test]
fn both_folders_hold_the_same_migrations_and_each_of_them_is_run() {
    let root = root().join("migrations");
    let lists = [("postgres", migrate::POSTGRES), ("sqlite", migrate::SQLITE)];
    let mut names = Vec::new();
    for (folder, list) in lists {
        let mut files: Vec<String> = std::fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort_unstable();
        let run: Vec<String> = list.iter().map(|(_, name, _)| format!("{name}.sql")).collect();
        assert_eq!(
            files, run,
            "{folder}: the files, then what src/store/migrate.rs runs"
        );
        for (number, (version, name, _)) in (1..).zip(list) {
            assert_eq!(*version, number, "{name}");
            assert!(name.starts_with(&format!("{number:04}_")), "{name}");
        }
        names.push(files);
    }
    assert_eq!(names[0], names[1]);
}

#[tokio::test]
async fn four_that_migrate_a_fresh_database_at_once_all_succeed() {
    let folder = Folder::new();
    for url in [sqlite_in(&folder), fresh_postgres().await] {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let url = url.clone();
            tasks.spawn(async move {
                // A pool of its own, as another process has.
                let db = Db::connect(&url).await.unwrap();
                let done = migrate::migrate(&db).await;
                db.close().await;
                done
            });
        }
        for done in tasks.join_all().await {
            done.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        }
        let db = Db::connect(&url).await.unwrap();
        migrate::migrate(&db).await.unwrap();
        let mut tx = db.read().await.unwrap();
        portcullis::store::meta::ping(&mut tx).await.unwrap();
    }
}
