//! How many mails strangers can make the hub send, and that this never keeps an owner out (T08, T09).

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use portcullis::store::users;
use reqwest::Method;
use serde_json::json;

use crate::support::app::{TestApp, Tuning};
use crate::support::database;
use crate::support::eventually;
use crate::support::http::Answer;

const ADA: &str = "ada@example.org";
const NOBODY: &str = "nobody@example.org";

/// A hub with limits that believes this machine's `X-Forwarded-For`.
async fn limited() -> TestApp {
    Tuning::new()
        .forwarded()
        .configure(|config| config.limits.enabled = true)
        .spawn()
        .await
}

async fn ask(hub: &TestApp, from: &str, path: &str, email: &str) -> Answer {
    let request = hub.request(Method::POST, path).header("X-Forwarded-For", from);
    Answer::of(request.json(&json!({ "email": email }))).await
}

#[tokio::test]
async fn t08_strangers_who_ask_for_recoveries_do_not_stop_the_owner_and_mails_end_at_a_bound() {
    let hub = limited().await;
    hub.person(ADA, "user").await;
    hub.person("bob@example.org", "user").await;
    let strangers: Vec<String> = (1..=14).map(|n| format!("192.0.2.{n}")).collect();
    let asked = strangers
        .iter()
        .map(|from| ask(&hub, from, "/api/auth/recovery", ADA));
    for answer in join_all(asked).await {
        answer.expect(202);
    }
    let home = "198.51.100.7";
    for _ in 0..5 {
        ask(&hub, home, "/api/auth/recovery", ADA).await.expect(202);
    }
    // Only who asks for one account again and again is refused.
    ask(&hub, home, "/api/auth/recovery", ADA)
        .await
        .problem(429, "rate_limited");
    // Mails leave in the order in which they were written.
    ask(&hub, home, "/api/auth/recovery", "bob@example.org")
        .await
        .expect(202);
    hub.mail_to("bob@example.org", 1).await;
    assert_eq!(hub.mails_to(ADA).await.len(), 10);
}

#[tokio::test]
async fn registering_again_does_not_shorten_the_pause_between_resent_mails() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    let resend = async |hub: &TestApp| {
        hub.post("/api/auth/activate", json!({ "email": ADA }))
            .await
            .expect(202);
    };
    hub.register(ADA).await.expect(202);
    resend(&hub).await;
    hub.mail_to(ADA, 2).await;
    hub.register(ADA).await.expect(202);
    hub.mail_to(ADA, 3).await;
    clock.advance(Duration::from_secs(59));
    resend(&hub).await;
    hub.register("bob@example.org").await.expect(202);
    hub.mail_to("bob@example.org", 1).await;
    assert_eq!(hub.mails_to(ADA).await.len(), 3);
    clock.advance(Duration::from_secs(1));
    resend(&hub).await;
    hub.mail_to(ADA, 4).await;
}

#[tokio::test]
async fn a_closed_registration_is_refused_no_more_often_than_any_other_token_is_looked_at() {
    // Time stands still, or a slow machine gets some back meanwhile.
    let hub = Tuning::new()
        .manual_clock()
        .configure(|config| {
            config.limits.enabled = true;
            config.registration.open = false;
        })
        .spawn()
        .await;
    let asking = stream::iter(0..300).map(|_| hub.register(ADA));
    let answers: Vec<_> = asking.buffer_unordered(16).collect().await;
    let closed = answers.iter().filter(|answer| answer.status == 403).count();
    assert_eq!(closed, 240, "as many as one address may present at once");
    for answer in answers.iter().filter(|answer| answer.status != 403) {
        answer.problem(429, "rate_limited");
    }
}

/// PostgreSQL, whatever database this run is on: elsewhere there is one writer.
#[tokio::test]
async fn t09_requests_about_one_address_wait_for_each_other_with_an_account_and_without() {
    let hub = Tuning::new()
        .database(database::fresh_postgres().await)
        .spawn()
        .await;
    hub.person(ADA, "user").await;
    for path in ["/api/auth/recovery", "/api/auth/activate", "/api/users"] {
        for email in [ADA, NOBODY] {
            let mac = hub.app.cx.master.mac("address lock", email.as_bytes());
            let key = i64::from_be_bytes(mac[..8].try_into().unwrap());
            let mut held = hub.app.cx.db.begin().await.unwrap();
            users::lock_key(&mut held, key).await.unwrap();
            let caller = hub.caller.clone();
            let body = match path {
                "/api/users" => json!({ "email": email, "password": crate::support::people::PASSWORD }),
                _ => json!({ "email": email }),
            };
            let asked = tokio::spawn(async move { caller.post(path, body).await });
            eventually("somebody waits for the address", || waits(&hub, key)).await;
            assert!(!asked.is_finished(), "{path} {email}");
            held.commit().await.unwrap();
            asked.await.unwrap().expect(202);
        }
    }
}

/// Whether somebody waits for the advisory lock `key`.
async fn waits(hub: &TestApp, key: i64) -> Option<()> {
    const SQL: &str = "select count(*) from pg_locks where locktype = 'advisory' and not granted
        and ((classid::bigint << 32) | objid::bigint) = $1";
    let portcullis::store::Db::Postgres { requests, .. } = &hub.app.cx.db else {
        panic!("this is PostgreSQL");
    };
    let count: i64 = sqlx::query_scalar(SQL)
        .bind(key)
        .fetch_one(requests)
        .await
        .unwrap();
    (count > 0).then_some(())
}
