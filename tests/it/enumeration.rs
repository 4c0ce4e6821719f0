//! T09: nobody learns from an answer, from the work behind it, or from the mails sent, whether an address
//! has an account.

use std::fmt;
use std::sync::{Arc, Mutex};

use portcullis::accounts::Registration;
use portcullis::audit::{Actor, Origin};
use portcullis::config::Transport;
use portcullis::email::Email;
use portcullis::secret::PlainToken;
use portcullis::sessions::{self, Kept, SignIn};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracing::field::{Field, Visit};
use tracing::{Event, Instrument, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::support::app::{TestApp, Tuning};
use crate::support::people::PASSWORD;
use crate::support::{database, eventually};

/// An account of each kind, and none.
const TOWN: [&str; 4] = [
    "unknown@example.org",
    "active@example.org",
    "pending@example.org",
    "disabled@example.org",
];

async fn settle(hub: &TestApp) {
    hub.person("active@example.org", "user").await;
    let disabled = hub.person("disabled@example.org", "user").await;
    hub.disable(&disabled).await;
    hub.register("pending@example.org").await.expect(202);
}

/// A town whose mails are queued and not sent: the mail server says nothing, and the job waits for it with the
/// first of them in hand. So what a request queues, decoys included, can be counted after its answer.
async fn town_without_postman() -> (TestApp, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let hub = Tuning::new()
        .configure(move |config| {
            config.mail.transport = Transport::Smtp;
            config.mail.smtp_url = Some(url.into());
            "Portcullis <no-reply@example.net>".clone_into(&mut config.mail.from);
            config.mail.timeout = 600;
        })
        .spawn()
        .await;
    settle(&hub).await;
    eventually("the job waits for the mail server", || async {
        (hub.count("mails where attempts > 0").await > 0).then_some(())
    })
    .await;
    (hub, silent)
}

/// What is sent to a route about an address.
type Body<'a> = &'a dyn Fn(&str) -> Value;

#[tokio::test]
async fn t09_answers_hashes_and_queued_mails_are_equal_for_every_address() {
    let (hub, _silent) = town_without_postman().await;
    let full = |email: &str| json!({ "email": email, "password": "somebody's passphrase 12" });
    let address = |email: &str| json!({ "email": email });
    let routes: [(&str, u16, u64, u64, Body<'_>); 4] = [
        ("/api/auth", 401, 1, 0, &full),
        ("/api/auth/recovery", 202, 0, 1, &address),
        ("/api/auth/activate", 202, 0, 1, &address),
        // Last, for it makes the unknown address known.
        ("/api/users", 202, 1, 1, &full),
    ];
    for (path, status, hashes, mails, body) in routes {
        let mut likenesses = Vec::new();
        for email in TOWN {
            let runs = hub.app.hasher.runs();
            let (rows, queued) = (hub.count("audit").await, hub.count("mails").await);
            let answer = hub.post(path, body(email)).await.expect(status);
            assert_eq!(hub.app.hasher.runs() - runs, hashes, "{path} {email}");
            assert_eq!(hub.count("audit").await - rows, 1, "{path} {email}: one line");
            assert_eq!(hub.count("mails").await - queued, mails, "{path} {email}: mails");
            likenesses.push(answer.likeness());
        }
        likenesses.dedup();
        assert_eq!(likenesses.len(), 1, "{path}: {likenesses:#?}");
    }
}

#[tokio::test]
async fn t09_a_change_of_address_answers_and_works_the_same_for_every_address() {
    let (hub, _silent) = town_without_postman().await;
    let mut likenesses = Vec::new();
    for (n, email) in TOWN.into_iter().enumerate() {
        // Each asks anew, so that nothing of the one before is there to be ended.
        let (_, asker) = hub.signed_in(&format!("asker{n}@example.org"), "user").await;
        let tables = ["audit", "mails", "mailed_tokens"];
        let (runs, mut before) = (hub.app.hasher.runs(), Vec::new());
        for table in tables {
            before.push(hub.count(table).await);
        }
        let body = full(email, PASSWORD);
        let answer = hub
            .post_as(&asker.access, "/api/users/me/email", body)
            .await
            .expect(202);
        assert_eq!(hub.app.hasher.runs() - runs, 1, "{email}");
        let mut written = Vec::new();
        for (table, before) in tables.iter().zip(before) {
            written.push(hub.count(table).await - before);
        }
        assert_eq!(written, [1, 2, 2], "{email}: {tables:?}");
        likenesses.push(answer.likeness());
        let wrong = full(email, "not the password of anybody");
        let answer = hub.post_as(&asker.access, "/api/users/me/email", wrong).await;
        answer.problem(403, "wrong_password");
    }
    likenesses.dedup();
    assert_eq!(likenesses.len(), 1, "{likenesses:#?}");
}

fn full(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

#[tokio::test]
async fn t09_with_limits_an_unknown_address_is_stopped_as_a_known_one() {
    let mut answers = Vec::new();
    for email in ["unknown@example.org", "active@example.org"] {
        let hub = Tuning::new()
            .manual_clock()
            .configure(|config| config.limits.enabled = true)
            .spawn()
            .await;
        settle(&hub).await;
        let mut statuses = Vec::new();
        for _ in 0..12 {
            let body = json!({ "email": email });
            let answer = hub.post("/api/auth/recovery", body).await;
            if answer.status == 429 {
                let body = answer.problem(429, "rate_limited");
                let seconds = body["retry_after"].as_u64().unwrap();
                assert_eq!(answer.header("retry-after").unwrap(), seconds.to_string());
            }
            statuses.push(answer.status);
        }
        assert!(statuses.contains(&202) && statuses.contains(&429), "{statuses:?}");
        answers.push(statuses);
    }
    assert_eq!(answers[0], answers[1]);
}

/// Guesses at one address, all from one place or each from another: every answer, and the work behind it.
async fn guesses(hub: &TestApp, email: &str, place: impl Fn(u32) -> String) -> Vec<(String, u64, u64)> {
    let mut all = Vec::new();
    for n in 0..30 {
        let (runs, rows) = (hub.app.hasher.runs(), hub.count("audit").await);
        let answer = hub
            .try_sign_in_from(&place(n), email, "not the password of anybody")
            .await;
        if answer.status == 429 {
            answer.problem(429, "rate_limited");
        }
        let likeness = answer.likeness();
        all.push((
            likeness,
            hub.app.hasher.runs() - runs,
            hub.count("audit").await - rows,
        ));
    }
    all
}

/// The clock stands still, so that answers that say when to come back are equal to the byte as well.
#[tokio::test]
async fn t09_under_limits_sign_ins_are_answered_alike_and_cost_alike_for_every_address() {
    let hub = Tuning::new()
        .forwarded()
        .configure(|config| config.limits.enabled = true)
        .manual_clock()
        .spawn()
        .await;
    settle(&hub).await;
    let (mut here, mut everywhere) = (Vec::new(), Vec::new());
    for (town, email) in (1..).zip(TOWN) {
        here.push(guesses(&hub, email, |_| format!("192.0.2.{town}")).await);
        everywhere.push(guesses(&hub, email, |n| format!("198.51.{town}.{n}")).await);
    }
    for (kind, runs) in [("from one place", here), ("from everywhere", everywhere)] {
        let looked_at = runs[0].iter().filter(|(_, hashes, _)| *hashes == 1).count();
        assert!((1..30).contains(&looked_at), "{kind}: {looked_at} were looked at");
        for (email, run) in TOWN.iter().zip(&runs) {
            assert_eq!(run, &runs[0], "{kind}: {email}");
        }
    }
}

/// Notes the text of every statement that is run inside of a span named `measured`.
#[derive(Clone, Debug, Default)]
struct Statements(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if ["summary", "db.statement"].contains(&field.name()) {
            self.0.push_str(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let measured = context
            .event_scope(event)
            .is_some_and(|mut scope| scope.any(|span| span.name() == "measured"));
        if measured && event.metadata().target() == "sqlx::query" {
            let mut text = Text::default();
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
    }
}

impl Statements {
    /// The statements of `work`.
    async fn of(&self, work: impl Future<Output = ()>) -> Vec<String> {
        self.0.lock().unwrap().clear();
        work.instrument(tracing::info_span!("measured")).await;
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// On PostgreSQL in any run: SQLite runs its statements on threads of its own, where nothing tells whose
/// they are. The statements are the same for both.
#[tokio::test]
async fn t09_the_same_statements_run_for_every_address() {
    let statements = Statements::default();
    // With a single subscriber alive, tracing would ask the thread that comes first to an event, which is
    // that of another test, whether it is wanted.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let subscriber = tracing_subscriber::registry().with(statements.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let hub = Tuning::new()
        .database(database::fresh_postgres().await)
        .spawn()
        .await;
    settle(&hub).await;
    let by = Origin::local(Actor::Anonymous);
    let (_, asker) = hub.signed_in("asker@example.org", "user").await;
    let current = hub
        .app
        .sessions
        .authenticate(&PlainToken::presented(asker.access))
        .await
        .unwrap();
    let password = SecretString::from(PASSWORD);
    let accounts = &hub.app.accounts;
    let (mut recoveries, mut resends, mut registrations) = (Vec::new(), Vec::new(), Vec::new());
    let (mut moves, mut sign_ins) = (Vec::new(), Vec::new());
    for email in TOWN {
        let email = Email::parse(email).unwrap();
        let guess = SignIn {
            email: email.clone(),
            password: "not the password of anybody".to_owned().into(),
            device: None,
            kept: Kept::default(),
        };
        let sign_in = async {
            let refused = hub.app.sessions.sign_in(guess, &by).await;
            assert!(matches!(refused, Err(sessions::Error::InvalidCredentials)));
        };
        sign_ins.push(statements.of(Box::pin(sign_in)).await);
        let recovery = async { accounts.request_recovery(&email, &by).await.unwrap() };
        recoveries.push(statements.of(Box::pin(recovery)).await);
        let resend = async { accounts.resend_activation(&email, &by).await.unwrap() };
        resends.push(statements.of(Box::pin(resend)).await);
        let change = async {
            let request = accounts.request_email_change(&current, &email, Some(&password), &by);
            request.await.unwrap();
        };
        moves.push(statements.of(Box::pin(change)).await);
        let who = Registration {
            email: email.clone(),
            password: PASSWORD.to_owned().into(),
            name: None,
        };
        let registration = async { accounts.register(who, &by).await.unwrap() };
        registrations.push(statements.of(Box::pin(registration)).await);
    }
    for (name, runs, least, mails) in [
        ("sign-in", sign_ins, 2, 0),
        ("recovery", recoveries, 4, 1),
        ("resend", resends, 5, 1),
        ("registration", registrations, 6, 1),
        ("change of address", moves, 10, 2),
    ] {
        for (email, run) in TOWN.iter().zip(&runs) {
            assert!(run.len() >= least, "{name} {email}: {run:#?}");
            assert_eq!(run, &runs[0], "{name} {email}");
            let queued = run.iter().filter(|sql| sql.contains("insert into mails "));
            assert_eq!(queued.count(), mails, "{name} {email}: {run:#?}");
        }
    }
}
