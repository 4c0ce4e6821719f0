//! What managers read and change: lists by pages, roles and those who hold them, the end of an account.

use portcullis::ids::{MailId, SessionId, UserId};
use portcullis::store::journal::{Change, NewEntry};
use portcullis::store::known_devices::Device;
use portcullis::store::mailed_tokens::{NewToken, Purpose};
use portcullis::store::mails::NewMail;
use portcullis::store::sessions::{EndReason, EndScope, Ending, NewSession};
use portcullis::store::users::{Filter, Status};
use portcullis::store::{
    Page, Tx, journal, known_devices, mailed_tokens, mails, refresh_tokens, roles, sessions, users,
};
use uuid::Uuid;

use super::sessions::new_session;
use super::{NOBODY, at, both, email, hash, number, session_id, text};

fn names(page: &Page<users::User, UserId>) -> Vec<&str> {
    let addresses = page.items.iter().map(|user| user.email.as_str());
    addresses
        .map(|address| address.split('@').next().unwrap())
        .collect()
}

#[tokio::test]
async fn t11_users_are_listed_by_role_status_and_text_and_wildcards_are_plain() {
    for scene in both().await {
        let ada = scene.user(10, "ada@example.org").await;
        let bob = scene.user(20, "bob_100@example.org").await;
        let eve = scene.user(30, "eve@example.com").await;
        let mut tx = scene.single().await;
        for nameless in [ada, bob] {
            users::set_name(&mut tx, nameless, None, at(40)).await.unwrap();
        }
        users::set_name(&mut tx, eve, Some(r"O'Hara 50% \ Éva"), at(40))
            .await
            .unwrap();
        users::set_site_role(&mut tx, bob, "admin", at(41)).await.unwrap();
        let (active, disabled) = (Status::Active, Status::Disabled);
        users::set_status(&mut tx, eve, active, disabled, at(42))
            .await
            .unwrap();

        let all = Filter::default();
        let page = users::list(&mut tx, &all, None, 10).await.unwrap();
        assert_eq!((names(&page), page.next), (vec!["eve", "bob_100", "ada"], None));
        let page = users::list(&mut tx, &all, None, 2).await.unwrap();
        assert_eq!((names(&page), page.next), (vec!["eve", "bob_100"], Some(bob)));
        let page = users::list(&mut tx, &all, Some(bob), 2).await.unwrap();
        assert_eq!((names(&page), page.next), (vec!["ada"], None));
        // A page ends by a number, and not by a row that may be gone.
        let page = users::list(&mut tx, &all, Some(Uuid::from_u128(29).into()), 10).await;
        assert_eq!(names(&page.unwrap()), ["bob_100", "ada"]);

        for (wanted, found) in [
            ("ADA", vec!["ada"]),
            ("example.org", vec!["bob_100", "ada"]),
            ("_", vec!["bob_100"]),
            ("b_1", vec!["bob_100"]),
            ("%", vec!["eve"]),
            ("50%", vec!["eve"]),
            (r"\", vec!["eve"]),
            ("o'hara", vec!["eve"]),
            ("Éva", vec!["eve"]),
            ("a%a", vec![]),
            ("' or 1=1 --", vec![]),
        ] {
            let which = Filter {
                text: Some(wanted.to_owned()),
                ..Filter::default()
            };
            let page = users::list(&mut tx, &which, None, 10).await.unwrap();
            assert_eq!(names(&page), found, "{wanted}");
        }
        for (role, status, wanted, found) in [
            (Some("user"), None, None, vec!["eve", "ada"]),
            (Some("admin"), None, None, vec!["bob_100"]),
            (Some("nobody"), None, None, vec![]),
            (None, Some(disabled), None, vec!["eve"]),
            (None, Some(Status::Pending), None, vec![]),
            (Some("user"), Some(active), None, vec!["ada"]),
            (Some("admin"), Some(disabled), None, vec![]),
            (Some("user"), Some(disabled), Some("com"), vec!["eve"]),
            (Some("user"), Some(disabled), Some("org"), vec![]),
        ] {
            let which = Filter {
                text: wanted.map(str::to_owned),
                role: role.map(str::to_owned),
                status,
            };
            let page = users::list(&mut tx, &which, None, 10).await.unwrap();
            assert_eq!(names(&page), found, "{which:?}");
        }
    }
}

#[tokio::test]
async fn a_role_is_changed_with_everybody_who_holds_it_and_deleted_when_nobody_does() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let bob = scene.user(2, "bob@example.org").await;
        let eve = scene.user(3, "eve@example.org").await;
        let mut tx = scene.db.begin().await.unwrap();
        assert!(
            roles::insert_missing(&mut tx, "editor", &[], at(1))
                .await
                .unwrap()
        );
        assert!(
            !roles::insert_missing(&mut tx, "editor", &[], at(1))
                .await
                .unwrap()
        );
        for id in [ada, bob] {
            users::set_site_role(&mut tx, id, "editor", at(2)).await.unwrap();
        }
        let wanted = ["app.write".to_owned(), "app.read".to_owned()];
        let shared = roles::find_shared(&mut tx, "editor").await.unwrap();
        let found = roles::find_exclusively(&mut tx, "editor").await.unwrap().unwrap();
        assert_eq!(shared.as_ref(), Some(&found));
        assert!(found.permissions.is_empty());
        assert!(
            roles::find_exclusively(&mut tx, "nobody")
                .await
                .unwrap()
                .is_none()
        );
        roles::set_permissions(&mut tx, "editor", &wanted, at(3))
            .await
            .unwrap();
        assert_eq!(users::grow_versions(&mut tx, "editor", at(3)).await.unwrap(), 2);
        assert_eq!(users::grow_versions(&mut tx, "nobody", at(3)).await.unwrap(), 0);

        let asked = [eve, bob, NOBODY.into()];
        let states = users::auth_states(&mut tx, "editor", &asked).await.unwrap();
        let [(id, state)] = states.as_slice() else {
            panic!("{states:?}")
        };
        assert_eq!((*id, state.version, state.role.as_str()), (bob, 3, "editor"));
        assert_eq!(state.permissions, wanted, "in the order that was given");
        let eve = users::find(&mut tx, eve).await.unwrap().unwrap();
        assert_eq!(eve.version, 1);

        let listed = roles::list(&mut tx).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|role| role.name.as_str()).collect();
        assert_eq!(listed, ["admin", "editor", "user"]);
        roles::delete(&mut tx, "admin").await.unwrap();
        assert!(roles::find(&mut tx, "admin").await.unwrap().is_none());
        roles::delete(&mut tx, "editor").await.unwrap_err();
    }
}

