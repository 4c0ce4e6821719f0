//! `journal`, `meta`, and the ways to a connection.

use std::collections::BTreeSet;

use portcullis::ids::{SessionId, UserId};
use portcullis::store::journal::{Anchor, Change, Entry, NewEntry, Page, Position, StateReason};
use portcullis::store::sessions::EndReason;
use portcullis::store::{Db, Error, Tx, journal, meta, sessions, users};
use uuid::Uuid;

use super::{at, both, email, number, text};

const ADA: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

fn entry(user: Uuid, change: Change) -> NewEntry {
    NewEntry {
        user_id: Some(UserId::from(user)),
        session_id: None,
        version: Some(3),
        change,
    }
}

fn page(after: Position) -> Page {
    Page { after, most: 1_000 }
}

fn state() -> Change {
    Change::State {
        reason: StateReason::RoleChanged,
    }
}

fn sequences(entries: &[Entry]) -> Vec<i64> {
    entries.iter().map(|entry| entry.position.sequence).collect()
}

#[tokio::test]
async fn every_kind_of_change_is_read_back_as_it_was_written() {
    let session = SessionId::from(Uuid::from_u128(9));
    let message = Some("Bye".to_owned());
    let changes = [
        state(),
        Change::SessionCreated {
            device: Some("a phone".to_owned()),
        },
        Change::SessionEnded {
            reason: EndReason::Logout,
            message: None,
        },
        Change::UserSessionsEnded {
            reason: EndReason::PasswordChanged,
            except: Some(session),
            message,
        },
        Change::RoleUpdated {
            role: "editor".to_owned(),
        },
        Change::Bulk,
        Change::SigningKeys,
    ];
    for scene in both().await {
        let mut tx = scene.single().await;
        for change in &changes {
            let written = journal::append(&mut tx, entry(ADA, change.clone()), at(5))
                .await
                .unwrap();
            assert_eq!(written.epoch, "first");
        }
        let read = journal::read_for(&mut tx, ADA.into(), 0, 10).await.unwrap();
        let kinds: Vec<_> = read.iter().map(|entry| entry.change.clone()).collect();
        assert_eq!(kinds, changes);
        assert!(
            read.iter()
                .all(|entry| entry.version == Some(3) && entry.at == at(5))
        );
    }
}

