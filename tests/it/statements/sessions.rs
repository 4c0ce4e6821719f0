//! `sessions`, `refresh_tokens`, `spent_socket_tokens`.

use std::time::Duration;

use portcullis::ids::{SessionId, TokenId, UserId};
use portcullis::store::known_devices::Device;
use portcullis::store::sessions::{EndReason, EndScope, Ending, NewSession, Selection, Unspent};
use portcullis::store::users::Status;
use portcullis::store::{known_devices, refresh_tokens, sessions, socket_tokens, users};
use uuid::Uuid;

use super::{Scene, at, both, email, hash, number};

fn session_id(number: u128) -> SessionId {
    Uuid::from_u128(number).into()
}

impl Scene {
    /// Writes a session that begins at 10, is idle at 100 and over at 1000.
    async fn session(&self, number: u128, user_id: UserId) -> SessionId {
        let new = NewSession {
            id: session_id(number),
            user_id,
            at: at(10),
            amr: vec!["pwd".to_owned()],
            idle_expires_at: at(100),
            expires_at: at(1_000),
            ip: Some("192.0.2.1".to_owned()),
            network: Some("192.0.2.1".to_owned()),
            user_agent: None,
            device: Some("a phone".to_owned()),
        };
        let mut tx = self.single().await;
        sessions::insert(&mut tx, &new).await.unwrap();
        new.id
    }
}

fn ending(reason: EndReason, scope: EndScope) -> Ending {
    Ending {
        reason,
        scope,
        message: Some("Bye".to_owned()),
    }
}

#[tokio::test]
async fn a_session_is_checked_with_the_state_of_its_user() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let (first, second) = (scene.session(11, ada).await, scene.session(12, ada).await);
        let mut tx = scene.single().await;

        let seen = sessions::check(&mut tx, first).await.unwrap().unwrap();
        assert_eq!(
            (seen.id, seen.user_id, seen.amr),
            (first, ada, vec!["pwd".to_owned()])
        );
        assert_eq!((seen.generation, seen.used_generation), (1, 0));
        assert_eq!((seen.idle_expires_at, seen.expires_at), (at(100), at(1_000)));
        assert_eq!((seen.state.role.as_str(), seen.state.version), ("user", 1));
        assert_eq!(seen.ending, None);
        assert!(sessions::check(&mut tx, session_id(404)).await.unwrap().is_none());
        let device = sessions::device(&mut tx, first).await.unwrap();
        assert_eq!(device.as_deref(), Some("a phone"));
        assert_eq!(sessions::device(&mut tx, session_id(404)).await.unwrap(), None);

        users::set_site_role(&mut tx, ada, "admin", at(20)).await.unwrap();
        let many = sessions::check_many(&mut tx, &[second, session_id(404), first])
            .await
            .unwrap();
        let mut found: Vec<_> = many.iter().map(|seen| seen.id).collect();
        found.sort_unstable();
        assert_eq!(found, [first, second], "those that exist, each once");
        assert!(many.iter().all(|seen| seen.state.permissions == ["users:read"]));
        assert!(sessions::check_many(&mut tx, &[]).await.unwrap().is_empty());
    }
}

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
async fn a_sign_in_reads_who_it_may_be_and_replaces_a_hash_that_nobody_changed() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        scene.session(11, ada).await;
        let mut tx = scene.single().await;
        let address = email("ada@example.org");
        let device = |network| Device {
            network,
            agent: "Firefox on Linux",
        };
        for (network, known) in [("192.0.2.1", true), ("192.0.2.2", false)] {
            let who = sessions::candidate(&mut tx, &address, device(network))
                .await
                .unwrap()
                .unwrap();
            assert_eq!((who.user.id, who.known), (ada, known));
            assert_eq!(who.user.status, Status::Active);
            assert_eq!((who.signed_in_before, who.device_seen_at), (false, None));
        }
        known_devices::remember(&mut tx, ada, device("192.0.2.1"), at(15))
            .await
            .unwrap();
        let other = Device {
            network: "192.0.2.1",
            agent: "curl",
        };
        for (device, seen) in [
            (device("192.0.2.1"), Some(at(15))),
            (device("192.0.2.2"), None),
            (other, None),
        ] {
            let who = sessions::candidate(&mut tx, &address, device)
                .await
                .unwrap()
                .unwrap();
            assert_eq!((who.signed_in_before, who.device_seen_at), (true, seen));
        }
        let nobody = email("nobody@example.org");
        let who = sessions::candidate(&mut tx, &nobody, device("192.0.2.1"))
            .await
            .unwrap();
        assert!(who.is_none());

        assert!(
            sessions::rehash(&mut tx, ada, "old hash", "better")
                .await
                .unwrap()
        );
        assert!(!sessions::rehash(&mut tx, ada, "old hash", "worse").await.unwrap());
        let who = sessions::candidate(&mut tx, &address, device(""))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(who.user.password_hash.as_deref(), Some("better"));
    }
}

