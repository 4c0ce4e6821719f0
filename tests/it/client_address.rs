//! Whose address is kept and counted: the caller's, whatever headers say (T13).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::app::{TestApp, Tuning};
use crate::support::http::Answer;

type Headers = &'static [(&'static str, &'static str)];

/// From a peer that nobody trusts: the peer, always.
const UNTRUSTED: &[Headers] = &[
    &[],
    &[("x-forwarded-for", "203.0.113.9")],
    &[("x-forwarded-for", "203.0.113.9, 198.51.100.7")],
    &[("x-forwarded-for", "127.0.0.1")],
    &[("x-forwarded-for", "")],
    &[("x-forwarded-for", "::1")],
    &[("X-FORWARDED-FOR", "203.0.113.9")],
    &[
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-for", "203.0.113.10"),
    ],
    &[("forwarded", "for=203.0.113.9")],
    &[("forwarded", "for=\"[2001:db8::1]:4711\"")],
    &[("x-real-ip", "203.0.113.9")],
    &[("x-client-ip", "203.0.113.9")],
    &[("true-client-ip", "203.0.113.9")],
    &[("cf-connecting-ip", "203.0.113.9")],
    &[("x-forwarded-host", "203.0.113.9")],
    &[("via", "1.1 203.0.113.9")],
];

/// From a trusted proxy on loopback, with 10.0.0.0/8 and `2001:db8:a::/48` trusted as well.
const TRUSTED: &[(Headers, &str)] = &[
    (&[], "127.0.0.1"),
    (&[("x-forwarded-for", "203.0.113.9")], "203.0.113.9"),
    (&[("x-forwarded-for", " 203.0.113.9 ")], "203.0.113.9"),
    (&[("x-forwarded-for", "203.0.113.9:4711")], "203.0.113.9"),
    (&[("x-forwarded-for", "::ffff:203.0.113.9")], "203.0.113.9"),
    (&[("x-forwarded-for", "2001:db8::9")], "2001:db8::9"),
    (&[("x-forwarded-for", "[2001:db8::9]")], "2001:db8::9"),
    (&[("x-forwarded-for", "[2001:db8::9]:443")], "2001:db8::9"),
    // What the caller wrote itself stands to the left.
    (&[("x-forwarded-for", "198.51.100.7, 203.0.113.9")], "203.0.113.9"),
    (&[("x-forwarded-for", "127.0.0.1, 203.0.113.9")], "203.0.113.9"),
    (&[("x-forwarded-for", "10.1.1.1, 203.0.113.9")], "203.0.113.9"),
    (&[("x-forwarded-for", "garbage, 203.0.113.9")], "203.0.113.9"),
    (
        &[
            ("x-forwarded-for", "198.51.100.7"),
            ("x-forwarded-for", "203.0.113.9"),
        ],
        "203.0.113.9",
    ),
    // Trusted hops are passed over.
    (&[("x-forwarded-for", "203.0.113.9, 10.1.1.1")], "203.0.113.9"),
    (
        &[("x-forwarded-for", "203.0.113.9, 10.1.1.1, 10.2.2.2")],
        "203.0.113.9",
    ),
    (
        &[
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "10.1.1.1"),
        ],
        "203.0.113.9",
    ),
    (
        &[("x-forwarded-for", "203.0.113.9, 2001:db8:a::1")],
        "203.0.113.9",
    ),
    (
        &[("x-forwarded-for", "203.0.113.9, ::ffff:10.1.1.1")],
        "203.0.113.9",
    ),
    (
        &[("x-forwarded-for", "198.51.100.7, 203.0.113.9, 10.1.1.1")],
        "203.0.113.9",
    ),
    (&[("x-forwarded-for", "10.1.1.1, 10.2.2.2")], "10.1.1.1"),
    // A trail that breaks off ends at the last good hop.
    (&[("x-forwarded-for", "203.0.113.9, unknown")], "127.0.0.1"),
    (&[("x-forwarded-for", "203.0.113.9, ")], "127.0.0.1"),
    (&[("x-forwarded-for", "unknown, 10.1.1.1")], "10.1.1.1"),
    (&[("x-forwarded-for", "203.0.113.9; 198.51.100.7")], "127.0.0.1"),
    (&[("x-forwarded-for", "2130706433")], "127.0.0.1"),
    (&[("x-forwarded-for", "203.0.113.999")], "127.0.0.1"),
    // Other headers are not read.
    (&[("forwarded", "for=203.0.113.9")], "127.0.0.1"),
    (&[("x-real-ip", "203.0.113.9")], "127.0.0.1"),
    (
        &[
            ("forwarded", "for=198.51.100.7"),
            ("x-forwarded-for", "203.0.113.9"),
        ],
        "203.0.113.9",
    ),
];

