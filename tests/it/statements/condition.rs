//! What `doctor` asks of the database itself.

use std::time::Duration;

use portcullis::clock::Clock;
use portcullis::store::condition::{self, Schema};
use portcullis::store::{Db, migrate};

use super::both;
use crate::support::database::{Folder, sqlite_in};

#[tokio::test]
async fn a_database_says_how_it_is() {
    for scene in both().await {
        let mut tx = scene.db.read().await.unwrap();
        let found = condition::describe(&mut tx).await.unwrap();
        let now = Clock::System.now();
        let apart = found.now.since(now).max(now.since(found.now));
        assert!(apart < Duration::from_secs(20), "{found:?}");
        assert!(found.version.contains('.') && !found.standby, "{found:?}");
        // The server of the tests speaks no TLS, and its role may do everything.
        assert!(!found.encrypted);
        let postgres = scene.db.kind() == "postgres";
        assert_eq!((found.superuser, found.connections > 0), (postgres, postgres));
        let newest = migrate::POSTGRES.last().unwrap().0;
        let schema = condition::schema(&mut tx).await.unwrap();
        assert_eq!(
            schema,
            Schema {
                there: newest,
                known: newest
            }
        );
    }
}

#[tokio::test]
async fn an_empty_database_has_no_schema() {
    let folder = Folder::new();
    let url = sqlite_in(&folder);
    assert!(condition::missing_file(&url).is_some());
    for url in [url, crate::support::database::fresh_postgres().await] {
        let db = Db::connect(&url).await.unwrap();
        let schema = condition::schema(&mut db.read().await.unwrap()).await.unwrap();
        assert_eq!(schema.there, 0, "{url}");
        db.close().await;
        assert!(condition::missing_file(&url).is_none());
    }
}

#[test]
fn t14_a_place_is_told_without_its_password() {
    let place = condition::place("postgres://hub:canary@db.example.org:6432/people?sslmode=require");
    assert_eq!(place, "db.example.org:6432/people");
    assert_eq!(condition::place("sqlite:///srv/a.db"), "/srv/a.db");
}
