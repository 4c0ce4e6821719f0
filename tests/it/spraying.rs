//! Few passwords tried on many accounts from many addresses: slowed for all new places together, and for
//! nobody whose place is known (T08).

use serde_json::json;

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;
use crate::support::people::PASSWORD;
use crate::support::redis::{connected, fresh_prefix, once_in_five, patient, shared};

const ADA: &str = "ada@example.org";
/// In an hour; a sixth of them at once.
const FAILURES: u32 = 120;

fn tuning() -> Tuning {
    Tuning::new().forwarded().configure(|config| {
        config.limits.enabled = true;
        config.limits.failures = FAILURES;
    })
}

/// `tries` wrong passwords, each for another account and from another address; how many were looked at.
async fn spray(hub: &TestApp, tries: u32) -> u32 {
    let mut looked_at = 0;
    for n in 0..tries {
        let from = format!("198.51.{}.{}", n / 250, n % 250);
        let email = format!("somebody{n}@example.org");
        let answer = hub.try_sign_in_from(&from, &email, "a common password").await;
        if answer.status == 429 {
            let body = answer.problem(429, "rate_limited");
            let seconds = body["retry_after"].as_u64().unwrap();
            assert_eq!(answer.header("retry-after").unwrap(), seconds.to_string());
        } else {
            answer.problem(401, "invalid_credentials");
            looked_at += 1;
        }
    }
    looked_at
}

#[tokio::test]
async fn t08_a_sprayer_with_the_right_password_in_the_list_gets_in_nowhere_and_the_owner_does() {
    let hub = tuning().manual_clock().spawn().await;
    hub.person(ADA, "user").await;
    hub.try_sign_in_from("192.0.2.1", ADA, PASSWORD).await.expect(200);
    assert_eq!(spray(&hub, 300).await, FAILURES / 6);
    // The one guess that is right comes too late: it is not looked at, and costs no hash.
    let hashes = hub.app.hasher.runs();
    for n in 0..50 {
        let from = format!("203.0.113.{n}");
        let answer = hub.try_sign_in_from(&from, ADA, PASSWORD).await;
        answer.problem(429, "rate_limited");
    }
    assert_eq!(hub.app.hasher.runs(), hashes);
    let home = hub.try_sign_in_from("192.0.2.1", ADA, PASSWORD).await;
    home.expect(200);
    // From a new place the owner waits for as long as told, and is in.
    let told = hub.try_sign_in_from("2001:db8::1", ADA, PASSWORD).await;
    let seconds = told.problem(429, "rate_limited")["retry_after"].as_u64().unwrap();
    assert_eq!(seconds, 30);
    let clock = hub.clock.as_ref().unwrap();
    clock.advance(std::time::Duration::from_secs(seconds));
    hub.try_sign_in_from("2001:db8::1", ADA, PASSWORD)
        .await
        .expect(200);
}

/// The way in for an owner who is in a new place while somebody guesses.
#[tokio::test]
async fn t08_who_follows_a_mailed_link_signs_in_from_there_while_a_sprayer_is_at_work() {
    let hub = tuning().manual_clock().spawn().await;
    hub.person(ADA, "user").await;
    spray(&hub, FAILURES).await;
    let hotel = "2001:db8::1";
    let refused = hub.try_sign_in_from(hotel, ADA, PASSWORD).await;
    refused.problem(429, "rate_limited");
    let from = |method: &str, path: &str| {
        let request = hub.request(method.parse().unwrap(), path);
        request.header("x-forwarded-for", hotel)
    };
    let ask = from("POST", "/api/auth/recovery").json(&json!({ "email": ADA }));
    Answer::of(ask).await.expect(202);
    let token = hub.mailed_token(ADA, 1).await;
    let path = format!("/api/auth/recovery/{token}");
    let recover = from("POST", &path).json(&json!({ "password": PASSWORD }));
    Answer::of(recover).await.expect(204);
    hub.try_sign_in_from(hotel, ADA, PASSWORD).await.expect(200);
    // So does somebody new, where the account was activated.
    let eve = "eve@example.org";
    hub.register(eve).await.expect(202);
    let token = hub.mailed_token(eve, 1).await;
    let activate = from("PATCH", &format!("/api/auth/activate/{token}"));
    Answer::of(activate).await.expect(200);
    hub.try_sign_in_from("2001:db8::2", eve, PASSWORD)
        .await
        .expect(200);
    let elsewhere = hub.try_sign_in_from("203.0.113.1", eve, PASSWORD).await;
    elsewhere.problem(429, "rate_limited");
}

#[tokio::test]
async fn t08_a_link_about_an_address_or_a_device_is_as_good_a_way_in() {
    const NEW: &str = "ada.new@example.org";
    const BOB: &str = "bob@example.org";
    let hub = tuning().manual_clock().spawn().await;
    hub.person(ADA, "user").await;
    hub.person(BOB, "user").await;
    let ada = hub.try_sign_in_from("192.0.2.1", ADA, PASSWORD).await;
    let bearer = ada.expect(200).json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let wanted = json!({ "email": NEW, "password": PASSWORD });
    let asked = hub.post_as(&bearer, "/api/users/me/email", wanted).await;
    asked.expect(202);
    for home in ["192.0.2.5", "192.0.2.6"] {
        hub.try_sign_in_from(home, BOB, PASSWORD).await.expect(200);
    }
    spray(&hub, FAILURES).await;
    // The links to the old address come with the asking and with the change.
    for (n, path, email, mails, status) in [
        (1, "/api/users/me/email", NEW, 1, 200),
        (2, "/api/users/email-undo", ADA, 2, 200),
        (3, "/api/auth/device-revoke", BOB, 1, 204),
    ] {
        let place = format!("2001:db8:{n}::1");
        let refused = hub.try_sign_in_from(&place, email, PASSWORD).await;
        refused.problem(429, "rate_limited");
        let token = hub.mailed_token(email, mails).await;
        let request = hub.request("POST".parse().unwrap(), &format!("{path}/{token}"));
        let redeem = request.header("x-forwarded-for", &place).json(&json!({}));
        Answer::of(redeem).await.expect(status);
        let signed_in = hub.try_sign_in_from(&place, email, PASSWORD).await;
        signed_in.expect(200);
    }
}

#[tokio::test]
async fn t08_sign_ins_that_succeed_are_not_taken_for_spraying() {
    let hub = tuning().manual_clock().spawn().await;
    hub.person(ADA, "user").await;
    for n in 0..FAILURES / 6 + 5 {
        let from = format!("198.51.100.{n}");
        hub.try_sign_in_from(&from, ADA, PASSWORD).await.expect(200);
    }
}

#[tokio::test]
async fn t08_nodes_notice_spraying_together() {
    once_in_five(together).await;
}

async fn together() -> anyhow::Result<()> {
    let (mut redis, prefix, url) = (patient().await, fresh_prefix(), shared());
    let a = tuning().redis(&url, &prefix).manual_clock().spawn().await;
    let b = tuning().redis(&url, &prefix).manual_clock().spawn().await;
    connected(&a, &mut redis, &prefix).await;
    connected(&b, &mut redis, &prefix).await;
    anyhow::ensure!(spray(&a, 60).await == FAILURES / 6);
    // Redis' clock goes on: one comes back in 30 s.
    let more = spray(&b, 60).await;
    anyhow::ensure!(more <= 3, "{more} more on the other node");
    Ok(())
}