#[tokio::test]
async fn a_row_that_concerns_a_role_is_told_from_those_of_users() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let mut tx = scene.single().await;
        let role = Change::RoleUpdated {
            role: "editor".to_owned(),
        };
        let mut written = Vec::new();
        for (user, change) in [(None, role), (Some(ada), Change::Bulk)] {
            let entry = NewEntry {
                user_id: user,
                session_id: None,
                version: None,
                change,
            };
            written.push(journal::append(&mut tx, entry, at(5)).await.unwrap());
        }
        let numbers: Vec<i64> = written.iter().map(|row| row.position.sequence).collect();
        assert!(journal::is_of_role(&mut tx, numbers[0]).await.unwrap());
        assert!(!journal::is_of_role(&mut tx, numbers[1]).await.unwrap());
        assert!(!journal::is_of_role(&mut tx, 404).await.unwrap());
    }
}

async fn session(tx: &mut Tx, count: u128, user_id: UserId, idle_expires_at: i64) -> SessionId {
    let new = NewSession {
        idle_expires_at: at(idle_expires_at),
        ..new_session(count, user_id)
    };
    sessions::insert(tx, &new).await.unwrap();
    new.id
}

fn ended(reason: EndReason) -> Ending {
    Ending {
        reason,
        scope: EndScope::User,
        message: Some("Bye, Ada".to_owned()),
    }
}