#[tokio::test]
async fn a_reader_sees_each_row_of_its_epoch_after_its_position() {
    for scene in both().await {
        let mut tx = scene.single().await;
        assert_eq!(journal::newest(&mut tx).await.unwrap(), 0);
        let (epoch, start) = journal::present(&mut tx).await.unwrap();
        assert_eq!(epoch, "first");
        let none = Position::default();
        let empty = journal::read_after(&mut tx, &start, page(none), &BTreeSet::new())
            .await
            .unwrap();
        assert!(empty.entries.is_empty() && !empty.full && empty.epoch == "first");

        let mut written = Vec::new();
        for user in [ADA, BOB, ADA] {
            written.push(
                journal::append(&mut tx, entry(user, state()), at(5))
                    .await
                    .unwrap(),
            );
        }
        let positions: Vec<Position> = written.iter().map(|entry| entry.position).collect();
        let last = positions[2].sequence;
        assert!(positions.iter().all(|position| !start.includes(*position)));
        let batch = journal::read_after(&mut tx, &start, page(none), &BTreeSet::new())
            .await
            .unwrap();
        assert_eq!(sequences(&batch.entries), sequences(&written));
        assert!(
            positions
                .iter()
                .all(|position| batch.snapshot.includes(*position))
        );
        // Read again from before, most of it need not travel. (With SQLite nothing travels.)
        let spared = written[..2].iter().map(Anchor::of).collect();
        let rest = journal::read_after(&mut tx, &start, page(none), &spared)
            .await
            .unwrap();
        let from = if tx.is_postgres() { 2 } else { 0 };
        assert_eq!(sequences(&rest.entries), sequences(&written[from..]));
        let other = Anchor {
            at: at(6),
            ..Anchor::of(&written[0])
        };
        let rest = journal::read_after(&mut tx, &start, page(none), &[other].into())
            .await
            .unwrap();
        assert_eq!(rest.entries.len(), 3, "another row with the same number");
        let after = journal::read_after(&mut tx, &start, page(positions[1]), &BTreeSet::new())
            .await
            .unwrap();
        assert_eq!(sequences(&after.entries), [last]);
        let two = Page { after: none, most: 2 };
        let first = journal::read_after(&mut tx, &start, two, &BTreeSet::new())
            .await
            .unwrap();
        assert_eq!(sequences(&first.entries), sequences(&written[..2]));
        assert!(first.full && !batch.full);
        let again = journal::read_after(&mut tx, &batch.snapshot, page(none), &BTreeSet::new())
            .await
            .unwrap();
        assert!(again.entries.is_empty(), "what was seen is not given again");

        assert_eq!(journal::newest(&mut tx).await.unwrap(), last);
        let newest = newest_for(&mut tx, BOB.into()).await;
        assert_eq!(newest, ("first".to_owned(), positions[1].sequence));
        let nobody = newest_for(&mut tx, Uuid::from_u128(404).into()).await;
        assert_eq!(nobody, ("first".to_owned(), 0));
        let own = journal::read_for(&mut tx, ADA.into(), positions[0].sequence, 10).await;
        assert_eq!(sequences(&own.unwrap()), [last]);
        let own = journal::read_for(&mut tx, ADA.into(), 0, 1).await.unwrap();
        assert_eq!(sequences(&own), [positions[0].sequence], "the oldest first");

        // A new epoch, as after a restore: what was written before is not read any more.
        other_epoch(&mut tx).await;
        let batch = journal::read_after(&mut tx, &start, page(none), &BTreeSet::new())
            .await
            .unwrap();
        assert!(batch.entries.is_empty() && batch.epoch == "second");
        assert!(
            journal::read_for(&mut tx, ADA.into(), 0, 10)
                .await
                .unwrap()
                .is_empty()
        );
        let newest = newest_for(&mut tx, BOB.into()).await;
        assert_eq!(newest, ("second".to_owned(), 0));
    }
}

/// What the opening of a socket is told of the journal.
async fn newest_for(tx: &mut Tx, user: UserId) -> (String, i64) {
    let found = sessions::open(tx, user, Uuid::nil().into(), None).await.unwrap();
    (found.epoch, found.sequence)
}

async fn other_epoch(tx: &mut Tx) {
    const SQL: &str = "update meta set value = 'second' where key = 'epoch'";
    match tx {
        Tx::Postgres(handle) => drop(
            sqlx::query(SQL)
                .execute(handle.connection().unwrap())
                .await
                .unwrap(),
        ),
        Tx::Sqlite(handle) => drop(sqlx::query(SQL).execute(&mut **handle).await.unwrap()),
    }
}

/// The dialects differ here: on PostgreSQL the writer was running when the snapshot was taken.
#[tokio::test]
async fn a_snapshot_taken_now_misses_nothing_that_commits_later() {
    for scene in both().await {
        let mut open = scene.db.begin().await.unwrap();
        let late = journal::append(&mut open, entry(ADA, state()), at(5))
            .await
            .unwrap();
        let mut reader = scene.db.tail().await.unwrap();
        let (_, start) = journal::present(&mut reader).await.unwrap();
        open.commit().await.unwrap();
        let none = Position::default();
        let batch = journal::read_after(&mut reader, &start, page(none), &BTreeSet::new())
            .await
            .unwrap();
        assert_eq!(sequences(&batch.entries), [late.position.sequence]);
    }
}

