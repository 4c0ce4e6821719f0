//! Providers that misbehave (T17, T18, T19): nothing of what they say is believed, nobody gets in, and the frontend is
//! told which of the two sides it was.

use std::time::Duration;

use serde_json::json;

use super::Hub;
use crate::support::app::{TestApp, Tuning};
use crate::support::provider::{Browser, ProviderServer, ada};

/// What a provider may never get away with, and what the frontend hears.
const REFUSED: &[&str] = &[
    // the ID token
    "iss_wrong",
    "iss_with_slash",
    "iss_missing",
    "aud_wrong",
    "aud_missing",
    "aud_empty",
    "aud_many_without_azp",
    "aud_many_azp_wrong",
    "azp_wrong",
    "nonce_wrong",
    "nonce_missing",
    "expired",
    "exp_missing",
    "exp_text",
    "iat_future",
    "iat_missing",
    "nbf_future",
    "sub_missing",
    "sub_empty",
    "sub_number",
    "sub_long",
    "sub_control",
    // its signature
    "alg_none",
    "signature_missing",
    "signature_of_another",
    "hs256_client_secret",
    "hs256_public_key",
    "key_not_published",
    "alg_not_announced",
    "key_too_small",
    "key_in_header",
    "crit_unknown",
    "garbage",
    // the token endpoint
    "id_token_missing",
    "id_token_list",
    "token_type_mac",
    "token_type_missing",
    "access_token_missing",
    "error_with_status_200",
    "code_refused",
    // the way back
    "response_iss_wrong",
    "response_iss_missing",
    "code_long",
];

/// Keys that have signed nothing, for a hub that has not read better ones.
const NO_KEYS: &[&str] = &["keys_none", "key_for_encryption", "key_symmetric"];

/// What is wrong with its own description: nobody is sent there.
const NOT_FOLLOWED: &[&str] = &[
    "discovery_of_another",
    "discovery_issuer_missing",
    "discovery_issuer_with_slash",
    "discovery_token_endpoint_missing",
    "discovery_token_endpoint_internal",
    "discovery_jwks_internal",
    "discovery_jwks_file",
    "discovery_authorization_javascript",
];

/// How any endpoint may fail.
const OUT_OF_ORDER: &[&str] = &[
    "server_error",
    "unavailable",
    "html",
    "empty_body",
    "json_list",
    "deep_json",
    "redirect",
    "huge_body",
    "endless_body",
    "drop",
    "truncated",
];

async fn nobody_got_in(hub: &TestApp, why: &str) {
    for table in ["users", "identities", "sessions"] {
        assert_eq!(
            hub.number(format!("select count(*) from {table}")).await,
            0,
            "{why}"
        );
    }
}

#[tokio::test]
async fn t17_nothing_forged_is_believed() {
    let hub = Hub::with_acme().await;
    for mode in REFUSED {
        hub.provider.misbehave(*mode).await;
        let mut browser = Browser::at(&hub);
        let error = browser.refusal_for("acme", mode).await;
        assert_eq!(error, "provider_refused", "{mode}");
        nobody_got_in(&hub, mode).await;
    }
    hub.provider.misbehave(json!(null)).await;
    Browser::at(&hub).sign_in("acme").await;
    for mode in NO_KEYS {
        let hub = Hub::with_acme().await;
        hub.provider.misbehave(*mode).await;
        let error = Browser::at(&hub).refusal_for("acme", mode).await;
        assert_eq!(error, "provider_refused", "{mode}");
        nobody_got_in(&hub, mode).await;
    }
}

#[tokio::test]
async fn t17_a_state_that_is_not_ours_leads_nowhere() {
    let hub = Hub::with_acme().await;
    for mode in [
        "state_wrong",
        "state_missing",
        "state_twice",
        "code_twice",
        "response_iss_twice",
    ] {
        hub.provider.misbehave(mode).await;
        let mut browser = Browser::at(&hub);
        let away = browser.start("acme").await;
        let back = browser.visit(&away).await;
        let answer = browser.come_back(&back).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{mode}");
        nobody_got_in(&hub, mode).await;
    }
}

#[tokio::test]
async fn t17_what_a_careless_provider_repeats_is_of_no_use() {
    let hub = Hub::with_acme().await;
    for mode in ["code_repeated", "code_reusable"] {
        hub.provider.misbehave(mode).await;
        let mut browser = Browser::at(&hub);
        let first = browser.code("acme").await;
        browser.exchange(&first).await.expect(200);
        browser.exchange(&first).await.problem(410, "token_spent");
    }
}

