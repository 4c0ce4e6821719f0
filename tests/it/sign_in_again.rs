//! Sign-ins beside other sign-ins: a hash that is renewed, and a network that is known.

use std::net::Ipv4Addr;

use futures_util::future::join_all;

use crate::support::app::{TestApp, Tuning};
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";

#[tokio::test]
async fn sign_ins_that_renew_one_hash_at_once_all_succeed() {
    let before = TestApp::spawn().await;
    before.person(ADA, "user").await;
    let hub = Tuning::new()
        .database(before.database_url.clone())
        .configure(|config| config.passwords.iterations = 2)
        .spawn()
        .await;
    for answer in join_all((0..8).map(|_| hub.try_sign_in(ADA, PASSWORD))).await {
        answer.expect(200);
    }
    hub.try_sign_in(ADA, "another password, never set 3")
        .await
        .problem(401, "invalid_credentials");
}

#[tokio::test]
async fn t08_an_owner_signs_in_from_a_known_network_while_strangers_guess() {
    let hub = Tuning::new()
        .forwarded()
        .configure(|config| config.limits.enabled = true)
        .spawn()
        .await;
    hub.person(ADA, "user").await;
    hub.try_sign_in_from("2001:db8::1", ADA, PASSWORD)
        .await
        .expect(200);
    let mut statuses = Vec::new();
    for n in 1..=25 {
        let stranger = Ipv4Addr::new(192, 0, 2, n).to_string();
        statuses.push(
            hub.try_sign_in_from(&stranger, ADA, "a wrong password")
                .await
                .status,
        );
    }
    assert!(statuses.contains(&401) && statuses.contains(&429), "{statuses:?}");
    // The same /64 on another day has another address.
    hub.try_sign_in_from("2001:db8::ffff:2", ADA, PASSWORD)
        .await
        .expect(200);
    hub.try_sign_in_from("2001:db8:0:1::1", ADA, PASSWORD)
        .await
        .problem(429, "rate_limited");
}
