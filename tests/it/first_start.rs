//! What a database gets once, and what a later start leaves alone.

use portcullis::store::Db;

use crate::support::app::{TestApp, Tuning};

async fn run(hub: &TestApp, sql: &'static str) -> u64 {
    match &hub.app.cx.db {
        Db::Postgres { requests, .. } => sqlx::query(sql).execute(requests).await.unwrap().rows_affected(),
        Db::Sqlite { writer, .. } => sqlx::query(sql).execute(writer).await.unwrap().rows_affected(),
    }
}

#[tokio::test]
async fn built_in_roles_that_managers_removed_do_not_come_back_at_the_next_start() {
    let first = TestApp::spawn().await;
    assert_eq!(run(&first, "delete from roles where name = 'moderator'").await, 1);
    let next = Tuning::new().database(first.database_url.clone()).spawn().await;
    assert_eq!(run(&next, "delete from roles where name = 'moderator'").await, 0);
    assert_eq!(
        run(
            &next,
            "update roles set name = name where name in ('admin', 'user')"
        )
        .await,
        2
    );
}
