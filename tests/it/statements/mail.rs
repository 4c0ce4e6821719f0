//! `mails`, `mailbox`.

use portcullis::ids::MailId;
use portcullis::store::mailbox::CaughtMail;
use portcullis::store::mails::{Claimed, NewMail};
use portcullis::store::{Tx, mailbox, mails};
use uuid::Uuid;

use super::{at, both, number};

fn mail_id(number: u128) -> MailId {
    Uuid::from_u128(number).into()
}

async fn put(tx: &mut Tx, count: u128, created: i64) -> MailId {
    let mail = NewMail {
        id: mail_id(count),
        kind: "recovery",
        user_id: None,
        content: b"sealed",
        created_at: at(created),
    };
    mails::insert(tx, &mail).await.unwrap();
    mail.id
}

async fn claim(tx: &mut Tx, now: i64, lease: i64) -> Option<Claimed> {
    mails::claim(tx, at(now), at(lease)).await.unwrap()
}

#[tokio::test]
async fn the_longest_due_mail_is_claimed_first_and_hidden_for_its_lease() {
    for scene in both().await {
        let mut tx = scene.single().await;
        assert!(!mails::any_due(&mut tx, at(50)).await.unwrap());
        assert!(claim(&mut tx, 50, 60).await.is_none());
        assert_eq!(mails::oldest_waiting(&mut tx).await.unwrap(), None);
        let (late, early) = (put(&mut tx, 1, 20).await, put(&mut tx, 2, 10).await);
        assert!(!mails::any_due(&mut tx, at(9)).await.unwrap());
        assert!(mails::any_due(&mut tx, at(10)).await.unwrap());

        let first = claim(&mut tx, 50, 100).await.unwrap();
        assert_eq!((first.id, first.attempts, first.created_at), (early, 1, at(10)));
        assert_eq!(
            (first.kind.as_str(), first.content.as_slice()),
            ("recovery", &b"sealed"[..])
        );
        assert_eq!(claim(&mut tx, 50, 100).await.unwrap().id, late);
        assert_eq!(mails::oldest_waiting(&mut tx).await.unwrap(), Some(at(10)));
        assert!(claim(&mut tx, 99, 200).await.is_none(), "both are being sent");
        let again = claim(&mut tx, 100, 200).await.unwrap();
        assert_eq!(again.attempts, 2, "whoever took it has died");

        mails::postpone(&mut tx, early, at(500), "no route")
            .await
            .unwrap();
        mails::postpone(&mut tx, late, at(400), "no route").await.unwrap();
        assert!(!mails::any_due(&mut tx, at(399)).await.unwrap());
        assert_eq!(claim(&mut tx, 500, 600).await.unwrap().id, late);
    }
}

#[tokio::test]
async fn t14_a_mail_that_was_sent_or_given_up_leaves_no_content() {
    for scene in both().await {
        let mut tx = scene.single().await;
        let (sent, failed) = (put(&mut tx, 1, 10).await, put(&mut tx, 2, 10).await);
        let (waiting, discarded) = (put(&mut tx, 3, 10).await, put(&mut tx, 4, 10).await);
        mails::mark_sent(&mut tx, sent, at(20)).await.unwrap();
        mails::give_up(&mut tx, failed, "refused").await.unwrap();
        mails::discard(&mut tx, discarded).await.unwrap();
        let kept = "select count(*) from mails where content is not null";
        assert_eq!(number(&mut tx, kept).await, 1, "the waiting one");
        // What has ended stays as it ended.
        mails::give_up(&mut tx, sent, "late").await.unwrap();
        mails::mark_sent(&mut tx, failed, at(30)).await.unwrap();
        mails::postpone(&mut tx, sent, at(40), "late").await.unwrap();
        let as_ended = "select count(*) from mails where (status = 'sent' and sent_at = 20
            and last_error is null) or (status = 'failed' and last_error = 'refused')";
        assert_eq!(number(&mut tx, as_ended).await, 2);
        let oldest = mails::oldest_waiting(&mut tx).await.unwrap();
        assert_eq!(oldest, Some(at(10)), "the waiting one");
        assert_eq!(mails::purge(&mut tx, at(10)).await.unwrap(), 0);
        assert_eq!(
            mails::purge(&mut tx, at(11)).await.unwrap(),
            2,
            "never a waiting one"
        );
        assert_eq!(claim(&mut tx, 50, 60).await.unwrap().id, waiting);
    }
}