/// A hub whose clock moves on at will: past the moment for which a failure is remembered.
async fn patient() -> (Hub, impl Fn()) {
    let hub = Hub::with_acme_and(Tuning::manual_clock).await;
    let clock = hub.clock.clone().unwrap();
    (hub, move || clock.advance(Duration::from_secs(6)))
}

#[tokio::test]
async fn t18_nobody_is_sent_to_a_provider_that_describes_itself_wrongly() {
    let (hub, wait) = patient().await;
    for mode in NOT_FOLLOWED {
        hub.provider.misbehave(*mode).await;
        let error = Browser::at(&hub).refusal_for("acme", mode).await;
        assert!(
            matches!(&*error, "provider_refused" | "provider_unavailable"),
            "{mode}: {error}"
        );
        nobody_got_in(&hub, mode).await;
        wait();
    }
    assert_eq!(hub.provider.count("/authorize").await, 0);
}

#[tokio::test]
async fn t18_an_endpoint_that_is_out_of_order_is_waited_for_briefly_and_not_followed_elsewhere() {
    let (hub, wait) = patient().await;
    for endpoint in ["discovery", "token", "jwks"] {
        for mode in OUT_OF_ORDER {
            hub.provider.misbehave_at(mode, endpoint).await;
            let error = Browser::at(&hub).refusal_for("acme", mode).await;
            assert!(
                matches!(&*error, "provider_refused" | "provider_unavailable"),
                "{endpoint} {mode}: {error}"
            );
            nobody_got_in(&hub, mode).await;
            wait();
        }
    }
    let seen = hub.provider.seen().await;
    let followed = seen
        .iter()
        .filter(|request| request["path"].as_str().unwrap().starts_with("/__elsewhere"));
    assert_eq!(followed.count(), 0);
}

#[tokio::test]
async fn t16_an_address_that_is_none_or_two_is_not_vouched_for() {
    let hub = Hub::with_acme().await;
    for mode in [
        "email_unverified",
        "email_verified_missing",
        "email_verified_number",
        "email_crlf",
        "email_two",
        "email_list",
        "email_long",
    ] {
        hub.provider.misbehave(mode).await;
        let error = Browser::at(&hub).refusal_for("acme", mode).await;
        assert!(
            matches!(&*error, "email_unverified" | "provider_refused"),
            "{mode}: {error}"
        );
        nobody_got_in(&hub, mode).await;
    }
}

#[tokio::test]
async fn what_is_rare_and_right_is_taken() {
    for mode in [
        "keys_many",
        "keys_of_unknown_kinds",
        "email_in_userinfo_alone",
        "response_iss_not_supported",
        "client_secret_post_alone",
        "client_secret_methods_missing",
    ] {
        let hub = Hub::with_acme().await;
        let mut browser = Browser::at(&hub);
        hub.provider.misbehave(mode).await;
        let pair = browser.sign_in("acme").await;
        assert_eq!(pair.body["user"]["email"], "ada@example.org", "{mode}");
    }
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let provider =
            ProviderServer::start("wrong_provider", json!({ "account": ada(), "alg": algorithm })).await;
        let hub = Hub::with("acme", provider, |tuning| tuning).await;
        Browser::at(&hub).sign_in("acme").await;
    }
}

#[tokio::test]
async fn t19_a_key_that_rotates_is_fetched_and_unknown_ones_are_asked_for_once_a_minute() {
    let hub = Hub::with_acme_and(Tuning::manual_clock).await;
    let clock = hub.clock.clone().unwrap();
    Browser::at(&hub).sign_in("acme").await;
    assert_eq!(hub.provider.count("/jwks").await, 1);
    clock.advance(std::time::Duration::from_secs(61));
    hub.provider.misbehave("key_rotated").await;
    Browser::at(&hub).sign_in("acme").await;
    assert_eq!(hub.provider.count("/jwks").await, 2);
    hub.provider.misbehave("kid_new_each_time").await;
    for _ in 0..20 {
        assert_eq!(Browser::at(&hub).refusal("acme").await, "provider_refused");
    }
    assert_eq!(
        hub.provider.count("/jwks").await,
        2,
        "the keys were read within the last minute"
    );
    clock.advance(std::time::Duration::from_secs(61));
    for _ in 0..20 {
        Browser::at(&hub).refusal("acme").await;
    }
    assert_eq!(hub.provider.count("/jwks").await, 3);
}

#[tokio::test]
async fn t14_why_a_provider_was_refused_stands_in_the_audit_log_without_what_it_said() {
    let hub = Hub::with_acme().await;
    hub.provider.misbehave("nonce_wrong").await;
    Browser::at(&hub).refusal("acme").await;
    let rows = hub.rows_with("provider_refused").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(
        rows[0].starts_with("audit:") && rows[0].contains("acme"),
        "{rows:?}"
    );
}
