//! Two versions beside each other: what a rolling deployment needs of every migration, and of a server whose schema
//! somebody newer has changed.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::store::migrate;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::support::binary::{Installation, Server};
use crate::support::database::{fresh_postgres, is_postgres};
use crate::support::people::PASSWORD;
use crate::support::source::rust_files;
use crate::support::sql;

/// What a migration took away or made stricter although it should only add, and why the version before could live with
/// it. Such a line names a release that has stopped using what goes, or says that there was none.
const CONTRACTED: &[(i64, &str, &str)] = &[(4, "audit has a new trigger", "before the first release")];

/// What the version before relies on.
#[derive(Default)]
struct Schema {
    /// By `table.column`: type, whether it must be given, whether it has a default.
    columns: BTreeMap<String, (String, bool, bool)>,
    tables: BTreeSet<String>,
    /// Whatever can refuse a row: by table.
    refusals: BTreeSet<(String, &'static str, String)>,
}

impl Schema {
    async fn read(conn: &mut PgConnection) -> Self {
        const COLUMNS: &str =
            "select table_name::text, column_name::text, data_type::text, is_nullable = 'NO',
            column_default is not null from information_schema.columns where table_schema = current_schema()";
        const CONSTRAINTS: &str = "select t.relname::text, c.conname::text from pg_constraint c
            join pg_class t on t.oid = c.conrelid where t.relnamespace = current_schema()::regnamespace
            and c.contype in ('c', 'f', 'x')";
        const UNIQUE: &str = "select t.relname::text, i.indexrelid::regclass::text from pg_index i
            join pg_class t on t.oid = i.indrelid
            where t.relnamespace = current_schema()::regnamespace and i.indisunique";
        const TRIGGERS: &str = "select t.relname::text, g.tgname::text from pg_trigger g
            join pg_class t on t.oid = g.tgrelid
            where t.relnamespace = current_schema()::regnamespace and not g.tgisinternal";
        let mut schema = Self::default();
        for row in sqlx::query(COLUMNS).fetch_all(&mut *conn).await.unwrap() {
            let (table, column): (String, String) = (row.get(0), row.get(1));
            let name = format!("{table}.{column}");
            schema.columns.insert(name, (row.get(2), row.get(3), row.get(4)));
            schema.tables.insert(table);
        }
        for (kind, query) in [
            ("constraint", CONSTRAINTS),
            ("unique index", UNIQUE),
            ("trigger", TRIGGERS),
        ] {
            for row in sqlx::query(query).fetch_all(&mut *conn).await.unwrap() {
                schema.refusals.insert((row.get(0), kind, row.get(1)));
            }
        }
        schema
    }

    /// What a server that knows `self` could stumble over in `later`.
    fn stumbles(&self, later: &Self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (name, (kind, required, has_default)) in &self.columns {
            match later.columns.get(name) {
                None => found.insert(format!("{name} is gone")),
                Some((other, ..)) if other != kind => found.insert(format!("{name} is a {other} now")),
                Some((_, true, _)) if !required => found.insert(format!("{name} must be given now")),
                Some((.., false)) if *has_default => found.insert(format!("{name} has no default any more")),
                Some(_) => false,
            };
        }
        for (name, (_, required, has_default)) in &later.columns {
            let table = name.split('.').next().unwrap();
            let is_new = self.tables.contains(table) && !self.columns.contains_key(name);
            if is_new && *required && !has_default {
                found.insert(format!("{name} is new and must be given"));
            }
        }
        for refusal in later.refusals.difference(&self.refusals) {
            if self.tables.contains(&refusal.0) {
                found.insert(format!("{} has a new {}", refusal.0, refusal.1));
            }
        }
        found
    }
}

#[tokio::test]
async fn each_migration_leaves_what_the_version_before_uses() {
    let mut conn = PgConnection::connect(&fresh_postgres().await).await.unwrap();
    let mut before = Schema::default();
    for (version, name, text) in migrate::POSTGRES {
        sqlx::raw_sql(AssertSqlSafe(*text))
            .execute(&mut conn)
            .await
            .unwrap();
        let after = Schema::read(&mut conn).await;
        let allowed = CONTRACTED.iter().filter(|(number, ..)| number == version);
        let allowed: BTreeSet<String> = allowed.map(|(_, what, _)| (*what).to_owned()).collect();
        let found = before.stumbles(&after);
        assert_eq!(
            found, allowed,
            "{name}: expand first, contract in a later release"
        );
        before = after;
    }
    assert!(before.columns.len() > 50);
}

#[tokio::test]
async fn what_the_version_before_would_stumble_over_is_found() {
    for (change, stumble) in [
        ("alter table users drop column name", "users.name is gone"),
        (
            "alter table users rename column name to title",
            "users.name is gone",
        ),
        ("drop table mails", "mails.id is gone"),
        (
            "alter table users alter column name type bytea using null",
            "users.name is a bytea now",
        ),
        (
            "alter table users alter column name set not null",
            "users.name must be given now",
        ),
        (
            "alter table users alter column vouched drop default",
            "users.vouched has no default any more",
        ),
        (
            "alter table users add column x text not null",
            "users.x is new and must be given",
        ),
        (
            "create unique index x on users (name)",
            "users has a new unique index",
        ),
        (
            "alter table users add constraint x check (version > 0)",
            "users has a new constraint",
        ),
        (
            "create trigger x before insert on users for each row execute function audit_is_append_only()",
            "users has a new trigger",
        ),
    ] {
        let mut conn = PgConnection::connect(&fresh_postgres().await).await.unwrap();
        for (.., text) in migrate::POSTGRES {
            sqlx::raw_sql(AssertSqlSafe(*text))
                .execute(&mut conn)
                .await
                .unwrap();
        }
        let before = Schema::read(&mut conn).await;
        sqlx::raw_sql(AssertSqlSafe(change))
            .execute(&mut conn)
            .await
            .unwrap();
        let found = before.stumbles(&Schema::read(&mut conn).await);
        assert!(found.contains(stumble), "{change}: {found:?}");
        conn.close().await.unwrap();
    }
}

/// What the release after this one might do, as it is allowed to: a column more in every table, and a table more.
async fn migrate_further(installation: &Installation) {
    let url = installation.database_url();
    let tables = if is_postgres() {
        "select tablename::text from pg_tables where schemaname = current_schema()"
    } else {
        "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
    };
    let tables = sql::texts(url, tables).await.into_iter().flatten();
    for table in tables.filter(|table| table != "_sqlx_migrations") {
        sql::texts(url, &format!("alter table {table} add column later text")).await;
    }
    sql::texts(url, "create table later (id bigint primary key, name text)").await;
    let checksum = if is_postgres() { "'\\x00'" } else { "x'00'" };
    let noted = format!(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'later', true, {checksum}, 0)"
    );
    sql::texts(url, &noted).await;
}

