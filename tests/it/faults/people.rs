//! Who is there: a service key and users, as an operator makes them, by the command line of the binary.

use std::process::Stdio;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::clients::User;
use super::node::{Settings, binary};
use crate::support::database::Folder;
use crate::support::people::PASSWORD;

const SCOPES: &str = "users:read,users:write,roles:read,roles:write,sessions:read,sessions:revoke,\
                      keys:write,audit:read,hub:read,introspect";
/// Users of a run on PostgreSQL.
const MANY: usize = 40;
/// Users of a run on SQLite: each is made by hand.
const FEW: usize = 4;

/// A database with people: its URL, a service key that may do everything, the users.
type Peopled = (String, String, Vec<User>);

/// A database of its own on the server of the tests, copied from one that was made once.
pub async fn on_the_tests_server(settings: &Settings) -> Peopled {
    use std::sync::atomic::{AtomicU32, Ordering};
    static MADE: OnceCell<Peopled> = OnceCell::const_new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("PORTCULLIS_TEST_POSTGRES").expect("run the tests by `make test`");
    let (base, _) = server.rsplit_once('/').unwrap();
    let model = format!("faults_{}", std::process::id());
    let make = async |sql: String| {
        let mut connection = PgConnection::connect(&server).await.unwrap();
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        connection.close().await.unwrap();
    };
    let (_, key, users) = MADE
        .get_or_init(async || {
            make(format!("create database {model}")).await;
            on(settings, format!("{base}/{model}")).await
        })
        .await;
    let copy = format!("{model}_{}", COUNT.fetch_add(1, Ordering::SeqCst));
    make(format!("create database {copy} template {model}")).await;
    (format!("{base}/{copy}"), key.clone(), users.clone())
}

/// In an empty database.
pub async fn on(settings: &Settings, database: String) -> Peopled {
    let mut settings = settings.clone();
    settings.push(("DATABASE_URL".to_owned(), database.clone()));
    ask(&settings, &["migrate"], "").await;
    let key = ["key", "create", "--name", "faults", "--scopes", SCOPES];
    let key = ask(&settings, &key, "").await;
    let key = key.trim_end().lines().last().unwrap().to_owned();
    let by_hand = if database.starts_with("sqlite") { FEW } else { 1 };
    let mut users = Vec::new();
    for number in 0..by_hand {
        let email = format!("user{number}@example.org");
        let create = [
            "user",
            "create",
            "--email",
            &email,
            "--active",
            "--password-stdin",
        ];
        let id = ask(&settings, &create, &format!("{PASSWORD}\n"))
            .await
            .trim()
            .to_owned();
        users.push(User { id, email });
    }
    if by_hand == 1 {
        users = copies(&database, MANY).await;
    }
    (database, key, users)
}

/// The first user, and many who are like it.
async fn copies(database: &str, count: usize) -> Vec<User> {
    let copies = format!(
        "insert into users (id, email, email_verified, name, status, site_role, version, password_hash,
            created_at, updated_at)
        select gen_random_uuid(), 'user' || n || '@example.org', email_verified, name, status, site_role,
            version, password_hash, created_at + n, updated_at
        from users, generate_series(1, {}) n where email = 'user0@example.org'",
        count - 1
    );
    let mut sql = PgConnection::connect(database).await.unwrap();
    sql.execute(AssertSqlSafe(copies)).await.unwrap();
    let rows = sqlx::query("select cast(id as text), email from users order by created_at")
        .fetch_all(&mut sql)
        .await
        .unwrap();
    // A model with guests cannot be copied.
    sql.close().await.unwrap();
    let users = rows.iter().map(|row| User {
        id: row.get(0),
        email: row.get(1),
    });
    users.collect()
}

/// Runs a command that must succeed; gives what it printed.
async fn ask(settings: &Settings, arguments: &[&str], input: &str) -> String {
    let folder = Folder::new();
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .env_clear()
        .envs(settings.iter().cloned())
        .current_dir(folder.path())
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = process.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}
