//! Every statement of `src/store`, executed on both databases in every run: an SQLite file and a
//! PostgreSQL schema beside each other. Each file plays the scenes of one family of tables and asserts
//! what its statements do; the last test here finds the statement that nobody plays.

mod accounts;
mod audit;
mod condition;
mod consuming;
mod identities;
mod journal;
mod keys;
mod locks;
mod mail;
mod management;
mod nodes;
mod own_account;
mod refresh_tokens;
mod revocations;
mod session_ends;
mod sessions;
mod socket_tokens;

use portcullis::clock::Timestamp;
use portcullis::email::Email;
use portcullis::ids::{SessionId, UserId};
use portcullis::secret::TokenHash;
use portcullis::store::users::{NewUser, Status};
use portcullis::store::{Db, Tx, meta, migrate, roles, users};
use uuid::Uuid;

use crate::support::database::{Folder, fresh_postgres, sqlite_in};
use crate::support::source::{read, root, rust_files};

/// The id of nothing.
const NOBODY: Uuid = Uuid::from_u128(404);

/// A migrated database with an epoch and two roles.
struct Scene {
    db: Db,
    _folder: Folder,
}

/// Both databases, fresh: whatever a test asserts, it asserts of each.
async fn both() -> [Scene; 2] {
    let folder = Folder::new();
    let sqlite = sqlite_in(&folder);
    let postgres = fresh_postgres().await;
    [
        Scene::at(&sqlite, folder).await,
        Scene::at(&postgres, Folder::new()).await,
    ]
}

impl Scene {
    async fn at(url: &str, folder: Folder) -> Self {
        let db = Db::connect(url).await.unwrap();
        migrate::migrate(&db).await.unwrap();
        let scene = Self { db, _folder: folder };
        let mut tx = scene.db.begin().await.unwrap();
        meta::begin_epoch(&mut tx, "first").await.unwrap();
        for (name, permissions) in [("user", vec![]), ("admin", vec!["users:read".to_owned()])] {
            roles::insert_missing(&mut tx, name, &permissions, at(1))
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        scene
    }

    /// A connection for single statements.
    async fn single(&self) -> Tx {
        self.db.single().await.unwrap()
    }

    /// Writes an active user with the role `user`, whose id is `number`.
    async fn user(&self, number: u128, address: &str) -> UserId {
        let id = UserId::from(Uuid::from_u128(number));
        let user = NewUser {
            id,
            email: &email(address),
            name: Some("Ada"),
            status: Status::Active,
            site_role: "user",
            password_hash: Some("old hash"),
            vouched: false,
            created_at: at(i64::try_from(number).unwrap()),
        };
        let mut tx = self.single().await;
        assert!(users::insert_missing(&mut tx, &user).await.unwrap());
        id
    }
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn session_id(number: u128) -> SessionId {
    Uuid::from_u128(number).into()
}

fn hash(text: &str) -> TokenHash {
    TokenHash::of(text.as_bytes())
}

/// What a query that gives one number answers: for tables that the store only writes.
async fn number(tx: &mut Tx, sql: &'static str) -> i64 {
    match tx {
        Tx::Postgres(handle) => {
            sqlx::query_scalar(sql)
                .fetch_one(handle.connection().unwrap())
                .await
        }
        Tx::Sqlite(handle) => sqlx::query_scalar(sql).fetch_one(&mut **handle).await,
    }
    .unwrap()
}

/// As [`number`], of a text.
async fn text(tx: &mut Tx, sql: &'static str) -> String {
    match tx {
        Tx::Postgres(handle) => {
            sqlx::query_scalar(sql)
                .fetch_one(handle.connection().unwrap())
                .await
        }
        Tx::Sqlite(handle) => sqlx::query_scalar(sql).fetch_one(&mut **handle).await,
    }
    .unwrap()
}

/// Every `pub async fn` of the store, as a caller writes it: `module::name(`, or `.name(` for a method.
fn statements() -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(&read("src/store.rs"), None, &mut found);
    for file in rust_files("src/store") {
        let inside = file.path.strip_prefix(root().join("src/store")).unwrap();
        let first = inside.components().next().unwrap().as_os_str();
        let module = first.to_str().unwrap().trim_end_matches(".rs");
        // What these hold is the store's own.
        let module = Some(module).filter(|module| !["pools", "unit"].contains(module));
        collect(&file.text, module, &mut found);
    }
    found
}

fn collect(text: &str, module: Option<&str>, found: &mut Vec<(String, String)>) {
    for (at, prefix) in text.match_indices("pub async fn ") {
        let rest = &text[at + prefix.len()..];
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let takes_self = rest[name.len()..].starts_with("(&self") || rest[name.len()..].starts_with("(self");
        let call = match module {
            Some(module) => format!("{module}::{name}("),
            None if takes_self => format!(".{name}("),
            None => format!("::{name}("),
        };
        found.push((module.unwrap_or("store").to_owned(), call));
    }
}

#[test]
fn every_statement_of_the_store_is_played_here() {
    let played: String = rust_files("tests/it/statements")
        .into_iter()
        .map(|file| file.text)
        .collect();
    let statements = statements();
    assert!(statements.len() > 80, "the store was found: {}", statements.len());
    let missing: Vec<_> = statements
        .iter()
        .filter(|(_, call)| !played.contains(call.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "never executed on both databases: {missing:#?}"
    );
}
