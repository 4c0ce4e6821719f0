//! `sessions`: how one begins, and what is read of it.

use portcullis::ids::{SessionId, UserId};
use portcullis::store::known_devices::Device;
use portcullis::store::sessions::{EndReason, EndScope, Ending, NewSession};
use portcullis::store::users::Status;
use portcullis::store::{known_devices, sessions, users};

use super::{Scene, at, both, email, session_id};

/// A session that begins at 10, is idle at 100 and over at 1000.
pub(super) fn new_session(number: u128, user_id: UserId) -> NewSession {
    NewSession {
        id: session_id(number),
        user_id,
        at: at(10),
        amr: vec!["pwd".to_owned()],
        idle_expires_at: at(100),
        expires_at: at(1_000),
        ip: Some("192.0.2.1".to_owned()),
        network: Some("192.0.2.1".to_owned()),
        user_agent: Some("a browser".to_owned()),
        device: Some("a phone".to_owned()),
    }
}

impl Scene {
    /// Writes a [`new_session`].
    pub(super) async fn session(&self, number: u128, user_id: UserId) -> SessionId {
        let new = new_session(number, user_id);
        let mut tx = self.single().await;
        sessions::insert(&mut tx, &new).await.unwrap();
        new.id
    }
}

/// An end that tells the person something.
pub(super) fn ending(reason: EndReason, scope: EndScope) -> Ending {
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
async fn a_sign_in_reads_who_it_may_be_and_replaces_a_hash_that_nobody_changed() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let bob = scene.user(2, "bob@example.org").await;
        scene.session(11, ada).await;
        let mut tx = scene.single().await;
        let (address, bobs) = (email("ada@example.org"), email("bob@example.org"));
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
            assert_eq!((who.signed_in_before, who.device_seen_at), (true, None));
        }
        let who = sessions::candidate(&mut tx, &bobs, device("192.0.2.1")).await;
        let who = who.unwrap().unwrap();
        assert_eq!((who.signed_in_before, who.device_seen_at), (false, None));
        known_devices::remember(&mut tx, bob, device("192.0.2.1"), at(15))
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
            let who = sessions::candidate(&mut tx, &bobs, device)
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

        assert!(users::rehash(&mut tx, ada, "old hash", "better").await.unwrap());
        assert!(!users::rehash(&mut tx, ada, "old hash", "worse").await.unwrap());
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
async fn sessions_are_listed_for_their_owner_also_when_they_have_ended() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let bob = scene.user(2, "bob@example.org").await;
        for (number, user) in [(11, ada), (12, ada), (21, bob)] {
            scene.session(number, user).await;
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
        let begun = ("192.0.2.1".to_owned(), Some("a browser".to_owned()));
        assert_eq!(place, Some(begun));
        assert_eq!(sessions::place(&mut tx, session_id(404)).await.unwrap(), None);
        let methods = sessions::methods(&mut tx, session_id(11)).await.unwrap();
        assert_eq!(methods, ["pwd"]);
        assert!(
            sessions::methods(&mut tx, session_id(404))
                .await
                .unwrap()
                .is_empty()
        );
    }
}
