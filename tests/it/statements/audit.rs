//! `audit`: read by pages, and never changed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portcullis::clock::Timestamp;
use portcullis::ids::{AuditId, UserId};
use portcullis::store::Tx;
use portcullis::store::audit::{self, Row};
use uuid::Uuid;

use super::{NOBODY, Scene, at, both, number};

async fn line(
    tx: &mut Tx,
    count: u128,
    time: Timestamp,
    action: &'static str,
    user: Option<UserId>,
) -> AuditId {
    let row = Row {
        id: AuditId::from(Uuid::from_u128(count)),
        at: time,
        action,
        actor: "operator".to_owned(),
        user_id: user,
        session_id: None,
        ip: None,
        outcome: "ok",
        request_id: None,
        details: r#"{"a":1}"#.to_owned(),
    };
    audit::insert(tx, &row).await.unwrap();
    row.id
}

#[tokio::test]
async fn the_log_is_read_by_user_and_action_and_only_what_is_old_is_erased() {
    for scene in both().await {
        let ada = UserId::from(Uuid::from_u128(1));
        let mut tx = scene.single().await;
        // The ids do not follow the times.
        for (count, time, action, user) in [
            (3, 10, "user.role", Some(ada)),
            (1, 20, "session.create", Some(ada)),
            (4, 30, "session.create", None),
            (2, 30, "user.role", None),
        ] {
            line(&mut tx, count, at(time), action, user).await;
        }
        let filter = |user_id, action| audit::Filter { user_id, action };
        for (which, found) in [
            (filter(None, None), vec![4, 2, 1, 3]),
            (filter(Some(ada), None), vec![1, 3]),
            (filter(None, Some("user.role")), vec![2, 3]),
            (filter(None, Some("session.create")), vec![4, 1]),
            (filter(Some(ada), Some("user.role")), vec![3]),
            (filter(None, Some("key.create")), vec![]),
        ] {
            let found: Vec<_> = found
                .into_iter()
                .map(|id| AuditId::from(Uuid::from_u128(id)))
                .collect();
            let page = audit::list(&mut tx, which, None, 10).await.unwrap();
            let ids: Vec<_> = page.items.iter().map(|line| line.id).collect();
            assert_eq!((&ids, page.next), (&found, None), "{which:?}");
            // The same by pages of one.
            let (mut ids, mut cursor) = (Vec::new(), None);
            loop {
                let page = audit::list(&mut tx, which, cursor, 1).await.unwrap();
                ids.extend(page.items.iter().map(|line| line.id));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(ids, found, "{which:?}");
        }
        let unknown = audit::list(&mut tx, filter(None, None), Some(NOBODY.into()), 10).await;
        assert!(unknown.unwrap().items.is_empty());
        assert_eq!(audit::purge(&mut tx, at(30), 1).await.unwrap(), 1);
        assert_eq!(audit::purge(&mut tx, at(30), 10).await.unwrap(), 1);
        assert_eq!(audit::purge(&mut tx, at(30), 10).await.unwrap(), 0);
    }
}

/// Runs a statement past the store.
async fn run(scene: &Scene, sql: &'static str) -> Result<(), sqlx::Error> {
    match scene.single().await {
        Tx::Postgres(mut handle) => sqlx::query(sql)
            .execute(handle.connection().unwrap())
            .await
            .map(drop),
        Tx::Sqlite(mut handle) => sqlx::query(sql).execute(&mut *handle).await.map(drop),
    }
}

#[tokio::test]
async fn t15_the_database_refuses_to_change_the_log_and_to_erase_what_is_young() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap());
    let day = Duration::from_hours(24);
    for scene in both().await {
        let mut tx = scene.single().await;
        for (count, age) in [(1, 0), (2, 364), (3, 366)] {
            line(&mut tx, count, now - day * age, "user.role", None).await;
        }
        drop(tx);
        for sql in [
            "update audit set outcome = 'ok'",
            "update audit set actor = 'somebody' where id is null or true",
            "delete from audit",
            "insert into audit select * from audit where true on conflict (id) do update set actor = 'x'",
        ] {
            let refused = run(&scene, sql).await.unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
        }
        if let Tx::Postgres(_) = scene.single().await {
            run(&scene, "truncate audit").await.unwrap_err();
        }
        let mut tx = scene.single().await;
        // Whatever the node's clock says.
        audit::purge(&mut tx, now, 10).await.unwrap_err();
        let untouched = "select count(*) from audit where outcome = 'ok' and actor = 'operator'";
        assert_eq!(number(&mut tx, untouched).await, 3);
        assert_eq!(audit::purge(&mut tx, now - day * 365, 10).await.unwrap(), 1);
    }
}
