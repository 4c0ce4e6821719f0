//! Reading the journal: no committed row is lost, however writers overlap.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portcullis::clock::Timestamp;
use portcullis::hub::journal::Cursor;
use portcullis::store::journal::{self, Change, NewEntry, StateReason};
use portcullis::store::{Db, meta, migrate};
use sqlx::{Connection, PgConnection};

use crate::support::database::{self, Folder};

const WRITERS: usize = 16;
const ROWS: usize = 100;

async fn database(folder: &Folder) -> Db {
    let db = Db::connect(&database::fresh(folder).await).await.unwrap();
    migrate::migrate(&db).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    meta::begin_epoch(&mut tx, "one").await.unwrap();
    tx.commit().await.unwrap();
    db
}

fn entry() -> NewEntry {
    let change = Change::State {
        reason: StateReason::RoleChanged,
    };
    NewEntry {
        user_id: None,
        session_id: None,
        version: None,
        change,
    }
}

/// Sixteen writers whose transactions overlap in every way.
async fn write_all(db: &Db) -> BTreeSet<i64> {
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let db = db.clone();
        writers.spawn(async move {
            let mut written = Vec::new();
            for row in 0..ROWS {
                let mut tx = db.begin().await.unwrap();
                let entry = journal::append(&mut tx, entry(), Timestamp::default())
                    .await
                    .unwrap();
                // Some take their number and commit late.
                for _ in 0..(writer + row) % 7 {
                    tokio::task::yield_now().await;
                    meta::ping(&mut tx).await.unwrap();
                }
                tx.commit().await.unwrap();
                written.push(entry.position.sequence);
            }
            written
        });
    }
    writers.join_all().await.into_iter().flatten().collect()
}

/// Reads beside the writers until they are done, as a node's tail does.
async fn read_beside(db: Db, mut cursor: Cursor, done: Arc<AtomicBool>) -> BTreeSet<i64> {
    let mut seen = BTreeSet::new();
    loop {
        let last_round = done.load(Ordering::SeqCst);
        let batch = cursor.read(&mut db.tail().await.unwrap(), 1_000).await.unwrap();
        for entry in &batch.entries {
            assert!(seen.insert(entry.position.sequence), "no row is given twice");
        }
        cursor.advance(&batch, Duration::ZERO);
        if last_round && !batch.full {
            return seen;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_by_snapshot_sees_every_row_of_sixteen_writers() {
    let folder = Folder::new();
    let db = database(&folder).await;
    let done = Arc::new(AtomicBool::new(false));
    let cursor = Cursor::at_the_end(&mut db.tail().await.unwrap(), Duration::ZERO)
        .await
        .unwrap();
    let reader = tokio::spawn(read_beside(db.clone(), cursor, Arc::clone(&done)));
    let written = write_all(&db).await;
    done.store(true, Ordering::SeqCst);
    assert_eq!(written.len(), WRITERS * ROWS);
    assert_eq!(reader.await.unwrap(), written);
}

/// The loss itself, step by step, on PostgreSQL: the first writer takes its number and commits last. With
/// SQLite it cannot happen, since a second writer cannot begin.
#[tokio::test]
async fn a_late_commit_is_lost_by_sequence_and_found_by_snapshot() {
    let url = database::fresh_postgres().await;
    let db = Db::connect(&url).await.unwrap();
    migrate::migrate(&db).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    meta::begin_epoch(&mut tx, "one").await.unwrap();
    tx.commit().await.unwrap();
    let mut plain = PgConnection::connect(&url).await.unwrap();
    let (mut naive, mut naive_last) = (BTreeSet::new(), 0_i64);
    let mut careful = BTreeSet::new();
    let mut cursor = Cursor::at_the_end(&mut db.tail().await.unwrap(), Duration::ZERO)
        .await
        .unwrap();

    let mut slow = db.begin().await.unwrap();
    let first = journal::append(&mut slow, entry(), Timestamp::default())
        .await
        .unwrap();
    let mut quick = db.begin().await.unwrap();
    let second = journal::append(&mut quick, entry(), Timestamp::default())
        .await
        .unwrap();
    quick.commit().await.unwrap();
    let mut slow = Some(slow);
    for _ in 0..2 {
        let rows: Vec<i64> =
            sqlx::query_scalar("select sequence from journal where sequence > $1 order by 1")
                .bind(naive_last)
                .fetch_all(&mut plain)
                .await
                .unwrap();
        naive_last = rows.last().copied().unwrap_or(naive_last);
        naive.extend(rows);

        let batch = cursor.read(&mut db.tail().await.unwrap(), 1_000).await.unwrap();
        careful.extend(batch.entries.iter().map(|entry| entry.position.sequence));
        cursor.advance(&batch, Duration::ZERO);
        if let Some(slow) = slow.take() {
            slow.commit().await.unwrap();
        }
    }
    let both = BTreeSet::from([first.position.sequence, second.position.sequence]);
    assert_eq!(careful, both, "what the snapshot did not see is both");
    assert_eq!(
        naive,
        BTreeSet::from([second.position.sequence]),
        "`sequence > last` loses the late commit"
    );
}

/// More rows than one read takes, while others commit below the place that the reader has come to.
#[tokio::test]
async fn a_look_that_takes_several_reads_gives_each_row_once() {
    let folder = Folder::new();
    for url in [database::sqlite_in(&folder), database::fresh_postgres().await] {
        let db = Db::connect(&url).await.unwrap();
        migrate::migrate(&db).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        meta::begin_epoch(&mut tx, "one").await.unwrap();
        tx.commit().await.unwrap();
        let mut cursor = Cursor::at_the_end(&mut db.tail().await.unwrap(), Duration::ZERO)
            .await
            .unwrap();
        let mut late = match &db {
            Db::Postgres { .. } => Some(db.begin().await.unwrap()),
            Db::Sqlite { .. } => None,
        };
        let mut written = BTreeSet::new();
        if let Some(late) = &mut late {
            let entry = journal::append(late, entry(), Timestamp::default())
                .await
                .unwrap();
            written.insert(entry.position.sequence);
        }
        let mut tx = db.begin().await.unwrap();
        for _ in 0..2_500 {
            let entry = journal::append(&mut tx, entry(), Timestamp::default())
                .await
                .unwrap();
            written.insert(entry.position.sequence);
        }
        tx.commit().await.unwrap();
        let (mut given, mut reads) = (Vec::new(), 0);
        loop {
            let batch = cursor.read(&mut db.tail().await.unwrap(), 1_000).await.unwrap();
            given.extend(batch.entries.iter().map(|entry| entry.position.sequence));
            cursor.advance(&batch, Duration::ZERO);
            reads += 1;
            // It commits behind the second read, below what that has come to.
            if let Some(late) = late.take_if(|_| reads == 2) {
                late.commit().await.unwrap();
            }
            if !batch.full && reads > 3 {
                break;
            }
        }
        given.sort_unstable();
        assert_eq!(given, Vec::from_iter(written), "{url}");
    }
}
