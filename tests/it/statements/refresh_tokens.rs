//! `refresh_tokens`: how they are rotated, and how far their session has come by that.

use portcullis::store::{refresh_tokens, sessions};

use super::{at, both, hash, number};

#[tokio::test]
async fn generations_only_grow() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let id = scene.session(11, ada).await;
        let mut tx = scene.single().await;
        sessions::refreshed(&mut tx, id, 2, 3, at(200), at(20))
            .await
            .unwrap();
        let seen = sessions::check(&mut tx, id).await.unwrap().unwrap();
        assert_eq!((seen.used_generation, seen.generation), (2, 3));
        assert_eq!(seen.idle_expires_at, at(200));
        sessions::refreshed(&mut tx, id, 1, 2, at(300), at(30))
            .await
            .unwrap();
        sessions::used(&mut tx, id, 1, at(31)).await.unwrap();
        let seen = sessions::check(&mut tx, id).await.unwrap().unwrap();
        assert_eq!((seen.used_generation, seen.generation), (2, 3));
        assert_eq!(seen.idle_expires_at, at(300));
        let last_seen = number(&mut tx, "select last_seen_at from sessions").await;
        assert_eq!(last_seen, 30, "an old generation is no news");
        sessions::used(&mut tx, id, 3, at(32)).await.unwrap();
        let seen = sessions::check(&mut tx, id).await.unwrap().unwrap();
        assert_eq!(seen.used_generation, 3);
    }
}

#[tokio::test]
async fn t06_a_refresh_token_is_rotated_once() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let id = scene.session(11, ada).await;
        let mut tx = scene.single().await;
        refresh_tokens::insert(&mut tx, &hash("a"), id, 7, at(10))
            .await
            .unwrap();
        let row = refresh_tokens::find(&mut tx, &hash("a")).await.unwrap().unwrap();
        assert_eq!((row.generation, row.rotated_at), (7, None));
        assert_eq!(refresh_tokens::find(&mut tx, &hash("x")).await.unwrap(), None);
        let owner = refresh_tokens::owner(&mut tx, &hash("a")).await.unwrap();
        assert_eq!(owner, Some((ada, id)));
        assert_eq!(refresh_tokens::owner(&mut tx, &hash("x")).await.unwrap(), None);
        assert!(refresh_tokens::rotate(&mut tx, &hash("a"), at(20)).await.unwrap());
        assert!(!refresh_tokens::rotate(&mut tx, &hash("a"), at(30)).await.unwrap());
        assert!(!refresh_tokens::rotate(&mut tx, &hash("x"), at(30)).await.unwrap());
        let row = refresh_tokens::find(&mut tx, &hash("a")).await.unwrap().unwrap();
        assert_eq!(row.rotated_at, Some(at(20)), "the first time counts");
    }
}

#[tokio::test]
async fn an_exchange_writes_the_successor_and_moves_the_session_on() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let id = scene.session(11, ada).await;
        let mut tx = scene.single().await;
        refresh_tokens::insert(&mut tx, &hash("a"), id, 1, at(10))
            .await
            .unwrap();
        let exchange = refresh_tokens::Exchange {
            presented: &hash("a"),
            successor: &hash("b"),
            session: id,
            generation: 1,
            idle_expires_at: at(200),
            now: at(50),
        };
        refresh_tokens::exchange(&mut tx, &exchange).await.unwrap();
        let seen = refresh_tokens::lock_session(&mut tx, &hash("a"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((seen.token.generation, seen.token.rotated_at), (1, Some(at(50))));
        assert_eq!((seen.session.id, seen.session.user_id), (id, ada));
        assert_eq!((seen.session.generation, seen.session.used_generation), (2, 1));
        assert_eq!(seen.session.idle_expires_at, at(200));
        assert_eq!(seen.session.state.role, "user");
        let next = refresh_tokens::lock_session(&mut tx, &hash("b"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((next.token.generation, next.token.rotated_at), (2, None));
        assert_eq!(next.session.id, id);
        assert_eq!(number(&mut tx, "select count(*) from refresh_tokens").await, 2);
    }
}