/// Somebody registers, signs in, refreshes, opens a socket, and is signed out.
async fn is_used(server: &Server, email: &str) {
    let hub = &server.caller;
    hub.register(email).await.expect(202);
    let token = hub.mailed_token(email, 1).await;
    hub.patch(&format!("/api/auth/activate/{token}"))
        .await
        .expect(200);
    let first = hub.sign_in(email).await;
    let (mut socket, _) = hub.open(&first.access).await;
    let next = hub.try_refresh(&first.refresh).await.expect(200).json();
    let access = next["access_token"].as_str().unwrap();
    let body = json!({ "current_password": PASSWORD, "new_password": "another battery staple 77" });
    hub.post_as(access, "/api/users/me/password", body)
        .await
        .expect(204);
    hub.post_as(access, "/api/auth/logout", json!({ "scope": "all" }))
        .await
        .expect(204);
    let (frames, code) = socket.read_to_the_end().await;
    assert_eq!(frames.last().unwrap()["type"], "signed_out", "{code:?}");
}

#[tokio::test]
async fn a_server_lives_and_starts_on_the_schema_of_the_next_release() {
    let installation = Installation::new().await;
    let log = installation.folder.path().join("log");
    let server = installation.serve_logging_to(&log).await;
    is_used(&server, "before@example.org").await;
    migrate_further(&installation).await;
    is_used(&server, "beside@example.org").await;
    drop(server);
    let said = std::fs::read_to_string(&log).unwrap();
    // `cached plan must not change result type` of PostgreSQL, and what is left of SQLite's worker when it panicked.
    assert!(
        !said.contains("the database refused") && !said.contains("crashed"),
        "{said}"
    );

    // A node of the version before that is started again meanwhile, as production starts it.
    let server = installation.serve_as_it_is().await;
    is_used(&server, "after@example.org").await;
    let refused = installation.run(&["migrate"]).await;
    assert_eq!(
        refused.status.code(),
        Some(1),
        "an older program does not migrate"
    );
    let report = installation.ask(&["doctor", "--json"]).await;
    assert!(report.contains("newer than this release knows"), "{report}");
}

#[tokio::test]
async fn a_server_does_not_start_on_the_schema_of_the_release_before() {
    let installation = Installation::new().await;
    let migrated = installation.run(&["migrate"]).await;
    assert_eq!(migrated.status.code(), Some(0));
    let newest = "select max(version) from _sqlx_migrations";
    let without = format!("delete from _sqlx_migrations where version = ({newest})");
    sql::texts(installation.database_url(), &without).await;
    let refused = installation.run(&["serve", "--no-migrate"]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("run `portcullis migrate`"), "{said}");
}

/// A prepared `select *` fails once there is a column more.
#[test]
fn every_statement_names_its_columns() {
    let mut faults = Vec::new();
    for file in rust_files("src/store") {
        // `j.*` and `c.*` are all of a subquery, which names its own.
        let text = file
            .code()
            .replace("select * from (", "")
            .replace("j.*", "")
            .replace("c.*", "");
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if line.contains("select *")
                || line.contains("returning *")
                || line.contains(".* ")
                || line.contains(".*,")
            {
                faults.push(format!("{}: {line}", file.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
