//! What people change about their own account: name and address, tokens that take something back, and
//! `known_devices`.

use portcullis::ids::{SessionId, UserId};
use portcullis::store::journal::{Change, NewEntry};
use portcullis::store::known_devices::Device;
use portcullis::store::mailed_tokens::{NewToken, Purpose};
use portcullis::store::{Error, journal, known_devices, mailed_tokens, users};
use uuid::Uuid;

use super::{NOBODY, at, both, email, hash};

#[tokio::test]
async fn people_change_and_erase_their_own_record() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let bob = scene.user(2, "bob@example.org").await;
        let nobody = UserId::from(NOBODY);
        let mut tx = scene.single().await;
        for (name, stored) in [(Some("Countess"), Some("Countess")), (None, None)] {
            let user = users::set_name(&mut tx, ada, name, at(5)).await.unwrap().unwrap();
            assert_eq!(
                (user.name.as_deref(), user.version, user.updated_at),
                (stored, 1, at(5))
            );
        }
        assert!(
            users::set_name(&mut tx, nobody, None, at(5))
                .await
                .unwrap()
                .is_none()
        );

        let (new, taken) = (email("new@example.org"), email("bob@example.org"));
        assert_eq!(
            users::set_email(&mut tx, ada, &new, at(6)).await.unwrap(),
            Some(2)
        );
        assert_eq!(
            users::set_email(&mut tx, nobody, &new, at(6)).await.unwrap(),
            None
        );
        let refused = users::set_email(&mut tx, ada, &taken, at(7)).await.unwrap_err();
        assert!(matches!(refused, Error::Constraint(_)), "{refused}");
        drop(tx);
        let mut tx = scene.single().await;
        let found = users::find(&mut tx, ada).await.unwrap().unwrap();
        assert_eq!((found.email, found.version, found.updated_at), (new, 2, at(6)));

        let device = Some("a phone".to_owned());
        for user in [ada, bob] {
            let entry = NewEntry {
                user_id: Some(user),
                session_id: None,
                version: None,
                change: Change::SessionCreated {
                    device: device.clone(),
                },
            };
            journal::append(&mut tx, entry, at(8)).await.unwrap();
        }
        assert!(users::erase(&mut tx, bob).await.unwrap());
        assert!(!users::erase(&mut tx, bob).await.unwrap());
        for (user, device) in [(ada, device), (bob, None)] {
            let rows = journal::read_for(&mut tx, user, 0, 10).await.unwrap();
            assert_eq!(rows[0].change, Change::SessionCreated { device }, "{user}");
        }
        assert!(users::find(&mut tx, bob).await.unwrap().is_none());
        assert!(users::find(&mut tx, ada).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn t08_the_trust_in_browsers_ends_for_one_person_alone_and_is_no_change_of_the_auth_state() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let bob = scene.user(2, "bob@example.org").await;
        let mut tx = scene.single().await;
        users::distrust_browsers(&mut tx, ada).await.unwrap();
        users::distrust_browsers(&mut tx, ada).await.unwrap();
        users::distrust_browsers(&mut tx, UserId::from(NOBODY))
            .await
            .unwrap();
        for (id, trust) in [(ada, 2), (bob, 0)] {
            let user = users::find(&mut tx, id).await.unwrap().unwrap();
            assert_eq!((user.browser_trust, user.version), (trust, 1));
        }
    }
}

#[tokio::test]
async fn t07_tokens_that_take_something_back_outlive_a_change_of_password() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let mut tx = scene.single().await;
        let (old, older) = (email("ada@example.org"), email("older@example.org"));
        let session = SessionId::from(Uuid::from_u128(11));
        for (text, purpose, address, created) in [
            ("a", Purpose::EmailChange, &old, 10),
            ("b", Purpose::EmailUndo, &older, 20),
            ("c", Purpose::EmailUndo, &old, 30),
            ("d", Purpose::EmailUndo, &older, 40),
            ("e", Purpose::Device, &old, 50),
        ] {
            let token = NewToken {
                hash: hash(text),
                purpose,
                user_id: ada,
                email: address,
                password_hash: None,
                name: None,
                session_id: Some(session),
                created_at: at(created),
                expires_at: at(100),
            };
            mailed_tokens::insert(&mut tx, &token).await.unwrap();
        }
        let device = mailed_tokens::find_live(&mut tx, &hash("e"), Purpose::Device, at(60)).await;
        let device = device.unwrap().unwrap();
        assert_eq!((device.session_id, device.created_at), (Some(session), at(50)));

        let mut left = Vec::new();
        mailed_tokens::end_all(&mut tx, ada).await.unwrap();
        left.push(mailed_tokens::list(&mut tx, ada).await.unwrap());
        mailed_tokens::end_since(&mut tx, ada, Purpose::EmailUndo, at(40))
            .await
            .unwrap();
        left.push(mailed_tokens::list(&mut tx, ada).await.unwrap());
        mailed_tokens::end_to(&mut tx, ada, Purpose::EmailUndo, &older)
            .await
            .unwrap();
        left.push(mailed_tokens::list(&mut tx, ada).await.unwrap());
        let created: Vec<Vec<i64>> = left
            .iter()
            .map(|list| list.iter().map(|token| token.created_at.micros()).collect())
            .collect();
        assert_eq!(created, [vec![20, 30, 40, 50], vec![20, 30, 50], vec![30, 50]]);
        let last = &left[2][1];
        assert_eq!(
            (last.purpose.as_str(), last.email.as_str(), last.expires_at),
            ("device", "ada@example.org", at(100))
        );
    }
}

#[tokio::test]
async fn a_device_is_remembered_and_the_last_one_is_never_forgotten_by_time() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let mut tx = scene.single().await;
        let device = |network, agent| Device { network, agent };
        for (network, agent, now) in [("a", "x", 10), ("a", "y", 20), ("b", "x", 30), ("a", "x", 40)] {
            known_devices::remember(&mut tx, ada, device(network, agent), at(now))
                .await
                .unwrap();
        }
        let list = known_devices::list(&mut tx, ada).await.unwrap();
        let seen: Vec<_> = list
            .iter()
            .map(|known| {
                (
                    known.network.as_str(),
                    known.agent.as_str(),
                    known.first_seen_at,
                    known.last_seen_at,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("a", "x", at(10), at(40)),
                ("b", "x", at(30), at(30)),
                ("a", "y", at(20), at(20))
            ]
        );
        known_devices::forget(&mut tx, ada, device("b", "x"))
            .await
            .unwrap();
        known_devices::forget(&mut tx, ada, device("b", "y"))
            .await
            .unwrap();
        assert_eq!(known_devices::purge(&mut tx, at(20)).await.unwrap(), 0);
        assert_eq!(known_devices::purge(&mut tx, at(90)).await.unwrap(), 1);
        let list = known_devices::list(&mut tx, ada).await.unwrap();
        assert_eq!((list.len(), list[0].last_seen_at), (1, at(40)));
    }
}