#[tokio::test]
async fn live_sessions_are_listed_newest_first_and_no_others() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let bob = scene.user(2, "bob@example.org").await;
        let mut tx = scene.single().await;
        for (count, user, idle) in [(11, ada, 100), (12, bob, 100), (13, ada, 100), (14, ada, 50)] {
            session(&mut tx, count, user, idle).await;
        }
        let revoked = session(&mut tx, 15, ada, 100).await;
        let how = ended(EndReason::Logout);
        sessions::end(&mut tx, revoked, &how, at(20)).await.unwrap();

        let ids = |rows: &[sessions::Listed]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
        let [s11, s12, s13] = [11, 12, 13].map(session_id);
        let page = sessions::list_live(&mut tx, None, None, 10, at(60))
            .await
            .unwrap();
        assert_eq!((ids(&page.items), page.next), (vec![s13, s12, s11], None));
        let first = &page.items[0];
        assert_eq!((first.user_id, first.created_at), (ada, at(10)));
        assert_eq!(first.device.as_deref(), Some("a phone"));
        let page = sessions::list_live(&mut tx, None, None, 2, at(60)).await.unwrap();
        assert_eq!((ids(&page.items), page.next), (vec![s13, s12], Some(s12)));
        let page = sessions::list_live(&mut tx, None, Some(s12), 2, at(60)).await;
        assert_eq!(ids(&page.unwrap().items), [s11]);
        let page = sessions::list_live(&mut tx, Some(ada), None, 10, at(60)).await;
        assert_eq!(ids(&page.unwrap().items), [s13, s11]);
        let page = sessions::list_live(&mut tx, None, None, 10, at(1_000)).await;
        assert!(page.unwrap().items.is_empty());

        let asked = [s11, session_id(14), revoked, session_id(404), s12];
        let found = sessions::find_live(&mut tx, &asked, at(60)).await.unwrap();
        assert_eq!(ids(&found), [s12, s11]);
        assert!(
            sessions::find_live(&mut tx, &[], at(60))
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn who_is_erased_leaves_tombstones_and_nothing_that_says_who_it_was() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let bob = scene.user(2, "bob@example.org").await;
        let mut tx = scene.db.begin().await.unwrap();
        for (count, user) in [(11, ada), (12, bob)] {
            let id = session(&mut tx, count, user, 100).await;
            let token = hash(&count.to_string());
            refresh_tokens::insert(&mut tx, &token, id, 1, at(10))
                .await
                .unwrap();
            let how = ended(EndReason::AccountDeleted);
            sessions::end(&mut tx, id, &how, at(20)).await.unwrap();
            let mail = NewMail {
                id: MailId::from(Uuid::from_u128(count)),
                kind: "recovery",
                user_id: Some(user),
                content: b"sealed",
                created_at: at(10),
            };
            mails::insert(&mut tx, &mail).await.unwrap();
            let token = NewToken {
                hash: hash(&format!("mailed {count}")),
                purpose: Purpose::Recovery,
                user_id: user,
                email: &email("ada@example.org"),
                password_hash: None,
                name: Some("Ada"),
                session_id: None,
                created_at: at(10),
                expires_at: at(100),
            };
            mailed_tokens::insert(&mut tx, &token).await.unwrap();
            let device = Device {
                network: "192.0.2.1",
                agent: "a browser",
            };
            known_devices::remember(&mut tx, user, device, at(10))
                .await
                .unwrap();
        }
        assert!(users::erase(&mut tx, ada).await.unwrap());
        assert!(!users::erase(&mut tx, ada).await.unwrap());
        assert!(users::find(&mut tx, ada).await.unwrap().is_none());
        for (table, sql) in [
            ("users", "select count(*) from users"),
            ("refresh_tokens", "select count(*) from refresh_tokens"),
            ("mails", "select count(*) from mails"),
            ("mailed_tokens", "select count(*) from mailed_tokens"),
            ("known_devices", "select count(*) from known_devices"),
        ] {
            assert_eq!(number(&mut tx, sql).await, 1, "{table}: Bob's");
        }
        let tombstone = "select ip || network || coalesce(user_agent, '') || coalesce(device, '')
            || coalesce(revoked_message, '') || revoked_reason || cast(revoked_at as text)
            from sessions where device is null";
        assert_eq!(text(&mut tx, tombstone).await, "account_deleted20");
        let whole = "select count(*) from sessions where ip = '192.0.2.1' and device = 'a phone'";
        assert_eq!(number(&mut tx, whole).await, 1, "Bob's");
        let buried = sessions::list_all(&mut tx, ada).await.unwrap();
        assert_eq!(buried.len(), 1);
        assert_eq!((&buried[0].ip, &buried[0].user_agent), (&None, &None));
    }
}

#[tokio::test]
async fn mails_are_listed_by_status_without_what_they_say() {
    for scene in both().await {
        let mut tx = scene.single().await;
        for (count, kind) in [(1, "recovery"), (2, "decoy"), (3, "activation"), (4, "recovery")] {
            let mail = NewMail {
                id: MailId::from(Uuid::from_u128(count)),
                kind,
                user_id: None,
                content: b"sealed",
                created_at: at(i64::try_from(count).unwrap()),
            };
            mails::insert(&mut tx, &mail).await.unwrap();
        }
        let [one, three, four] = [1, 3, 4].map(|count| MailId::from(Uuid::from_u128(count)));
        mails::mark_sent(&mut tx, one, at(9)).await.unwrap();
        mails::give_up(&mut tx, three, "no such box").await.unwrap();
        let (waiting, sent) = (mails::Status::Waiting, mails::Status::Sent);
        for (status, found) in [
            (None, vec![four, three, one]),
            (Some(waiting), vec![four]),
            (Some(sent), vec![one]),
            (Some(mails::Status::Failed), vec![three]),
        ] {
            let page = mails::list(&mut tx, status, "decoy", None, 10).await.unwrap();
            let ids: Vec<MailId> = page.items.iter().map(|mail| mail.id).collect();
            assert_eq!((ids, page.next), (found, None), "{status:?}");
        }
        let page = mails::list(&mut tx, None, "decoy", None, 1).await.unwrap();
        assert_eq!(page.next, Some(four));
        let page = mails::list(&mut tx, None, "decoy", page.next, 1).await.unwrap();
        let given_up = &page.items[0];
        assert_eq!(given_up.last_error.as_deref(), Some("no such box"));
        assert_eq!((given_up.created_at, given_up.sent_at), (at(3), None));
    }
}
