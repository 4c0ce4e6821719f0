//! A device that an account knows.

use std::time::Duration;

use serde_json::json;

use super::{ADA, Browser, DEVICE, limited};
use crate::support::people::PASSWORD;

/// Somebody at the owner's own address guesses until the address has no tries left.
#[tokio::test]
async fn t08_a_known_device_is_not_locked_out_by_who_shares_its_address() {
    let hub = limited().manual_clock().spawn().await;
    hub.person(ADA, "user").await;
    hub.person("bob@example.org", "user").await;
    let (mut ada, mut bob) = (Browser::new(&hub), Browser::new(&hub));
    ada.sign_in(ADA).await.expect(200);
    bob.sign_in("bob@example.org").await.expect(200);
    ada.post("/api/auth/logout", None).await.expect(204);
    for _ in 0..15 {
        let answer = hub.try_sign_in(ADA, "a wrong password").await;
        answer.problem(401, "invalid_credentials");
    }
    hub.try_sign_in(ADA, PASSWORD).await.problem(429, "rate_limited");
    Browser::new(&hub).sign_in(ADA).await.problem(429, "rate_limited");
    ada.tab().sign_in(ADA).await.expect(200);
    // The device of another account is none of hers, nor is one that was made up or altered.
    bob.tab().sign_in(ADA).await.problem(429, "rate_limited");
    let known = ada.cookie(DEVICE).unwrap();
    let other = if known.as_bytes()[10] == b'A' { "B" } else { "A" };
    let altered = format!("{}{other}{}", &known[..10], &known[11..]);
    for forged in [altered.as_str(), "pcd_", "pcd_AAAA", &known[4..]] {
        let mut forger = Browser::new(&hub);
        forger.cookies = vec![(DEVICE.to_owned(), forged.to_owned())];
        forger.sign_in(ADA).await.problem(429, "rate_limited");
    }
    // It is known for half a year, and has no more guesses than anybody.
    let wrong = || Some(json!({ "email": ADA, "password": "a wrong password" }));
    for _ in 0..15 {
        let answer = ada.send("/api/auth", None, wrong()).await;
        answer.problem(401, "invalid_credentials");
    }
    let answer = ada.send("/api/auth", None, wrong()).await;
    answer.problem(429, "rate_limited");
    hub.clock
        .as_ref()
        .unwrap()
        .advance(Duration::from_hours(180 * 24));
    for _ in 0..15 {
        let answer = hub.try_sign_in(ADA, "a wrong password").await;
        answer.problem(401, "invalid_credentials");
    }
    ada.sign_in(ADA).await.problem(429, "rate_limited");
}
