//! The outbox and SMTP: every mail goes out once, to one receiver, and leaves nothing behind.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use portcullis::accounts::NewUser;
use portcullis::audit::{Actor, Origin};
use portcullis::email::Email;
use portcullis::roles::Permission::HubRead;
use portcullis::store::mails;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::eventually;
use crate::support::people::PASSWORD;
use crate::support::smtp::{Attempt, SmtpSink, Verdict};

const ADA: &str = "ada@example.org";
const NEW: &str = "a fresh passphrase nobody knew 4";

impl TestApp {
    async fn invite(&self, email: &str) {
        let user = NewUser {
            email: Email::parse(email).unwrap(),
            name: Some("Ada".to_owned()),
            role: "user".to_owned(),
            active: false,
            password: None,
            invite: true,
        };
        let by = Origin::local(Actor::Operator);
        self.app.accounts.create(user, &by).await.unwrap();
    }

    /// Waits until the newest mail stands as `status`, with `fault` as its last one.
    async fn newest_mail_stands(&self, status: &str, fault: &str) {
        let sql = "select status || '|' || coalesce(last_error, '') from mails order by id desc limit 1";
        let wanted = format!("{status}|{fault}");
        eventually(&format!("the newest mail is {wanted}"), || async {
            (self.text(sql).await == wanted).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn letters_arrive_and_their_content_is_erased() {
    let sink = SmtpSink::start().await;
    let hub = TestApp::sending_to(&sink).await;
    hub.register(ADA).await.expect(202);
    let token = sink.delivery(1).await.token("activate");
    hub.patch(&format!("/api/auth/activate/{token}"))
        .await
        .expect(200);
    hub.register(ADA).await.expect(202);
    sink.attempted(2).await;
    hub.post("/api/auth/recovery", json!({ "email": ADA }))
        .await
        .expect(202);
    let token = sink.delivery(3).await.token("recovery");
    hub.post(&format!("/api/auth/recovery/{token}"), json!({ "password": NEW }))
        .await
        .expect(204);
    sink.attempted(4).await;
    hub.invite("grace@example.org").await;
    let token = sink.delivery(5).await.token("recovery");
    hub.post(&format!("/api/auth/recovery/{token}"), json!({ "password": NEW }))
        .await
        .expect(204);
    sink.attempted(6).await;
    let signed_in = hub.try_sign_in(ADA, NEW).await.expect(200).json();
    let mut refresh = signed_in["refresh_token"].clone();
    for _ in 0..2 {
        let next = hub.try_refresh(refresh.as_str().unwrap()).await.expect(200);
        refresh = next.json()["refresh_token"].clone();
    }
    hub.after(Duration::from_mins(1));
    hub.try_refresh(signed_in["refresh_token"].as_str().unwrap())
        .await
        .problem(401, "refresh_reused");
    let mails = sink.attempted(7).await;

    for (mail, (to, subject)) in mails.iter().zip([
        (ADA, "Confirm your e-mail address"),
        (ADA, "You already have an account"),
        (ADA, "Choose a new password"),
        (ADA, "Your password was changed"),
        ("grace@example.org", "An account was made for you"),
        ("grace@example.org", "Your password was changed"),
        (ADA, "A session of yours was ended for safety"),
    ]) {
        mail.is_one_plain_mail(to);
        assert_eq!(mail.header("Subject"), subject);
        let body = mail.body();
        assert!(body.contains("Content-Type: text/plain; charset=utf-8"), "{body}");
        assert!(body.contains("Content-Type: text/html; charset=utf-8"), "{body}");
        assert!(body.contains("</html>"));
    }
    let ids: BTreeSet<&str> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), 7, "each has an id of its own");
    hub.outbox_is_empty().await;
    let sent = "select count(*) from mails where status = 'sent' and content is null and sent_at is not null";
    assert_eq!(hub.number(sent).await, 7);
    assert_eq!(hub.number("select count(*) from mailbox").await, 0);
}

#[tokio::test]
async fn what_a_server_says_decides_whether_a_mail_waits() {
    let sink = SmtpSink::start().await;
    let hub = TestApp::sending_to(&sink).await;
    for (name, verdict, status, fault) in [
        (
            "greylisted",
            Verdict::Refuse(451),
            "waiting",
            "the SMTP server answered 451",
        ),
        (
            "busy",
            Verdict::RefuseReceiver(450),
            "waiting",
            "the SMTP server answered 450",
        ),
        (
            "dropped",
            Verdict::Drop,
            "waiting",
            "the SMTP server hung up, or its answer makes no sense",
        ),
        // Our credentials: an operator can set them right.
        (
            "locked-out",
            Verdict::Refuse(535),
            "waiting",
            "the SMTP server answered 535",
        ),
        (
            "spam",
            Verdict::Refuse(550),
            "failed",
            "the SMTP server answered 550",
        ),
        (
            "nobody",
            Verdict::RefuseReceiver(550),
            "failed",
            "the SMTP server answered 550",
        ),
        ("well", Verdict::Take, "sent", ""),
    ] {
        let email = format!("{name}@example.org");
        sink.answer(&email, &[verdict]);
        hub.register(&email).await.expect(202);
        hub.mail_stands(&email, status, fault).await;
    }
    assert_eq!(sink.attempts().len(), 7);
    // No pause is longer than five seconds after the first attempt; what failed stays failed.
    hub.after(Duration::from_secs(5));
    for name in ["greylisted", "busy", "dropped", "locked-out"] {
        hub.mail_stands(&format!("{name}@example.org"), "sent", "").await;
    }
    hub.mail_stands("spam@example.org", "failed", "the SMTP server answered 550")
        .await;
    let attempts = sink.attempts();
    assert_eq!(attempts.len(), 11);
    let to_dropped: Vec<&Attempt> = attempts
        .iter()
        .filter(|attempt| attempt.receivers == ["RCPT TO:<dropped@example.org>"])
        .collect();
    let verdicts: Vec<Verdict> = to_dropped.iter().map(|attempt| attempt.verdict).collect();
    assert_eq!(verdicts, [Verdict::Drop, Verdict::Take]);
    // It may have arrived the first time: by its id a double can be recognised.
    assert_eq!(
        to_dropped[0].header("Message-ID"),
        to_dropped[1].header("Message-ID")
    );
}

/// A full mailbox or a greylisting server must not hold up somebody else's mail: the job looks once a
/// second by itself, and with each look all that is due goes out.
#[tokio::test]
async fn mails_that_a_server_puts_off_do_not_hold_up_the_others() {
    let sink = SmtpSink::start().await;
    let hub = TestApp::sending_to(&sink).await;
    for n in 0..12 {
        let email = format!("full{n}@example.org");
        sink.answer(&email, &[Verdict::RefuseReceiver(452), Verdict::Refuse(451)]);
        hub.register(&email).await.expect(202);
        hub.mail_stands(&email, "waiting", "the SMTP server answered 452")
            .await;
    }
    let started = Instant::now();
    hub.after(Duration::from_secs(5));
    sink.attempted(24).await;
    assert!(started.elapsed() < Duration::from_secs(10), "one a second");
}

#[tokio::test]
async fn a_mail_rests_between_attempts_and_is_given_up_after_a_day() {
    let sink = SmtpSink::start().await;
    let hub = TestApp::sending_to(&sink).await;
    sink.answer(ADA, &[Verdict::Refuse(451); 2]);
    hub.register(ADA).await.expect(202);
    let fault = "the SMTP server answered 451";
    hub.mail_stands(ADA, "waiting", fault).await;
    // The pause is 2.5 s at least: a mail that is enqueued later goes out before.
    hub.after(Duration::from_secs(2));
    hub.register("other@example.org").await.expect(202);
    hub.mail_stands("other@example.org", "sent", "").await;
    let to_ada = |attempts: Vec<Attempt>| {
        let to_ada = |attempt: &&Attempt| attempt.receivers[0].contains(ADA);
        attempts.iter().filter(to_ada).count()
    };
    assert_eq!(to_ada(sink.attempts()), 1);
    hub.after(Duration::from_secs(3));
    eventually("the second attempt", || async {
        (to_ada(sink.attempts()) == 2).then_some(())
    })
    .await;
    // Put back: the next attempt is nearer than the lease of the one that was made.
    let next = "select next_attempt_at from mails where attempts = 2";
    let pause = Duration::from_secs(10);
    eventually("the mail rests again", || async {
        (hub.number(next).await <= (hub.now() + pause).micros()).then_some(())
    })
    .await;
    hub.after(Duration::from_hours(24));
    hub.mail_stands(ADA, "failed", fault).await;
    assert_eq!(
        to_ada(sink.attempts()),
        2,
        "nobody is sent a link that has expired"
    );
}

#[tokio::test]
async fn a_recovery_is_not_sent_once_its_link_has_expired() {
    let sink = SmtpSink::start().await;
    let hub = TestApp::sending_to(&sink).await;
    hub.person(ADA, "user").await;
    let fault = "the SMTP server answered 451";
    // Down for ten minutes: it arrives.
    for (down, minutes) in [(1, 10), (2, 31)] {
        sink.answer(ADA, &[Verdict::Refuse(451)]);
        hub.post("/api/auth/recovery", json!({ "email": ADA }))
            .await
            .expect(202);
        hub.newest_mail_stands("waiting", fault).await;
        assert_eq!(sink.attempts().len(), 2 * down - 1);
        hub.after(Duration::from_mins(minutes));
        if minutes == 10 {
            hub.newest_mail_stands("sent", "").await;
        }
    }
    hub.newest_mail_stands("failed", fault).await;
    assert_eq!(sink.attempts().len(), 3, "the second one was tried once");
}

/// A mail that was never tried, because no node ran, has no fault of its own.
#[tokio::test]
async fn a_mail_that_nobody_tried_in_time_says_so() {
    let sink = SmtpSink::start().await;
    let hub = TestApp::sending_to(&sink).await;
    sink.answer("other@example.org", &[Verdict::Refuse(451)]);
    hub.register("other@example.org").await.expect(202);
    hub.mail_stands("other@example.org", "waiting", "the SMTP server answered 451")
        .await;
    let forgotten = "update mails set last_error = null, attempts = 0 returning attempts";
    assert_eq!(hub.number(forgotten).await, 0);
    hub.after(Duration::from_hours(24));
    hub.mail_stands("other@example.org", "failed", "no attempt was made in time")
        .await;
    assert_eq!(sink.attempts().len(), 1);
}

#[tokio::test]
async fn t14_a_waiting_mail_shows_nobody_its_token_or_its_words() {
    let sink = SmtpSink::start().await;
    let hub = TestApp::sending_to(&sink).await;
    sink.answer(ADA, &[Verdict::Refuse(451)]);
    let body = json!({ "email": ADA, "password": PASSWORD, "name": "Ada" });
    hub.post("/api/users", body).await.expect(202);
    hub.mail_stands(ADA, "waiting", "the SMTP server answered 451")
        .await;
    let mail = sink.delivery(1).await;
    let token = mail.token("activate");
    assert!(
        !hub.rows_with(ADA).await.is_empty(),
        "the scan finds what is there"
    );
    for secret in [
        token.as_str(),
        &token["pcm_".len()..],
        "Confirm your",
        "/activate/",
    ] {
        assert_eq!(hub.rows_with(secret).await, Vec::<String>::new(), "{secret}");
    }
    hub.after(Duration::from_secs(5));
    hub.mail_stands(ADA, "sent", "").await;
    hub.patch(&format!("/api/auth/activate/{token}"))
        .await
        .expect(200);
}

#[tokio::test]
async fn two_senders_do_not_send_one_mail_twice() {
    let sink = SmtpSink::start().await;
    let one = Tuning::new().configure(sink.configure()).spawn().await;
    let two = Tuning::new()
        .database(one.database_url.clone())
        .configure(sink.configure())
        .spawn()
        .await;
    let emails: Vec<String> = (0..24).map(|n| format!("ada{n}@example.org")).collect();
    let (one, two) = (&one, &two);
    join_all(emails.iter().enumerate().map(|(n, email)| async move {
        let hub = if n % 2 == 0 { one } else { two };
        hub.register(email).await.expect(202);
        one.app.cx.mail.wake();
        two.app.cx.mail.wake();
    }))
    .await;
    one.outbox_is_empty().await;
    let mut receivers: Vec<String> = sink
        .attempts()
        .into_iter()
        .flat_map(|attempt| attempt.receivers)
        .collect();
    receivers.sort_unstable();
    let mut wanted: Vec<String> = emails.iter().map(|email| format!("RCPT TO:<{email}>")).collect();
    wanted.sort_unstable();
    assert_eq!(receivers, wanted);
}

#[tokio::test]
async fn a_mail_is_claimed_by_one_and_comes_back_when_its_sender_died() {
    let sink = SmtpSink::start().await;
    let hub = TestApp::sending_to(&sink).await;
    let emails: Vec<String> = (0..8).map(|n| format!("ada{n}@example.org")).collect();
    for email in &emails {
        sink.answer(email, &[Verdict::Refuse(451)]);
        hub.register(email).await.expect(202);
        hub.mail_stands(email, "waiting", "the SMTP server answered 451")
            .await;
    }
    // Sixteen senders take what is due in ten seconds, and die with it.
    let due = hub.now() + Duration::from_secs(10);
    let lease = due + Duration::from_mins(1);
    let db = &hub.app.cx.db;
    let claims = join_all((0..16).map(|_| async move {
        let mut single = db.single().await.unwrap();
        mails::claim(&mut single, due, lease).await.unwrap()
    }))
    .await;
    let claimed: Vec<String> = claims
        .into_iter()
        .flatten()
        .map(|mail| mail.id.to_string())
        .collect();
    let distinct: BTreeSet<&String> = claimed.iter().collect();
    assert!(
        !claimed.is_empty() && claimed.len() == distinct.len(),
        "{claimed:?}"
    );
    hub.after(Duration::from_secs(10) + Duration::from_mins(1));
    for email in &emails {
        hub.mail_stands(email, "sent", "").await;
    }
    assert_eq!(sink.attempts().len(), 16);
}

#[tokio::test]
async fn the_outbox_is_listed_without_what_it_says() {
    let hub = TestApp::spawn().await;
    let key = hub.service_key(&[HubRead]).await;
    hub.register("ada@example.org").await.expect(202);
    hub.post("/api/auth/recovery", json!({ "email": "nobody@example.org" }))
        .await
        .expect(202);
    hub.outbox_is_empty().await;
    let list = hub.get_as(&key, "/api/mails").await.expect(200).json();
    assert_eq!(list["next_cursor"], Value::Null);
    insta::assert_json_snapshot!(list["items"], {
        "[].id" => "[id]", "[].user_id" => "[id]", "[].created_at" => "[time]", "[].sent_at" => "[time]",
    }, @r#"
    [
      {
        "attempts": 1,
        "created_at": "[time]",
        "id": "[id]",
        "kind": "activation",
        "last_error": null,
        "next_attempt_at": null,
        "sent_at": "[time]",
        "status": "sent",
        "user_id": "[id]"
      }
    ]
    "#);
    for (status, count) in [("sent", 1), ("waiting", 0), ("failed", 0)] {
        let list = hub.get_as(&key, &format!("/api/mails?status={status}")).await;
        assert_eq!(
            list.expect(200).json()["items"].as_array().unwrap().len(),
            count,
            "{status}"
        );
    }
    for query in ["status=gone", "status=", "limit=0", "to=ada"] {
        let answer = hub.get_as(&key, &format!("/api/mails?{query}")).await;
        answer.problem(422, "validation_failed");
    }
}