#[tokio::test]
async fn of_the_rows_that_are_too_old_the_newest_stays() {
    for scene in both().await {
        let mut tx = scene.single().await;
        for time in [10, 20, 30] {
            journal::append(&mut tx, entry(ADA, state()), at(time))
                .await
                .unwrap();
        }
        assert!(journal::reaches_back_to(&mut tx, 1).await.unwrap());
        assert_eq!(journal::purge(&mut tx, at(20)).await.unwrap(), 0);
        assert_eq!(journal::purge(&mut tx, at(21)).await.unwrap(), 1);
        assert!(!journal::reaches_back_to(&mut tx, 1).await.unwrap());
        assert!(journal::reaches_back_to(&mut tx, 2).await.unwrap());
        assert_eq!(journal::purge(&mut tx, at(1_000)).await.unwrap(), 1);
        assert_eq!(journal::purge(&mut tx, at(1_000)).await.unwrap(), 0);
        assert_eq!(
            number(&mut tx, "select count(*) from journal where at = 30").await,
            1
        );
    }
}

#[tokio::test]
async fn the_epoch_changes_only_from_what_it_is_and_the_database_answers() {
    for scene in both().await {
        for mut tx in [
            scene.db.read().await.unwrap(),
            scene.db.read_to_revoke().await.unwrap(),
        ] {
            meta::ping(&mut tx).await.unwrap();
        }
        let tx = scene.db.watch().await.unwrap();
        let answered = Tx::in_time(tx, |tx| Box::pin(async { meta::ping(tx).await })).await;
        answered.unwrap();
        let mut tx = scene.db.begin_revocation().await.unwrap();
        meta::begin_epoch(&mut tx, "another").await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = scene.single().await;
        let (epoch, _) = newest_for(&mut tx, ADA.into()).await;
        assert_eq!(epoch, "first");
        assert!(!meta::renew_epoch(&mut tx, "another", "second").await.unwrap());
        assert!(meta::renew_epoch(&mut tx, "first", "second").await.unwrap());
        assert_eq!(meta::epoch(&mut tx).await.unwrap(), "second");

        let identity = meta::identity(&mut tx).await.unwrap();
        assert_eq!(identity, meta::identity(&mut tx).await.unwrap());
        assert_eq!(meta::kept_identity(&mut tx).await.unwrap(), None);
        for identity in ["x", &identity] {
            meta::keep_identity(&mut tx, identity).await.unwrap();
        }
        assert_eq!(meta::kept_identity(&mut tx).await.unwrap(), Some(identity));
    }
}

#[tokio::test]
async fn what_is_not_committed_did_not_happen_and_a_closed_database_is_unavailable() {
    for scene in both().await {
        for commit in [false, true] {
            let mut tx = scene.db.begin().await.unwrap();
            journal::append(&mut tx, entry(ADA, state()), at(5))
                .await
                .unwrap();
            if commit {
                tx.commit().await.unwrap();
            } else {
                drop(tx);
            }
            let mut tx = scene.db.read().await.unwrap();
            assert_eq!(
                number(&mut tx, "select count(*) from journal").await,
                i64::from(commit)
            );
        }
        scene.db.close().await;
        let refused = scene.db.begin().await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    }
    let refused = Db::connect("mysql://127.0.0.1/x").await.unwrap_err();
    assert!(matches!(refused, Error::Url), "{refused}");
}

/// Only SQLite has readers that cannot write; with PostgreSQL any connection may.
#[tokio::test]
async fn a_reader_of_sqlite_cannot_write() {
    let [sqlite, _] = both().await;
    let mut tx = sqlite.db.read().await.unwrap();
    let refused = users::set_password(&mut tx, ADA.into(), &email("ada@example.org"), "x", at(1)).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_client_that_vanished_takes_no_place_for_long() {
    let [_, postgres] = both().await;
    let mut tx = postgres.single().await;
    for (setting, value) in [
        ("select current_setting('tcp_user_timeout')", "10000"),
        ("select current_setting('tcp_keepalives_idle')", "10"),
        ("select current_setting('tcp_keepalives_interval')", "5"),
        ("select current_setting('tcp_keepalives_count')", "3"),
    ] {
        assert_eq!(text(&mut tx, setting).await, value, "{setting}");
    }
}