/// The dialects differ here: PostgreSQL skips rows that another node holds.
#[tokio::test]
async fn two_claims_at_once_never_take_one_mail() {
    for scene in both().await {
        let mut tx = scene.single().await;
        for count in 1..=8 {
            put(&mut tx, count, 10).await;
        }
        drop(tx);
        let mut claims = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let db = scene.db.clone();
            claims.spawn(async move {
                let mut tx = db.begin().await.unwrap();
                let mail = claim(&mut tx, 50, 100).await;
                tx.commit().await.unwrap();
                mail.map(|mail| mail.id)
            });
        }
        let mut taken: Vec<_> = claims.join_all().await.into_iter().flatten().collect();
        let count = taken.len();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), count, "{}: none twice", scene.db.kind());
        // Who found all rows held comes again; nothing is lost.
        let mut tx = scene.single().await;
        while let Some(mail) = claim(&mut tx, 50, 100).await {
            taken.push(mail.id);
        }
        assert_eq!(taken.len(), 8, "{}", scene.db.kind());
    }
}

#[tokio::test]
async fn caught_mails_are_kept_once_and_shown_newest_first() {
    for scene in both().await {
        let mut tx = scene.single().await;
        for (count, subject, sent) in [
            (1, "old", 10),
            (2, "new", 30),
            (3, "middle", 20),
            (1, "again", 40),
        ] {
            let mail = CaughtMail {
                id: mail_id(count),
                to: "ada@example.org".to_owned(),
                subject: subject.to_owned(),
                text: "text".to_owned(),
                html: "<p>text</p>".to_owned(),
                links: vec!["http://127.0.0.1/activate/x".to_owned()],
                token: (count == 2).then(|| "x".to_owned()),
                sent_at: at(sent),
            };
            mailbox::insert(&mut tx, &mail).await.unwrap();
        }
        let all = mailbox::list(&mut tx, 10).await.unwrap();
        let subjects: Vec<_> = all.iter().map(|mail| mail.subject.as_str()).collect();
        assert_eq!(
            subjects,
            ["new", "middle", "old"],
            "a mail stays as it was caught"
        );
        assert_eq!(all[0].links, ["http://127.0.0.1/activate/x"]);
        assert_eq!(
            (all[0].token.as_deref(), all[1].token.as_deref()),
            (Some("x"), None)
        );
        assert_eq!(mailbox::list(&mut tx, 1).await.unwrap().len(), 1);
        assert_eq!(mailbox::purge(&mut tx, 2).await.unwrap(), 1);
        assert_eq!(mailbox::purge(&mut tx, 2).await.unwrap(), 0);
        let left = mailbox::list(&mut tx, 10).await.unwrap();
        assert!(left.iter().all(|mail| mail.subject != "old"));
    }
}

#[tokio::test]
async fn the_mails_about_a_person_are_listed_and_no_others() {
    for scene in both().await {
        let ada = scene.user(1, "ada@example.org").await;
        let mut tx = scene.single().await;
        put(&mut tx, 1, 10).await;
        for (count, created) in [(2, 30), (3, 20)] {
            let mail = NewMail {
                id: mail_id(count),
                kind: "recovery",
                user_id: Some(ada),
                content: b"sealed",
                created_at: at(created),
            };
            mails::insert(&mut tx, &mail).await.unwrap();
        }
        mails::mark_sent(&mut tx, mail_id(3), at(40)).await.unwrap();
        let list = mails::list_of(&mut tx, ada).await.unwrap();
        let about: Vec<_> = list
            .iter()
            .map(|mail| {
                (
                    mail.id,
                    mail.kind.as_str(),
                    mail.status,
                    mail.created_at,
                    mail.sent_at,
                )
            })
            .collect();
        assert_eq!(
            about,
            [
                (mail_id(3), "recovery", mails::Status::Sent, at(20), Some(at(40))),
                (mail_id(2), "recovery", mails::Status::Waiting, at(30), None),
            ]
        );
    }
}
