//! How sessions end, by an act on one or on many, and are erased.

use portcullis::store::sessions::{self, EndReason, EndScope, Selection};
use portcullis::store::{refresh_tokens, users};

use super::sessions::ending;
use super::{at, both, hash, number, session_id};

#[tokio::test]
async fn a_session_ends_once_and_remembers_how() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let id = scene.session(11, ada).await;
        let mut tx = scene.single().await;
        let how = ending(EndReason::Logout, EndScope::Session);
        let first = sessions::end(&mut tx, id, &how, at(20)).await.unwrap();
        assert_eq!(first, Some(ada));
        let later = ending(EndReason::Revoked, EndScope::User);
        assert_eq!(sessions::end(&mut tx, id, &later, at(30)).await.unwrap(), None);
        let unknown = sessions::end(&mut tx, session_id(404), &how, at(30)).await;
        assert_eq!(unknown.unwrap(), None);
        let seen = sessions::check(&mut tx, id).await.unwrap().unwrap();
        assert_eq!(seen.ending, Some(how.clone()), "the first end counts");
        assert_eq!(seen.ended(at(20)), Some(how));
    }
}

#[tokio::test]
async fn every_reason_and_scope_of_an_end_is_read_back() {
    const REASONS: [EndReason; 8] = [
        EndReason::Revoked,
        EndReason::Logout,
        EndReason::PasswordChanged,
        EndReason::EmailChanged,
        EndReason::AccountDisabled,
        EndReason::AccountDeleted,
        EndReason::RefreshReused,
        EndReason::Expired,
    ];
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        for (count, reason) in (100..).zip(REASONS) {
            let id = scene.session(count, ada).await;
            let mut tx = scene.single().await;
            let scope = if count % 2 == 0 {
                EndScope::User
            } else {
                EndScope::Session
            };
            sessions::end(&mut tx, id, &ending(reason, scope), at(20))
                .await
                .unwrap();
            let seen = sessions::check(&mut tx, id).await.unwrap().unwrap();
            assert_eq!(seen.ending, Some(ending(reason, scope)));
        }
    }
}

#[tokio::test]
async fn many_sessions_end_by_one_statement_and_only_the_live_ones_count() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let bob = scene.user(2, "bob@example.org").await;
        let boss = scene.user(3, "boss@example.org").await;
        let mut tx = scene.single().await;
        users::set_site_role(&mut tx, boss, "admin", at(5)).await.unwrap();
        drop(tx);
        for (number, user) in [(11, ada), (12, ada), (13, ada), (21, bob), (22, bob), (31, boss)] {
            scene.session(number, user).await;
        }
        let mut tx = scene.single().await;
        let how = ending(EndReason::Revoked, EndScope::User);
        let of = |id, except| Selection::User { id, except };
        let others = of(ada, Some(session_id(12)));
        for (which, live) in [
            (&others, 2),
            (&of(ada, None), 3),
            (&Selection::Session(session_id(21)), 1),
            (&Selection::Session(session_id(404)), 0),
            (&Selection::Role("admin".to_owned()), 1),
            (&Selection::Role("nobody".to_owned()), 0),
            (&Selection::All, 6),
        ] {
            let count = sessions::count_live(&mut tx, which, at(50)).await.unwrap();
            assert_eq!(count, live, "{which:?}");
        }
        assert_eq!(
            sessions::count_live(&mut tx, &Selection::All, at(100))
                .await
                .unwrap(),
            0,
            "an idle session is not live"
        );

        assert_eq!(
            sessions::end_many(&mut tx, &others, &how, at(50)).await.unwrap(),
            2
        );
        let spared = sessions::check(&mut tx, session_id(12)).await.unwrap().unwrap();
        assert_eq!(spared.ending, None);
        for (which, ended) in [
            (of(ada, None), 1),
            (of(ada, None), 0),
            (Selection::Session(session_id(21)), 1),
            (Selection::Session(session_id(21)), 0),
            (Selection::Role("admin".to_owned()), 1),
            (Selection::All, 1),
            (Selection::All, 0),
        ] {
            let count = sessions::end_many(&mut tx, &which, &how, at(60)).await.unwrap();
            assert_eq!(count, ended, "{which:?}");
        }
    }
}

#[tokio::test]
async fn sessions_long_ended_are_erased_with_their_tokens() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let (live, ended) = (scene.session(11, ada).await, scene.session(12, ada).await);
        let mut tx = scene.single().await;
        for (text, session) in [("a", live), ("b", ended)] {
            refresh_tokens::insert(&mut tx, &hash(text), session, 1, at(10))
                .await
                .unwrap();
        }
        let how = ending(EndReason::Logout, EndScope::Session);
        sessions::end(&mut tx, ended, &how, at(20)).await.unwrap();
        assert_eq!(sessions::purge(&mut tx, at(20), 1_000).await.unwrap(), 0);
        assert_eq!(sessions::purge(&mut tx, at(21), 1_000).await.unwrap(), 1);
        assert_eq!(number(&mut tx, "select count(*) from refresh_tokens").await, 1);
        assert!(sessions::check(&mut tx, live).await.unwrap().is_some());
        assert_eq!(
            sessions::purge(&mut tx, at(101), 1_000).await.unwrap(),
            1,
            "idle too long"
        );
        assert_eq!(number(&mut tx, "select count(*) from refresh_tokens").await, 0);
    }
}
