//! Who redeems a mailed token, when a hundred want to at once: one, whatever it is for.

use futures_util::future::join_all;
use portcullis::store::mailed_tokens::{NewToken, Purpose};
use portcullis::store::{Db, Error, mailed_tokens};

use super::{at, both, email, hash};
use crate::support::eventually;

const PURPOSES: [Purpose; 5] = [
    Purpose::Activation,
    Purpose::Recovery,
    Purpose::EmailChange,
    Purpose::EmailUndo,
    Purpose::Device,
];
const CALLERS: usize = 100;
const ROUNDS: usize = 3;

/// Writes a token. Those who raced before may hold every connection still.
async fn written(db: &Db, token: &NewToken<'_>) {
    let mut tx = eventually("a connection", || async { db.single().await.ok() }).await;
    mailed_tokens::insert(&mut tx, token).await.unwrap();
}

/// Whether this caller gets it, in a transaction of its own.
async fn try_to_consume(db: &Db, text: &str, purpose: Purpose) -> Result<bool, Error> {
    let mut tx = db.begin().await?;
    let found = mailed_tokens::consume(&mut tx, &hash(text), purpose, at(50)).await?;
    tx.commit().await?;
    Ok(found.is_some())
}

/// As [`try_to_consume`]: of so many some are told to come back, and do.
async fn consumes(db: &Db, text: &str, purpose: Purpose) -> bool {
    eventually("an answer", || async {
        match try_to_consume(db, text, purpose).await {
            Ok(won) => Some(won),
            Err(error) if error.is_passing() => None,
            Err(error) => panic!("{purpose:?}: {error}"),
        }
    })
    .await
}

#[tokio::test]
async fn t07_of_a_hundred_at_once_one_consumes_a_token_of_each_purpose() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        for (purpose, round) in PURPOSES
            .iter()
            .flat_map(|purpose| (0..ROUNDS).map(move |n| (*purpose, n)))
        {
            let text = format!("{purpose:?} {round}");
            let token = NewToken {
                hash: hash(&text),
                purpose,
                user_id: ada,
                email: &email("ada@example.org"),
                password_hash: None,
                name: None,
                session_id: None,
                created_at: at(10),
                expires_at: at(100),
            };
            written(&scene.db, &token).await;
            // Of another purpose it is unknown, and stays.
            for other in PURPOSES.into_iter().filter(|other| *other != purpose) {
                assert!(!consumes(&scene.db, &text, other).await, "{text} as {other:?}");
            }
            let answers = join_all((0..CALLERS).map(|_| consumes(&scene.db, &text, purpose))).await;
            assert_eq!(answers.iter().filter(|won| **won).count(), 1, "{text}");
        }
    }
}
