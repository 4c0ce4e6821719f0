//! `revocations` and `audit`: what an act of revocation ends, and all that it writes.

use portcullis::ids::{AuditId, RevocationId, SessionId, UserId};
use portcullis::store::journal::{Change, NewEntry};
use portcullis::store::revocations::{Act, Done, Row};
use portcullis::store::sessions::{EndReason, EndScope, Ending, NewSession, Selection};
use portcullis::store::{Error, Tx, audit, journal, revocations, sessions, users};
use serde_json::{Value, json};
use uuid::Uuid;

use super::sessions::new_session;
use super::{Scene, at, both, number, session_id};

fn log_line(number: u128) -> audit::Row {
    audit::Row {
        id: AuditId::from(Uuid::from_u128(number)),
        at: at(6),
        action: "session.revoke",
        actor: "operator".to_owned(),
        user_id: Some(Uuid::from_u128(1).into()),
        session_id: None,
        ip: Some("192.0.2.1".to_owned()),
        outcome: "ok",
        request_id: None,
        details: r#"{"reason":"left"}"#.to_owned(),
    }
}

/// An act at the time 5, with the id `number`.
fn act(number: u128, which: Selection, change: Change) -> Act {
    let (user_id, session_id) = match which {
        Selection::User { id, .. } => (Some(id), None),
        Selection::Session(id) => (Some(Uuid::from_u128(1).into()), Some(id)),
        Selection::Role(_) | Selection::All => (None, None),
    };
    Act {
        row: Row {
            id: RevocationId::from(Uuid::from_u128(number)),
            at: at(5),
            actor: "operator".to_owned(),
            selector: "{}".to_owned(),
            reason: "left".to_owned(),
            message: Some("Bye".to_owned()),
        },
        which,
        ending: Ending {
            reason: EndReason::Revoked,
            scope: EndScope::User,
            message: Some("Bye".to_owned()),
        },
        entry: NewEntry {
            user_id,
            session_id,
            version: None,
            change,
        },
        audit: log_line(number),
    }
}

async fn carry_out(tx: &mut Tx, number: u128, which: Selection, change: Change) -> Done {
    revocations::carry_out(tx, act(number, which, change))
        .await
        .unwrap()
}

fn ended(except: Option<SessionId>) -> Change {
    Change::UserSessionsEnded {
        reason: EndReason::Revoked,
        except,
        message: None,
    }
}

/// Ada with three sessions, 11 to 13, of which the last is over by time; Eve, an admin, with one, 21.
async fn people(scene: &Scene) -> (UserId, UserId) {
    let ada = scene.user(1, "ada@example.org").await;
    let eve = scene.user(2, "eve@example.org").await;
    let mut tx = scene.single().await;
    users::set_site_role(&mut tx, eve, "admin", at(2)).await.unwrap();
    for (user, number, expires) in [(ada, 11, 99), (ada, 12, 99), (ada, 13, 5), (eve, 21, 99)] {
        let session = NewSession {
            at: at(1),
            idle_expires_at: at(expires),
            expires_at: at(expires),
            ..new_session(number, user)
        };
        sessions::insert(&mut tx, &session).await.unwrap();
    }
    (ada, eve)
}

#[tokio::test]
async fn an_act_ends_what_is_selected_and_writes_it_down_once() {
    for scene in both().await {
        let (ada, _) = people(&scene).await;
        let mut tx = scene.single().await;
        let one = Selection::Session(session_id(11));
        let rest = Selection::User {
            id: ada,
            except: Some(session_id(12)),
        };
        let all_of_ada = Selection::User {
            id: ada,
            except: None,
        };
        let admins = Selection::Role("admin".to_owned());
        let alone = Change::SessionEnded {
            reason: EndReason::Revoked,
            message: None,
        };
        for (id, which, change, count) in [
            (101, one.clone(), alone.clone(), 1),
            (102, one, alone, 0),
            (103, rest, ended(Some(session_id(12))), 0),
            (104, all_of_ada, ended(None), 1),
            (105, admins, Change::Bulk, 1),
            (106, Selection::All, Change::Bulk, 0),
        ] {
            let newest = journal::newest(&mut tx).await.unwrap();
            let trust = users::find(&mut tx, ada).await.unwrap().unwrap().browser_trust;
            let done = carry_out(&mut tx, id, which.clone(), change.clone()).await;
            let now = users::find(&mut tx, ada).await.unwrap().unwrap().browser_trust;
            assert_eq!(
                now > trust,
                change != Change::Bulk,
                "{id}: browsers of one person"
            );
            assert_eq!(done.sessions_revoked, count, "{id}");
            let sequence = done.mark.position.sequence;
            assert_eq!(sequence, journal::newest(&mut tx).await.unwrap(), "{id}");
            assert_eq!(sequence > newest, count > 0, "{id}: a row only for what ended");
            let found = revocations::find(&mut tx, Uuid::from_u128(id).into()).await;
            assert_eq!(found.unwrap(), Some(done.mark.clone()));
            let (_, snapshot) = journal::present(&mut tx).await.unwrap();
            assert!(!tx.is_postgres() || snapshot.includes(done.mark.position));
            let Some(entry) = done.entry else {
                assert_eq!(count, 0, "{id}");
                continue;
            };
            assert_eq!(
                (entry.position, entry.epoch),
                (done.mark.position, done.mark.epoch)
            );
            assert_eq!((entry.at, entry.change), (at(5), change));
            if let Some(user) = entry.user_id {
                let read = journal::read_for(&mut tx, user, sequence - 1, 1).await.unwrap();
                assert_eq!(
                    (read[0].position, read[0].session_id),
                    (entry.position, entry.session_id)
                );
            }
        }
        let over = "select count(*) from sessions where revoked_at = 5 and revoked_reason = 'revoked'
            and revoked_scope = 'user' and revoked_message = 'Bye'";
        assert_eq!(number(&mut tx, over).await, 3, "not what was over by time");
        let unknown = RevocationId::from(Uuid::from_u128(404));
        assert_eq!(revocations::find(&mut tx, unknown).await.unwrap(), None);
        let bulk = "select count(*) from journal where kind = 'bulk' and user_id is null and version is null";
        assert_eq!(number(&mut tx, bulk).await, 1);
    }
}

