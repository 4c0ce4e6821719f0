//! C13: the mail server refuses connections, hangs, refuses mails, and ends connections after the data.
//! Nobody who registers notices; afterwards each mail has gone out once, and twice at most where an answer
//! was lost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::checker::Histogram;
use super::run::{Run, Setup};
use crate::support::people::PASSWORD;
use crate::support::proxy::{Line, Proxy};
use crate::support::smtp::{SmtpSink, Verdict};

/// Registers some people; gives their addresses.
async fn register(run: &Run, name: &str, count: usize, took: &mut Histogram) -> Vec<String> {
    let mut emails = Vec::new();
    for number in 0..count {
        let email = format!("{name}{number}@example.org");
        let body = json!({ "email": email, "password": PASSWORD });
        let reply = run.hub.post(number % 2, "/api/users", "", &body).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        took.note(reply.took());
        emails.push(email);
    }
    emails
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mail_goes_out_once_whatever_the_server_does() {
    let sink = SmtpSink::start().await;
    let proxy = Proxy::before(sink.address).await;
    let setup = Setup::nodes(2)
        .set("PORTCULLIS_MAIL__TRANSPORT", "smtp")
        .set("PORTCULLIS_MAIL__SMTP_URL", &format!("smtp://{}", proxy.address));
    let run = Run::start("C13", setup).await;
    let count = run.scale.count(6, 100);
    let (mut calm, mut broken) = (Histogram::default(), Histogram::default());
    let mut emails = register(&run, "calm", count, &mut calm).await;
    let mut ways = vec![("cut", Line::Cut), ("hung", Line::Frozen)];
    if run.scale.long {
        // Whoever sends into it waits until a delivery has taken too long.
        ways.push(("lost", Line::HalfOpen));
    }
    for (name, line) in ways {
        proxy.set(line);
        emails.extend(register(&run, name, count, &mut broken).await);
        tokio::time::sleep(run.scale.seconds(0.5, 60.0)).await;
        proxy.set(Line::Whole);
    }
    let dropped = "answer0@example.org";
    sink.answer(dropped, &[Verdict::Drop]);
    sink.answer("answer1@example.org", &[Verdict::Refuse(421)]);
    emails.extend(register(&run, "answer", 2, &mut broken).await);

    println!("registration  calm {calm}\n              broken {broken}");
    assert!(
        broken.max() < Duration::from_secs(5),
        "registration waits for the mail server: {broken}"
    );
    let began = Instant::now();
    let taken = || {
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        for attempt in sink.attempts() {
            if attempt.verdict == Verdict::Take {
                let said = &attempt.receivers[0];
                let email = said.split(['<', '>']).nth(1).unwrap_or(said);
                *taken.entry(email.to_owned()).or_default() += 1;
            }
        }
        taken
    };
    // A retry waits for its time; what matters here is what has gone out, and how often.
    let patience = run.scale.seconds(60.0, 600.0);
    let all = |taken: &BTreeMap<String, usize>| emails.iter().all(|email| taken.contains_key(email));
    while !all(&taken()) && began.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("all mails are out after {:?}", began.elapsed());
    for email in &emails {
        let times = taken().get(email).copied().unwrap_or_default();
        assert!((1..=2).contains(&times), "{email} got {times} mails");
    }
    let twice = taken().values().filter(|times| **times > 1).count();
    assert!(twice <= 2, "{twice} people got a mail twice");
    run.judge().await.clean(0);
}
