//! A browser that an account trusts: who shares its address does not keep its owner out.

use std::time::Duration;

use portcullis::roles::Permission;
use reqwest::Method;
use serde_json::json;

use super::{ADA, Browser, NAME, TRUSTED, limited};
use crate::support::app::TestApp;
use crate::support::http::Answer;
use crate::support::people::{PASSWORD, Pair};

const OTHER_PASSWORD: &str = "a fresh passphrase nobody knew 4";

/// Somebody at the owner's own address guesses until the address has no tries left.
#[tokio::test]
async fn t08_a_trusted_browser_is_not_locked_out_by_who_shares_its_address() {
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
    // The browser of another account is none of hers, nor is one that was made up or altered.
    bob.tab().sign_in(ADA).await.problem(429, "rate_limited");
    let trusted = ada.cookie(TRUSTED).unwrap();
    let other = if trusted.as_bytes()[10] == b'A' { "B" } else { "A" };
    let altered = format!("{}{other}{}", &trusted[..10], &trusted[11..]);
    for forged in [altered.as_str(), "pcb_", "pcb_AAAA", &trusted[4..]] {
        let mut forger = Browser::new(&hub);
        forger.cookies = vec![(TRUSTED.to_owned(), forged.to_owned())];
        forger.sign_in(ADA).await.problem(429, "rate_limited");
    }
    // It is trusted for half a year, and has no more guesses than anybody.
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

/// What may happen to an account after a sign-in in a browser.
#[derive(Clone, Copy, Debug)]
enum Act {
    SignsOutThere,
    SignsOutEverywhere,
    SignsOutOthers,
    SignsThatBrowserOut,
    ChangesPassword,
    Recovers,
    TakesAddressBack,
    DisownsDevice,
    IsRevoked,
    FindsTokenReused,
    IsDeletedAndMadeAnew,
}

impl Act {
    async fn happens(self, hub: &TestApp, browser: &mut Browser<'_>, email: &str) {
        let answer = browser.sign_in(email).await.expect(200).json();
        let text = |key: &str| answer[key].as_str().unwrap().to_owned();
        let (bearer, session) = (text("access_token"), text("session_id"));
        let redeem = async |path: &str, body| hub.post(path, body).await;
        match self {
            Self::SignsOutThere => browser.post("/api/auth/logout", None).await.expect(204),
            Self::SignsOutEverywhere => {
                let body = json!({ "scope": "all" });
                hub.post_as(&bearer, "/api/auth/logout", body).await.expect(204)
            }
            Self::SignsOutOthers => {
                let other = hub.sign_in(email).await;
                let path = "/api/users/me/sessions";
                hub.delete_as(&other.access, path).await.expect(204)
            }
            Self::SignsThatBrowserOut => {
                let other = hub.sign_in(email).await;
                let path = format!("/api/users/me/sessions/{session}");
                hub.delete_as(&other.access, &path).await.expect(204)
            }
            Self::ChangesPassword => {
                let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
                let path = "/api/users/me/password";
                hub.post_as(&bearer, path, body).await.expect(204)
            }
            Self::Recovers => {
                let asked = redeem("/api/auth/recovery", json!({ "email": email })).await;
                asked.expect(202);
                let token = hub.mailed_token(email, 1).await;
                let body = json!({ "password": OTHER_PASSWORD });
                let path = format!("/api/auth/recovery/{token}");
                redeem(&path, body).await.expect(204)
            }
            Self::TakesAddressBack => {
                let new = format!("new.{email}");
                let body = json!({ "email": new, "password": PASSWORD });
                let asked = hub.post_as(&bearer, "/api/users/me/email", body).await;
                asked.expect(202);
                let token = hub.mailed_token(&new, 1).await;
                let path = format!("/api/users/me/email/{token}");
                redeem(&path, json!({})).await.expect(200);
                let undo = hub.mailed_token(email, 2).await;
                let path = format!("/api/users/email-undo/{undo}");
                redeem(&path, json!({})).await.expect(200)
            }
            Self::DisownsDevice => {
                let request = hub.request(Method::POST, "/api/auth");
                let body = json!({ "email": email, "password": PASSWORD });
                let request = request.header("user-agent", "curl/8.14.1").json(&body);
                Answer::of(request).await.expect(200);
                let token = hub.mailed_token(email, 1).await;
                let path = format!("/api/auth/device-revoke/{token}");
                redeem(&path, json!({})).await.expect(204)
            }
            Self::IsRevoked => {
                let key = hub.service_key(&[Permission::SessionsRevoke]).await;
                let body = json!({ "session_id": session, "reason": "a test" });
                hub.post_as(&key, "/api/revocations", body).await.expect(200)
            }
            Self::FindsTokenReused => {
                let first = browser.cookie(NAME).unwrap().to_owned();
                let second = Pair::of(&hub.try_refresh(&first).await.expect(200));
                hub.try_refresh(&second.refresh).await.expect(200);
                hub.clock.as_ref().unwrap().advance(Duration::from_secs(31));
                let reused = hub.try_refresh(&first).await;
                reused.problem(401, "refresh_reused");
                reused
            }
            Self::IsDeletedAndMadeAnew => {
                let body = json!({ "password": PASSWORD });
                let path = "/api/users/me";
                let gone = hub.call("DELETE", path, Some(&bearer), Some(&body)).await;
                let gone = gone.expect(204);
                hub.person(email, "user").await;
                gone
            }
        };
    }
}

/// Whether `browser` has tries of its own, once its address has none left at this account.
async fn is_trusted(hub: &TestApp, browser: &Browser<'_>, email: &str) -> bool {
    let mut tries = 0;
    while hub.try_sign_in(email, "a wrong password").await.status != 429 {
        tries += 1;
        assert!(tries < 20, "the address has no end of tries");
    }
    match browser.tab().sign_in(email).await.status {
        429 => false,
        // Of a changed password it tries the old one.
        200 | 401 => true,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn t08_whatever_tells_of_somebody_else_ends_the_trust_in_browsers() {
    let hub = limited().manual_clock().spawn().await;
    for (act, trusted) in [
        (Act::SignsOutThere, true),
        (Act::SignsOutEverywhere, false),
        (Act::SignsOutOthers, false),
        (Act::SignsThatBrowserOut, false),
        (Act::ChangesPassword, false),
        (Act::Recovers, false),
        (Act::TakesAddressBack, false),
        (Act::DisownsDevice, false),
        (Act::IsRevoked, false),
        (Act::FindsTokenReused, false),
        (Act::IsDeletedAndMadeAnew, false),
    ] {
        let email = format!("{act:?}@example.org").to_lowercase();
        hub.person(&email, "user").await;
        let mut browser = Browser::new(&hub);
        act.happens(&hub, &mut browser, &email).await;
        assert_eq!(is_trusted(&hub, &browser, &email).await, trusted, "{act:?}");
        // Of what the address may try, this one leaves nothing to the next.
        hub.clock.as_ref().unwrap().advance(Duration::from_hours(1));
    }
}

#[tokio::test]
async fn t08_a_browser_is_trusted_again_after_the_next_sign_in() {
    let hub = limited().manual_clock().spawn().await;
    hub.person(ADA, "user").await;
    let mut browser = Browser::new(&hub);
    Act::SignsOutEverywhere.happens(&hub, &mut browser, ADA).await;
    assert!(!is_trusted(&hub, &browser, ADA).await);
    hub.clock.as_ref().unwrap().advance(Duration::from_hours(1));
    browser.sign_in(ADA).await.expect(200);
    assert!(is_trusted(&hub, &browser, ADA).await);
}
