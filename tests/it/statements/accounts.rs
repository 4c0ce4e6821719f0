//! `users`, `roles`, `mailed_tokens`, `setup_tokens`.

use portcullis::ids::UserId;
use portcullis::store::mailed_tokens::{NewToken, Purpose};
use portcullis::store::users::{Activation, NewUser, Status};
use portcullis::store::{Error, mailed_tokens, roles, setup_tokens, users};
use uuid::Uuid;

use super::{NOBODY, at, both, email, hash};

#[tokio::test]
async fn users_are_written_once_and_found() {
    for scene in both().await {
        let ada = scene.user(10, "ada@example.org").await;
        let mut tx = scene.single().await;

        let again = NewUser {
            id: NOBODY.into(),
            email: &email("ADA@example.org"),
            name: None,
            status: Status::Pending,
            site_role: "user",
            password_hash: None,
            vouched: false,
            created_at: at(30),
        };
        assert!(!users::insert_missing(&mut tx, &again).await.unwrap());
        let unknown_role = NewUser {
            email: &email("eve@example.org"),
            site_role: "nobody",
            ..again
        };
        let refused = users::insert_missing(&mut tx, &unknown_role).await.unwrap_err();
        assert!(matches!(refused, Error::Constraint(_)), "{refused}");

        let found = users::find(&mut tx, ada).await.unwrap().unwrap();
        assert_eq!((found.email.as_str(), found.version), ("ada@example.org", 1));
        assert_eq!((found.status, found.email_verified), (Status::Active, true));
        assert_eq!((found.created_at, found.updated_at), (at(10), at(10)));
        assert_eq!(found.password_hash.as_deref(), Some("old hash"));
        assert!(users::find(&mut tx, NOBODY.into()).await.unwrap().is_none());
        let by_address = users::find_by_email(&mut tx, &found.email).await.unwrap();
        assert_eq!(by_address.unwrap().id, ada);
        let nobody = email("nobody@example.org");
        assert!(users::find_by_email(&mut tx, &nobody).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn each_change_of_the_auth_state_makes_the_version_grow_by_one() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let nobody = UserId::from(NOBODY);
        let mut tx = scene.single().await;

        let before = users::auth_state(&mut tx, ada).await.unwrap().unwrap();
        assert_eq!((before.version, before.role.as_str()), (1, "user"));
        assert!(before.permissions.is_empty());
        assert!(!users::any_in_role(&mut tx, "admin").await.unwrap());
        let version = users::set_site_role(&mut tx, ada, "admin", at(5)).await.unwrap();
        assert_eq!(version, Some(2));
        assert_eq!(
            users::set_site_role(&mut tx, nobody, "admin", at(5))
                .await
                .unwrap(),
            None
        );
        let after = users::auth_state(&mut tx, ada).await.unwrap().unwrap();
        assert_eq!((after.version, after.role.as_str()), (2, "admin"));
        assert_eq!(after.permissions, ["users:read"]);
        assert!(users::auth_state(&mut tx, nobody).await.unwrap().is_none());
        assert!(users::any_in_role(&mut tx, "admin").await.unwrap());
        assert_eq!(users::count_active_in_role(&mut tx, "admin").await.unwrap(), 1);

        let (active, disabled) = (Status::Active, Status::Disabled);
        for expected in [Some(3), None] {
            let version = users::set_status(&mut tx, ada, active, disabled, at(6)).await;
            assert_eq!(version.unwrap(), expected, "only from the status that was named");
        }
        assert_eq!(users::count_active_in_role(&mut tx, "admin").await.unwrap(), 0);
        assert!(users::any_in_role(&mut tx, "admin").await.unwrap());

        let other = email("other@example.org");
        let ada_at = email("ada@example.org");
        let set = users::set_password(&mut tx, ada, &ada_at, "new", at(7))
            .await
            .unwrap();
        assert!(!set, "not on a disabled account");
        let enabled = users::set_status(&mut tx, ada, disabled, active, at(8))
            .await
            .unwrap();
        assert_eq!(enabled, Some(4));
        assert!(
            !users::set_password(&mut tx, ada, &other, "new", at(9))
                .await
                .unwrap()
        );
        assert!(
            users::set_password(&mut tx, ada, &ada_at, "new", at(9))
                .await
                .unwrap()
        );
        let user = users::find(&mut tx, ada).await.unwrap().unwrap();
        assert_eq!(user.password_hash.as_deref(), Some("new"));
        assert_eq!((user.version, user.updated_at), (4, at(9)));
    }
}

#[tokio::test]
async fn t07_a_pending_account_is_activated_once_with_exactly_what_was_proven() {
    for scene in both().await {
        let mut tx = scene.single().await;
        let (id, address) = (UserId::from(Uuid::from_u128(1)), email("ada@example.org"));
        let pending = NewUser {
            id,
            email: &address,
            name: Some("first"),
            status: Status::Pending,
            site_role: "user",
            password_hash: Some("first"),
            vouched: false,
            created_at: at(1),
        };
        assert!(users::insert_missing(&mut tx, &pending).await.unwrap());
        assert!(!users::find(&mut tx, id).await.unwrap().unwrap().email_verified);
        users::replace_pending(&mut tx, id, "second", None, at(2))
            .await
            .unwrap();
        let user = users::find(&mut tx, id).await.unwrap().unwrap();
        assert_eq!((user.password_hash.as_deref(), user.name), (Some("second"), None));
        // At most one mail is sent again in a while, and none for an account that is active.
        let mut noted = Vec::new();
        for (since, now) in [(0, 10), (9, 20), (10, 30)] {
            let note = users::note_activation_resent(&mut tx, id, at(since), at(now)).await;
            noted.push(note.unwrap());
        }
        assert_eq!(noted, [true, false, true]);

        let with = Activation {
            id,
            email: &email("other@example.org"),
            password_hash: Some("third"),
            name: Some("Ada"),
            locale: Some("ru-RU"),
            now: at(3),
        };
        assert_eq!(users::activate(&mut tx, &with).await.unwrap(), None);
        let with = Activation {
            email: &address,
            ..with
        };
        assert_eq!(users::activate(&mut tx, &with).await.unwrap(), Some(2));
        assert_eq!(users::activate(&mut tx, &with).await.unwrap(), None);
        let note = users::note_activation_resent(&mut tx, id, at(90), at(99)).await;
        assert!(!note.unwrap());
        users::replace_pending(&mut tx, id, "fourth", None, at(4))
            .await
            .unwrap();
        let user = users::find(&mut tx, id).await.unwrap().unwrap();
        assert_eq!((user.status, user.email_verified), (Status::Active, true));
        assert_eq!(user.password_hash.as_deref(), Some("third"));
        assert_eq!(user.name.as_deref(), Some("Ada"));
        assert_eq!(user.locale.as_deref(), Some("ru-RU"));
    }
}

#[tokio::test]
async fn roles_are_made_once_and_keep_their_permissions() {
    for scene in both().await {
        let mut tx = scene.single().await;
        let permissions = ["b:two".to_owned(), "a:one".to_owned()];
        for wanted in [&permissions[..], &[]] {
            roles::insert_missing(&mut tx, "editor", wanted, at(1))
                .await
                .unwrap();
        }
        let role = roles::find(&mut tx, "editor").await.unwrap().unwrap();
        assert_eq!(role.permissions, permissions);
        assert_eq!(roles::find(&mut tx, "nobody").await.unwrap(), None);
    }
}

#[tokio::test]
async fn t07_a_mailed_token_is_redeemed_once_for_its_purpose_in_its_time() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let mut tx = scene.single().await;
        let address = email("ada@example.org");
        let token = |text: &str, purpose| NewToken {
            hash: hash(text),
            purpose,
            user_id: ada,
            email: &address,
            password_hash: Some("chosen"),
            name: None,
            session_id: None,
            created_at: at(10),
            expires_at: at(100),
        };
        let (activation, recovery) = (Purpose::Activation, Purpose::Recovery);
        for (text, purpose) in [("a", activation), ("b", activation), ("c", recovery)] {
            mailed_tokens::insert(&mut tx, &token(text, purpose))
                .await
                .unwrap();
        }
        let of_nobody = NewToken {
            user_id: NOBODY.into(),
            ..token("d", recovery)
        };
        mailed_tokens::insert(&mut tx, &of_nobody).await.unwrap();
        let none = mailed_tokens::find_live(&mut tx, &hash("d"), recovery, at(50)).await;
        assert!(none.unwrap().is_none(), "nothing is written for an unknown user");

        // Of the wrong purpose, and at its last moment: not there.
        for (purpose, now) in [(recovery, 50), (activation, 100)] {
            let found = mailed_tokens::find_live(&mut tx, &hash("a"), purpose, at(now)).await;
            assert!(found.unwrap().is_none());
            let gone = mailed_tokens::consume(&mut tx, &hash("a"), purpose, at(now)).await;
            assert!(gone.unwrap().is_none());
        }
        let found = mailed_tokens::find_live(&mut tx, &hash("a"), activation, at(99)).await;
        assert_eq!(found.unwrap().unwrap().user_id, ada);
        let first = mailed_tokens::consume(&mut tx, &hash("a"), activation, at(99)).await;
        let first = first.unwrap().unwrap();
        assert_eq!((first.user_id, first.email), (ada, address.clone()));
        assert_eq!(
            (first.password_hash.as_deref(), first.name),
            (Some("chosen"), None)
        );
        let second = mailed_tokens::consume(&mut tx, &hash("a"), activation, at(99)).await;
        assert!(second.unwrap().is_none());

        mailed_tokens::end(&mut tx, ada, activation).await.unwrap();
        let ended = mailed_tokens::find_live(&mut tx, &hash("b"), activation, at(50)).await;
        assert!(ended.unwrap().is_none());
        let other = mailed_tokens::find_live(&mut tx, &hash("c"), recovery, at(50)).await;
        assert!(other.unwrap().is_some(), "another purpose stays");
        mailed_tokens::end_all(&mut tx, ada).await.unwrap();
        let other = mailed_tokens::find_live(&mut tx, &hash("c"), recovery, at(50)).await;
        assert!(other.unwrap().is_none());

        mailed_tokens::insert(&mut tx, &token("e", activation))
            .await
            .unwrap();
        assert_eq!(mailed_tokens::purge(&mut tx, at(100)).await.unwrap(), 0);
        assert_eq!(mailed_tokens::purge(&mut tx, at(101)).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_setup_token_is_redeemed_once_in_its_time() {
    for scene in both().await {
        let mut tx = scene.single().await;
        for (text, expires) in [("a", 100), ("b", 100), ("c", 200)] {
            setup_tokens::insert(&mut tx, &hash(text), at(1), at(expires))
                .await
                .unwrap();
        }
        assert!(setup_tokens::is_live(&mut tx, &hash("a"), at(99)).await.unwrap());
        assert!(!setup_tokens::is_live(&mut tx, &hash("a"), at(100)).await.unwrap());
        assert!(!setup_tokens::is_live(&mut tx, &hash("x"), at(1)).await.unwrap());
        assert!(!setup_tokens::consume(&mut tx, &hash("a"), at(100)).await.unwrap());
        assert!(setup_tokens::consume(&mut tx, &hash("a"), at(99)).await.unwrap());
        assert!(!setup_tokens::consume(&mut tx, &hash("a"), at(99)).await.unwrap());
        assert_eq!(setup_tokens::purge(&mut tx, at(150)).await.unwrap(), 1, "b alone");
        assert!(setup_tokens::is_live(&mut tx, &hash("c"), at(150)).await.unwrap());
        setup_tokens::end_all(&mut tx).await.unwrap();
        assert!(!setup_tokens::is_live(&mut tx, &hash("c"), at(150)).await.unwrap());
    }
}

#[tokio::test]
async fn hashes_of_passwords_are_counted_by_what_stands_in_front_of_them() {
    for scene in both().await {
        let mut tx = scene.single().await;
        assert_eq!(users::hash_costs(&mut tx).await.unwrap(), []);
        for (number, hash) in [
            (1, None),
            (2, Some("$argon2id$one")),
            (3, Some("$argon2id$another")),
            (4, Some("~bcrypt 12                       ~$2b$12$one")),
            (5, Some("~bcrypt 12                       ~$2b$12$another")),
            (6, Some("~pbkdf2 1000                     ~pbkdf2_sha256$1000$")),
        ] {
            let user = NewUser {
                id: Uuid::from_u128(number).into(),
                email: &email(&format!("person{number}@example.org")),
                name: None,
                status: Status::Pending,
                site_role: "user",
                password_hash: hash,
                vouched: false,
                created_at: at(1),
            };
            assert!(users::insert_missing(&mut tx, &user).await.unwrap());
        }
        let counts = users::hash_costs(&mut tx).await.unwrap();
        let expected = [("", 2), ("bcrypt 12", 2), ("pbkdf2 1000", 1)];
        assert_eq!(counts, expected.map(|(cost, users)| (cost.to_owned(), users)));
    }
}
