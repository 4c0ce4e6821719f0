//! The statements that make others wait. On PostgreSQL they lock a row or a table; on SQLite the
//! transaction itself does. Either way, of two that add one to a number, neither loses the other's step.

use portcullis::ids::UserId;
use portcullis::store::{Db, Error, Tx, refresh_tokens, roles, sessions, signing_keys, users};

use super::{at, both, email, hash, session_id};
use crate::support::eventually;

const TASKS: usize = 8;

/// What is locked before the number is read.
#[derive(Clone, Copy, Debug)]
enum Lock {
    User,
    UserByEmail,
    UserAndRow,
    OwnerOfToken,
    OwnerOfSession,
    Role,
    Key,
    SessionOfToken,
    SigningKeys,
}

async fn take(lock: Lock, tx: &mut Tx, ada: UserId) -> Result<(), Error> {
    match lock {
        Lock::User => users::lock(tx, ada).await?,
        Lock::UserByEmail => {
            let found = users::find_by_email_locked(tx, &email("ada@example.org")).await?;
            assert_eq!(found.unwrap().id, ada);
            let nobody = users::find_by_email_locked(tx, &email("nobody@example.org")).await?;
            assert!(nobody.is_none());
        }
        Lock::UserAndRow => {
            assert_eq!(users::find_locked(tx, ada).await?.unwrap().id, ada);
        }
        Lock::OwnerOfToken => {
            let owner = refresh_tokens::lock_owner(tx, &hash("a")).await?;
            assert_eq!(owner.unwrap().id, ada);
            let nobody = refresh_tokens::lock_owner(tx, &hash("x")).await?;
            assert!(nobody.is_none());
        }
        Lock::OwnerOfSession => {
            let owner = sessions::lock_owner(tx, session_id(11)).await?;
            assert_eq!(owner.unwrap().id, ada);
        }
        Lock::Role => roles::lock(tx, "user").await?,
        Lock::Key => users::lock_key(tx, 7).await?,
        Lock::SessionOfToken => {
            let found = refresh_tokens::lock_session(tx, &hash("a")).await?;
            let (token, session) = found.map(|found| (found.token, found.session)).unwrap();
            assert_eq!(session.id, session_id(11));
            assert_eq!(token.rotated_at, None);
            let unknown = refresh_tokens::lock_session(tx, &hash("x")).await?;
            assert!(unknown.is_none());
        }
        Lock::SigningKeys => signing_keys::lock(tx).await?,
    }
    Ok(())
}

async fn begin(db: &Db, lock: Lock, ada: UserId) -> Result<Tx, Error> {
    let mut tx = db.begin().await?;
    take(lock, &mut tx, ada).await?;
    Ok(tx)
}

/// A transaction that holds the lock. Nobody waits for one longer than 1.5 s, nor for SQLite's writer longer
/// than 2 s: on a busy machine the last of many is told to come back, and does.
async fn holding(db: &Db, lock: Lock, ada: UserId) -> Tx {
    eventually("the lock is had", || async {
        match begin(db, lock, ada).await {
            Ok(tx) => Some(tx),
            Err(error) if error.is_passing() => None,
            Err(error) => panic!("{lock:?}: {error}"),
        }
    })
    .await
}

async fn read(tx: &mut Tx) -> i64 {
    const SQL: &str = "select generation from refresh_tokens";
    super::number(tx, SQL).await
}

/// Reads a number under the lock, lets everybody else run, and writes it back plus one: exactly what
/// loses steps when the lock does not hold.
async fn step(db: Db, lock: Lock, ada: UserId) {
    const SQL: &str = "update refresh_tokens set generation = $1";
    let mut tx = holding(&db, lock, ada).await;
    let next = read(&mut tx).await + 1;
    for _ in 0..20 {
        tokio::task::yield_now().await;
        read(&mut tx).await;
    }
    match &mut tx {
        Tx::Postgres(handle) => drop(
            sqlx::query(SQL)
                .bind(next)
                .execute(handle.connection().unwrap())
                .await
                .unwrap(),
        ),
        Tx::Sqlite(handle) => drop(sqlx::query(SQL).bind(next).execute(&mut **handle).await.unwrap()),
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn whoever_holds_a_lock_is_waited_for() {
    const LOCKS: [Lock; 9] = [
        Lock::User,
        Lock::UserByEmail,
        Lock::UserAndRow,
        Lock::OwnerOfToken,
        Lock::OwnerOfSession,
        Lock::Role,
        Lock::Key,
        Lock::SessionOfToken,
        Lock::SigningKeys,
    ];
    let mut lost = Vec::new();
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let session = scene.session(11, ada).await;
        let mut tx = scene.single().await;
        refresh_tokens::insert(&mut tx, &hash("a"), session, 0, at(10))
            .await
            .unwrap();
        drop(tx);
        for lock in LOCKS {
            let mut tx = scene.single().await;
            let before = read(&mut tx).await;
            drop(tx);
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..TASKS {
                tasks.spawn(step(scene.db.clone(), lock, ada));
            }
            tasks.join_all().await;
            let mut tx = scene.single().await;
            if read(&mut tx).await - before != i64::try_from(TASKS).unwrap() {
                lost.push(format!("{lock:?} on {}", scene.db.kind()));
            }
        }
    }
    assert!(lost.is_empty(), "steps were lost: {lost:?}");
}