/// A refused sign-in with these headers; gives the address that the audit log keeps of it.
async fn kept(app: &TestApp, number: usize, headers: Headers) -> String {
    let id = format!("case-{number}");
    let body = serde_json::json!({ "email": "ada@example.org", "password": "no account has this" });
    let mut request = app
        .request("POST".parse().unwrap(), "/api/auth")
        .header("x-request-id", &id);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.json(&body))
        .await
        .problem(401, "invalid_credentials");
    let rows = app
        .texts(&format!("select ip from audit where request_id = '{id}'"))
        .await;
    assert_eq!(rows.len(), 1, "one row for each try");
    rows[0].clone().unwrap()
}

#[tokio::test]
async fn t13_headers_of_a_stranger_are_not_believed() {
    let app = TestApp::spawn().await;
    for (number, headers) in UNTRUSTED.iter().enumerate() {
        assert_eq!(kept(&app, number, headers).await, "127.0.0.1", "{headers:?}");
    }
}

#[tokio::test]
async fn t13_behind_trusted_proxies_the_right_most_stranger_is_the_caller() {
    let app = Tuning::new()
        .configure(|config| {
            let nets = ["127.0.0.1/32", "10.0.0.0/8", "2001:db8:a::/48"];
            config.http.trusted_proxies = nets.iter().map(|net| net.parse().unwrap()).collect();
        })
        .spawn()
        .await;
    for (number, (headers, expected)) in TRUSTED.iter().enumerate() {
        assert_eq!(kept(&app, number, headers).await, *expected, "{headers:?}");
    }
}

/// How often one address may try at once (`sign_in:address`).
const TRIES: usize = 60;

/// Time stands still, and what counts the guesses of everybody is out of reach: whoever is refused has used up
/// an address.
fn limited(proxies: &'static [&'static str]) -> Tuning {
    Tuning::new().manual_clock().configure(|config| {
        config.limits.enabled = true;
        config.limits.failures = 1_000_000;
        config.http.trusted_proxies = proxies.iter().map(|net| net.parse().unwrap()).collect();
    })
}

/// A guess at an account at which nobody else guesses, so that only the address repeats; gives the status.
async fn guess(app: &TestApp, number: usize, headers: &[(&str, &str)]) -> u16 {
    let body = serde_json::json!({ "email": format!("ada{number}@example.org"), "password": "none" });
    let mut request = app.request("POST".parse().unwrap(), "/api/auth");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = Answer::of(request.json(&body)).await;
    assert_eq!(answer.header("retry-after").is_some(), answer.status == 429);
    answer.status
}

#[tokio::test]
async fn t13_the_limits_count_the_caller_and_not_what_it_claims() {
    let app = limited(&[]).spawn().await;
    for number in 0..TRIES {
        let claimed = format!("198.51.100.{number}");
        let status = guess(&app, number, &[("x-forwarded-for", &claimed)]).await;
        assert_eq!(status, 401, "try {number}");
    }
    for (number, headers) in UNTRUSTED.iter().enumerate() {
        let status = guess(&app, TRIES + number, headers).await;
        assert_eq!(status, 429, "escapes by {headers:?}");
    }
}

#[tokio::test]
async fn t13_behind_trusted_proxies_the_limits_count_the_true_address_and_no_other() {
    let app = limited(&["127.0.0.1/32", "10.0.0.0/8", "2001:db8:a::/48"])
        .spawn()
        .await;
    let mut number = 0;
    let mut next = async |headers: &[(&str, &str)]| {
        number += 1;
        guess(&app, number, headers).await
    };
    let addresses: BTreeSet<&str> = TRUSTED.iter().map(|(_, address)| *address).collect();
    for address in addresses {
        // Whatever was used up before is back.
        app.clock.as_ref().unwrap().advance(Duration::from_hours(1));
        for _ in 0..TRIES {
            assert_eq!(next(&[("x-forwarded-for", address)]).await, 401, "{address}");
        }
        for (headers, caller) in TRUSTED {
            let expected = if *caller == address { 429 } else { 401 };
            assert_eq!(next(headers).await, expected, "{address}: {headers:?}");
        }
    }
    // An IPv6 network of 64 bits is one address.
    for _ in 0..TRIES {
        next(&[("x-forwarded-for", "2001:db8:0:7::9")]).await;
    }
    for (address, expected) in [("2001:db8:0:7:ffff::1", 429), ("2001:db8:0:8::9", 401)] {
        assert_eq!(next(&[("x-forwarded-for", address)]).await, expected, "{address}");
    }
}
