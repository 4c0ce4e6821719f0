//! `identities` and `oauth_flows`: who somebody is at a provider, and a sign-in there between two of its steps.

use portcullis::ids::{IdentityId, UserId};
use portcullis::store::identities::Identity;
use portcullis::store::oauth_flows::{Flow, Step};
use portcullis::store::{identities, oauth_flows, users};
use uuid::Uuid;

use super::{NOBODY, at, both, hash, number, session_id};

fn identity(number: u128, user: UserId, subject: &str) -> Identity {
    Identity {
        id: IdentityId::from(Uuid::from_u128(number)),
        user_id: user,
        provider: "google".to_owned(),
        subject: subject.to_owned(),
        email: Some("ada@example.org".to_owned()),
        created_at: at(1),
        last_used_at: at(1),
    }
}

#[tokio::test]
async fn an_identity_belongs_to_one_account_and_goes_with_it() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let bob = scene.user(2, "bob@example.org").await;
        let mut tx = scene.single().await;
        let first = identity(10, ada, "a");
        assert!(identities::insert_missing(&mut tx, &first).await.unwrap());
        let taken = identity(11, bob, "a");
        assert!(!identities::insert_missing(&mut tx, &taken).await.unwrap());
        let elsewhere = Identity {
            provider: "github".to_owned(),
            ..identity(12, bob, "a")
        };
        assert!(identities::insert_missing(&mut tx, &elsewhere).await.unwrap());

        let found = identities::find(&mut tx, "google", "a").await.unwrap().unwrap();
        assert_eq!((found.id, found.user_id), (first.id, ada));
        assert_eq!((found.created_at, found.last_used_at), (at(1), at(1)));
        assert!(identities::find(&mut tx, "google", "A").await.unwrap().is_none());

        assert!(
            identities::note_use(&mut tx, first.id, ada, None, at(7))
                .await
                .unwrap()
        );
        assert!(
            !identities::note_use(&mut tx, first.id, bob, None, at(8))
                .await
                .unwrap()
        );
        let second = identity(13, ada, "b");
        assert!(identities::insert_missing(&mut tx, &second).await.unwrap());
        let listed = identities::list(&mut tx, ada).await.unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!((listed[0].id, listed[0].last_used_at), (first.id, at(7)));
        assert_eq!(listed[0].email, None);

        assert!(
            identities::delete(&mut tx, bob, first.id)
                .await
                .unwrap()
                .is_none()
        );
        let gone = identities::delete(&mut tx, ada, first.id).await.unwrap().unwrap();
        assert_eq!(gone.subject, "a");
        let late = |number, since| Identity {
            created_at: at(since),
            ..identity(number, ada, &number.to_string())
        };
        for identity in [late(15, 21), late(14, 20), late(16, 19)] {
            assert!(identities::insert_missing(&mut tx, &identity).await.unwrap());
        }
        let of_bob = identity(17, bob, "c");
        assert!(identities::insert_missing(&mut tx, &of_bob).await.unwrap());
        let gone = identities::delete_since(&mut tx, ada, at(20)).await.unwrap();
        let gone: Vec<_> = gone.into_iter().map(|identity| identity.subject).collect();
        assert_eq!(gone, ["14", "15"], "in order, and nobody else's");
        assert_eq!(identities::list(&mut tx, ada).await.unwrap().len(), 2);
        assert!(identities::find(&mut tx, "google", "c").await.unwrap().is_some());
        identities::delete_all(&mut tx, ada).await.unwrap();
        assert!(identities::list(&mut tx, ada).await.unwrap().is_empty());
        users::erase(&mut tx, bob).await.unwrap();
        assert!(identities::find(&mut tx, "github", "a").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn name_and_avatar_are_taken_over_once() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let mut tx = scene.single().await;
        for (avatar, name) in [
            ("https://a.example/1", None),
            ("https://a.example/2", Some("Eve")),
        ] {
            let user = users::adopt_profile(&mut tx, ada, name, Some(avatar), at(5)).await;
            let user = user.unwrap().unwrap();
            assert_eq!(user.name.as_deref(), Some("Ada"));
            assert_eq!(user.avatar_url.as_deref(), Some("https://a.example/1"));
        }
        let nobody = users::adopt_profile(&mut tx, UserId::from(NOBODY), None, None, at(5)).await;
        assert!(nobody.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_flow_is_taken_out_of_its_step_once() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let mut tx = scene.single().await;
        let flow = Flow {
            step: Step::Code,
            provider: "google".to_owned(),
            redirect_to: "https://app.example.org/".to_owned(),
            code_challenge: "challenge".to_owned(),
            linker: Some((ada, session_id(5))),
            profile: Some(vec![1, 2, 3]),
            expires_at: at(100),
        };
        let sign_in = Flow {
            step: Step::Provider,
            linker: None,
            profile: None,
            ..flow.clone()
        };
        oauth_flows::insert(&mut tx, &hash("code"), &flow).await.unwrap();
        oauth_flows::insert(&mut tx, &hash("state"), &sign_in)
            .await
            .unwrap();

        for (secret, linker) in [("code", Some(ada)), ("state", None), ("other", None)] {
            let found = oauth_flows::find_linker(&mut tx, &hash(secret)).await.unwrap();
            assert_eq!(found, linker, "{secret}");
        }
        for (secret, step, now) in [
            ("code", Step::Provider, 50),
            ("code", Step::Link, 50),
            ("state", Step::Code, 50),
            ("code", Step::Code, 100),
            ("other", Step::Code, 50),
        ] {
            let found = oauth_flows::consume(&mut tx, &hash(secret), step, at(now))
                .await
                .unwrap();
            assert!(found.is_none(), "{secret} {step:?} {now}");
        }
        let taken = oauth_flows::consume(&mut tx, &hash("code"), Step::Code, at(99))
            .await
            .unwrap();
        let taken = taken.unwrap();
        assert_eq!((taken.step, taken.linker), (Step::Code, flow.linker));
        assert_eq!((taken.profile, taken.expires_at), (flow.profile, at(100)));
        assert_eq!(
            (taken.provider, taken.redirect_to),
            (flow.provider, flow.redirect_to)
        );
        let again = oauth_flows::consume(&mut tx, &hash("code"), Step::Code, at(99))
            .await
            .unwrap();
        assert!(again.is_none());

        assert_eq!(oauth_flows::purge(&mut tx, at(100)).await.unwrap(), 0);
        assert_eq!(oauth_flows::purge(&mut tx, at(101)).await.unwrap(), 1);
        let link = Flow {
            step: Step::Link,
            ..sign_in
        };
        let link = Flow {
            linker: Some((ada, session_id(5))),
            ..link
        };
        oauth_flows::insert(&mut tx, &hash("ticket"), &link)
            .await
            .unwrap();
        users::erase(&mut tx, ada).await.unwrap();
        assert_eq!(number(&mut tx, "select count(*) from oauth_flows").await, 0);
    }
}