#[tokio::test]
async fn t08_the_network_of_a_session_that_was_revoked_by_itself_is_not_known() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let address = email("ada@example.org");
        let device = Device {
            network: "192.0.2.1",
            agent: "",
        };
        for (number, reason, scope, known) in [
            (11, EndReason::Revoked, EndScope::Session, false),
            (12, EndReason::Logout, EndScope::Session, true),
            (13, EndReason::Revoked, EndScope::User, true),
        ] {
            let id = scene.session(number, ada).await;
            let mut tx = scene.single().await;
            sessions::end(&mut tx, id, &ending(reason, scope), at(20))
                .await
                .unwrap();
            let who = sessions::candidate(&mut tx, &address, device).await.unwrap();
            assert_eq!(who.unwrap().known, known, "{number}");
        }
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

#[tokio::test]
async fn sessions_are_listed_for_their_owner_and_buried_without_a_trace_of_the_person() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let bob = scene.user(2, "bob@example.org").await;
        for (number, user) in [(11, ada), (12, ada), (21, bob)] {
            let id = scene.session(number, user).await;
            let mut tx = scene.single().await;
            let token = hash(&number.to_string());
            refresh_tokens::insert(&mut tx, &token, id, 1, at(10))
                .await
                .unwrap();
        }
        let mut tx = scene.single().await;
        let how = ending(EndReason::AccountDeleted, EndScope::User);
        sessions::end(&mut tx, session_id(11), &how, at(20))
            .await
            .unwrap();
        let ids = |list: Vec<sessions::Listed>| list.into_iter().map(|it| it.id).collect::<Vec<_>>();
        let all = sessions::list_all(&mut tx, ada).await.unwrap();
        assert_eq!(all[1].revoked_reason.as_deref(), Some("account_deleted"));
        assert_eq!(
            (all[1].ip.as_deref(), all[1].device.as_deref()),
            (Some("192.0.2.1"), Some("a phone"))
        );
        assert_eq!(ids(all), [session_id(12), session_id(11)]);
        let place = sessions::place(&mut tx, session_id(11)).await.unwrap();
        assert_eq!(place, Some(("192.0.2.1".to_owned(), None)));
        assert_eq!(sessions::place(&mut tx, session_id(404)).await.unwrap(), None);

        assert!(users::erase(&mut tx, ada).await.unwrap());
        let all = sessions::list_all(&mut tx, ada).await.unwrap();
        assert_eq!(all.len(), 2);
        for buried in all {
            assert_eq!((buried.ip, buried.user_agent, buried.device), (None, None, None));
        }
        let network = sessions::place(&mut tx, session_id(12)).await.unwrap();
        assert_eq!(network, Some((String::new(), None)));
        assert_eq!(
            number(&mut tx, "select count(*) from refresh_tokens").await,
            1,
            "bob's"
        );
        assert_eq!(
            number(
                &mut tx,
                "select count(*) from sessions where revoked_message is not null"
            )
            .await,
            0
        );
        let bobs = sessions::list_all(&mut tx, bob).await.unwrap();
        assert_eq!(bobs[0].ip.as_deref(), Some("192.0.2.1"));
    }
}
