//! `spent_socket_tokens`, and the session that a socket opens on.

use std::time::Duration;

use portcullis::ids::TokenId;
use portcullis::store::sessions::{self, EndReason, EndScope, Unspent};
use portcullis::store::socket_tokens;
use uuid::Uuid;

use super::sessions::ending;
use super::{at, both};

#[tokio::test]
async fn t01_a_socket_token_is_spent_by_exactly_one_of_sixteen() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let session = scene.session(11, ada).await;
        let (id, until) = (TokenId::from(Uuid::from_u128(1)), at(100));
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let db = scene.db.clone();
            tries.spawn(async move {
                let mut tx = db.single().await.unwrap();
                sessions::open(&mut tx, ada, session, Some(Unspent { id, until })).await
            });
        }
        let found: Vec<_> = tries.join_all().await.into_iter().map(Result::unwrap).collect();
        assert!(found.iter().all(|found| found.session.is_some()));
        let won = found.iter().filter(|found| found.first).count();
        assert_eq!(won, 1, "{}", scene.db.kind());
        let mut tx = scene.single().await;
        assert!(!socket_tokens::spend(&mut tx, id, until).await.unwrap());
        assert_eq!(socket_tokens::purge(&mut tx, at(100)).await.unwrap(), 0);
        let later = at(100) + Duration::from_micros(1);
        assert_eq!(socket_tokens::purge(&mut tx, later).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_socket_opens_on_the_own_session_alone_and_sees_how_it_ended() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let bob = scene.user(2, "bob@example.org").await;
        let session = scene.session(11, ada).await;
        let mut tx = scene.single().await;
        let strange = sessions::open(&mut tx, bob, session, None).await.unwrap();
        assert!(strange.first && strange.session.is_none());
        let own = sessions::open(&mut tx, ada, session, None)
            .await
            .unwrap()
            .session
            .unwrap();
        assert_eq!((own.id, own.user_id, own.ending), (session, ada, None));
        assert_eq!(own.state.role, "user");
        let ending = ending(EndReason::Logout, EndScope::Session);
        sessions::end(&mut tx, session, &ending, at(20)).await.unwrap();
        let ended = sessions::open(&mut tx, ada, session, None)
            .await
            .unwrap()
            .session
            .unwrap();
        assert_eq!(ended.ending, Some(ending));
    }
}
