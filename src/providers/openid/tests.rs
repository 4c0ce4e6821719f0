//! What is discovered and believed, when keys are fetched, and whom userinfo may tell of.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::super::id_token::tests::Signer;
use super::super::reach::Reach;
use super::super::tests::server::{Server, answer, json as answer_json};
use super::super::tests::{CLIENT, configured};
use super::*;
use crate::clock::{ManualClock, Timestamp};

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

struct Found {
    openid: OpenId,
    channel: BackChannel,
    hands: ManualClock,
}

/// The provider whose issuer `server` is.
fn at(server: &Server, change: impl FnOnce(&mut config::Provider)) -> Found {
    let mut config = configured("company");
    config.issuer = Some(server.base().to_owned());
    change(&mut config);
    let hands = ManualClock::starting_at(START);
    let issuer = config.issuer.clone().unwrap();
    Found {
        openid: OpenId::new(&config, &issuer, &Clock::Manual(hands.clone())),
        channel: BackChannel::new(Reach::of(&config)).unwrap(),
        hands,
    }
}

/// A discovery document of the server at `base`, with some members changed.
fn document(base: &str, changed: &Value) -> Value {
    let mut document = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "jwks_uri": format!("{base}/keys"),
        "userinfo_endpoint": format!("{base}/userinfo"),
    });
    for (name, value) in changed.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

/// Answers discovery with [`document`], and a set of keys with `keys`.
fn publishing(changed: Value, keys: Value) -> Server {
    Server::answering(move |base, request| match request.split(' ').nth(1).unwrap() {
        "/.well-known/openid-configuration" => answer_json(&document(base, &changed)),
        "/keys" => answer_json(&keys),
        _ => answer(404, "{}"),
    })
}

fn is_refused<T>(found: &Result<T, Error>) -> bool {
    matches!(found, Err(Error::Refused(_)))
}

#[tokio::test]
async fn t17_a_document_that_names_another_issuer_or_lacks_something_is_refused() {
    for changed in [
        json!({ "issuer": "https://evil.example" }),
        json!({ "issuer": null }),
        json!({ "jwks_uri": null }),
        json!({ "token_endpoint": "no address" }),
        json!({ "token_endpoint_auth_methods_supported": ["private_key_jwt"] }),
        json!({ "authorization_response_iss_parameter_supported": "true" }),
    ] {
        let server = publishing(changed.clone(), json!({}));
        let company = at(&server, |_| {});
        let found = company.openid.metadata(&company.channel).await;
        assert!(is_refused(&found), "{changed}");
    }
    // A slash is a letter too.
    let server = publishing(json!({}), json!({}));
    let company = at(&server, |config| {
        config.issuer = config.issuer.take().map(|issuer| issuer + "/");
    });
    assert!(is_refused(&company.openid.metadata(&company.channel).await));
}

#[tokio::test]
async fn t18_a_document_sends_nobody_to_a_private_address() {
    let canary = Server::canary();
    for (endpoint, address) in [
        ("token_endpoint", "http://10.0.0.1/token"),
        ("token_endpoint", "https://10.0.0.1/token"),
        ("jwks_uri", "https://169.254.169.254/latest/meta-data"),
        ("jwks_uri", "https://[fd00:ec2::254]/"),
        ("userinfo_endpoint", "http://login.example.org/"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("authorization_endpoint", "http://login.example.org/"),
        ("token_endpoint", "https://ada@login.example.org/"),
    ] {
        let server = publishing(json!({ endpoint: address }), json!({}));
        let company = at(&server, |_| {});
        assert!(
            is_refused(&company.openid.metadata(&company.channel).await),
            "{address}"
        );
    }
    assert!(canary.seen().is_empty());
}

#[tokio::test]
async fn what_was_written_goes_over_what_was_discovered_and_may_replace_all_of_it() {
    let server = publishing(json!({}), json!({ "keys": [] }));
    let company = at(&server, |config| {
        config.token_url = Some("https://login.example.org/token".parse().unwrap());
    });
    let found = company.openid.metadata(&company.channel).await.unwrap();
    assert_eq!(found.token.as_str(), "https://login.example.org/token");
    assert_eq!(found.keys, server.url("/keys"));
    for _ in 0..9 {
        company.openid.metadata(&company.channel).await.unwrap();
    }
    assert_eq!(server.count("GET /.well-known/"), 1);
    company.hands.advance(FRESH);
    company.openid.metadata(&company.channel).await.unwrap();
    assert_eq!(server.count("GET /.well-known/"), 2);
    let alone = at(&server, |config| {
        config.authorization_url = Some(server.url("/a"));
        config.token_url = Some(server.url("/t"));
        config.jwks_url = Some(server.url("/keys"));
    });
    assert_eq!(
        alone.openid.metadata(&alone.channel).await.unwrap().authorization,
        server.url("/a")
    );
    alone.openid.probe(&alone.channel).await.unwrap();
    assert_eq!(
        server.count("GET /.well-known/"),
        2,
        "nothing was left to discover"
    );
}

#[tokio::test]
async fn t17_the_issuer_that_comes_back_with_the_code_is_this_one() {
    for (supported, iss, good) in [
        (false, None, true),
        (true, None, false),
        (false, Some(""), false),
        (false, Some("https://evil.example"), false),
        (true, Some("https://evil.example"), false),
    ] {
        let server = publishing(
            json!({ "authorization_response_iss_parameter_supported": supported }),
            json!({}),
        );
        let company = at(&server, |_| {});
        let found = company.openid.check_issuer(&company.channel, iss).await;
        assert_eq!(found.is_ok(), good, "{iss:?}");
        company
            .openid
            .check_issuer(&company.channel, Some(server.base()))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn t19_a_thousand_unknown_keys_are_one_fetch_a_minute() {
    let (known, next) = (Signer::es256(), Signer::es256());
    let rotated = Arc::new(AtomicBool::new(false));
    let mut second = next.jwk.clone();
    second["kid"] = json!("2");
    let (first, now) = (known.jwk.clone(), Arc::clone(&rotated));
    let server = Server::answering(move |base, request| match request.split(' ').nth(1).unwrap() {
        "/keys" if now.load(Ordering::SeqCst) => answer_json(&json!({ "keys": [first, second] })),
        "/keys" => answer_json(&json!({ "keys": [first] })),
        _ => answer_json(&document(base, &json!({}))),
    });
    let company = at(&server, |_| {});
    let metadata = company.openid.metadata(&company.channel).await.unwrap();
    let claims = json!({ "iss": server.base(), "aud": CLIENT, "sub": "1", "nonce": "n", "iat": 0, "exp": 0 });
    let token = |signer: &Signer, kid: String| signer.token(&json!({ "alg": "ES256", "kid": kid }), &claims);
    let strange: Vec<String> = (0..1000)
        .map(|kid| token(&next, format!("unknown-{kid}")))
        .collect();
    let named = (token(&known, "1".to_owned()), token(&next, "2".to_owned()));
    let verify = |token| company.openid.verify(&company.channel, &metadata, token);
    for minute in 1..=3 {
        let all = futures_util::future::join_all(strange.iter().map(|token| verify(token))).await;
        assert!(all.iter().all(is_refused));
        verify(&named.0).await.unwrap();
        assert_eq!(server.count("GET /keys"), minute);
        company.hands.advance(UNKNOWN_KEY);
    }
    rotated.store(true, Ordering::SeqCst);
    verify(&named.1).await.unwrap();
    assert_eq!(
        server.count("GET /keys"),
        4,
        "a new key is found when a minute has passed"
    );
}