#[tokio::test]
async fn revocations_and_audit_rows_are_kept_whole() {
    for scene in both().await {
        let (ada, _) = people(&scene).await;
        let mut tx = scene.single().await;
        let which = Selection::User {
            id: ada,
            except: None,
        };
        carry_out(&mut tx, 101, which, ended(None)).await;
        let same = "select count(*) from revocations where sequence = 1 and at = 5 and reason = 'left'
            and message = 'Bye' and sessions_revoked = 2 and actor = 'operator' and selector = '{}'
            and epoch = 'first'";
        assert_eq!(number(&mut tx, same).await, 1);
        let whole = "select count(*) from audit where at = 6 and action = 'session.revoke'
            and actor = 'operator' and user_id is not null and session_id is null and ip = '192.0.2.1'
            and outcome = 'ok' and request_id is null";
        assert_eq!(number(&mut tx, whole).await, 1);
        let details = super::text(&mut tx, "select details from audit").await;
        let details: Value = serde_json::from_str(&details).unwrap();
        assert_eq!(details, json!({ "reason": "left", "sessions": 2 }));

        audit::insert(&mut tx, &log_line(102)).await.unwrap();
        assert_eq!(number(&mut tx, whole).await, 2);
        let twice = audit::insert(&mut tx, &log_line(102)).await.unwrap_err();
        assert!(matches!(twice, Error::Constraint(_)), "{twice}");
    }
}

#[tokio::test]
async fn an_act_that_cannot_be_written_down_ends_nothing() {
    for scene in both().await {
        people(&scene).await;
        let mut tx = scene.single().await;
        audit::insert(&mut tx, &log_line(101)).await.unwrap();
        drop(tx);
        // The log has a line of this id.
        let mut tx = scene.db.begin().await.unwrap();
        let refused = revocations::carry_out(&mut tx, act(101, Selection::All, Change::Bulk)).await;
        assert!(matches!(refused, Err(Error::Constraint(_))), "{refused:?}");
        drop(tx);
        let mut tx = scene.single().await;
        let live = sessions::count_live(&mut tx, &Selection::All, at(5)).await;
        assert_eq!(live.unwrap(), 3);
        assert_eq!(number(&mut tx, "select count(*) from journal").await, 0);
        assert_eq!(number(&mut tx, "select count(*) from revocations").await, 0);
    }
}

#[tokio::test]
async fn the_owner_of_a_session_is_found_also_when_it_has_ended() {
    for scene in both().await {
        let (ada, _) = people(&scene).await;
        let mut tx = scene.single().await;
        for number in [11, 13] {
            let owner = sessions::lock_owner(&mut tx, session_id(number)).await.unwrap();
            assert_eq!(owner.unwrap().id, ada);
        }
        assert!(
            sessions::lock_owner(&mut tx, session_id(404))
                .await
                .unwrap()
                .is_none()
        );
        // A tombstone has nobody, and is there all the same.
        assert!(users::erase(&mut tx, ada).await.unwrap());
        let owner = sessions::lock_owner(&mut tx, session_id(11)).await.unwrap();
        assert!(owner.is_none());
        assert!(sessions::exists(&mut tx, session_id(11)).await.unwrap());
        assert!(!sessions::exists(&mut tx, session_id(404)).await.unwrap());
    }
}

#[tokio::test]
async fn the_log_about_a_person_is_read_in_pages() {
    for scene in both().await {
        let mut tx = scene.single().await;
        for number in [103, 101, 102] {
            audit::insert(&mut tx, &log_line(number)).await.unwrap();
        }
        let of_another = audit::Row {
            user_id: Some(Uuid::from_u128(2).into()),
            ..log_line(104)
        };
        audit::insert(&mut tx, &of_another).await.unwrap();
        let ada = UserId::from(Uuid::from_u128(1));
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = audit::of_user(&mut tx, ada, after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.at, last.id));
            read.extend(page);
        }
        let numbers: Vec<u128> = read.iter().map(|line| line.id.uuid().as_u128()).collect();
        assert_eq!(numbers, [101, 102, 103]);
        let line = &read[0];
        assert_eq!(
            (line.at, line.action.as_str(), line.outcome.as_str()),
            (at(6), "session.revoke", "ok")
        );
        assert_eq!(
            (line.actor.as_str(), line.ip.as_deref()),
            ("operator", Some("192.0.2.1"))
        );
        assert_eq!((line.session_id, line.request_id.as_deref()), (None, None));
        assert_eq!(line.details, serde_json::json!({ "reason": "left" }));
    }
}
