//! What is a service key, where it may be used, and how one may be made.

use super::*;
use crate::clock::Clock;
use crate::secret::Rng;

#[test]
fn a_key_is_taken_apart_into_what_it_was_made_of() {
    for seed in 0..200 {
        let rng = Rng::seeded(seed);
        let id = ServiceKeyId::generate(&Clock::System, &rng);
        let token = PlainToken::generate(&prefix(id), &rng);
        let (found, secret) = parse(token.expose()).unwrap();
        assert_eq!(found, id);
        assert_eq!(format!("{}{secret}", prefix(id)), token.expose());
        assert!(secret_hash(&token).matches(TokenHash::of(secret.as_bytes()).bytes()));
    }
}

#[test]
fn t21_anything_else_is_no_key() {
    let id = "0190a0b0000070008000000000000001";
    let secret = "A".repeat(43);
    assert!(parse(&format!("pck_{id}_{secret}")).is_some());
    for text in [
        String::new(),
        "pck_".to_owned(),
        format!("pck_{id}"),
        format!("pck_{id}_"),
        format!("pck_{id}_{secret}A"),
        format!("pck_{id}_{}", &secret[1..]),
        format!("pck_{id}_{}=", &secret[1..]),
        format!("pck_{id}_{} ", &secret[1..]),
        format!("pck_{}_{secret}", &id[1..]),
        format!("pck_{}_{secret}", id.to_uppercase()),
        format!("pck_0190a0b0-0000-7000-8000-000000000001_{secret}"),
        format!("PCK_{id}_{secret}"),
        format!("pcr_{id}_{secret}"),
        format!(" pck_{id}_{secret}"),
    ] {
        assert!(parse(&text).is_none(), "{text}");
    }
}

#[test]
fn t21_networks_hold_for_an_address_however_it_is_written() {
    let nets: Vec<IpNet> = ["192.0.2.0/24", "2001:db8::/32", "::ffff:198.51.100.0/120"]
        .iter()
        .map(|net| canonical(net.parse().unwrap()))
        .collect();
    for ip in [
        "192.0.2.7",
        "::ffff:192.0.2.7",
        "2001:db8::1",
        "198.51.100.9",
        "::ffff:198.51.100.9",
    ] {
        assert!(allows(&nets, ip.parse().unwrap(), true), "{ip}");
        assert!(!allows(&nets, ip.parse().unwrap(), false), "{ip}, perhaps");
    }
    for ip in [
        "192.0.3.7",
        "::ffff:192.0.3.7",
        "2001:db9::1",
        "198.51.101.9",
        "::1",
    ] {
        assert!(!allows(&nets, ip.parse().unwrap(), true), "{ip}");
    }
    for certain in [true, false] {
        assert!(allows(&[], "203.0.113.1".parse().unwrap(), certain));
    }
}

#[test]
fn a_new_key_is_checked_field_by_field() {
    let good = || NewServiceKey {
        name: "billing".to_owned(),
        scopes: vec![Permission::SessionsRevoke],
        allow: Vec::new(),
        expires_in: Some(Duration::from_secs(1)),
    };
    let codes = |new: NewServiceKey| -> Vec<String> {
        faults(&new)
            .iter()
            .map(|fault| format!("{} {}", fault.field, fault.code))
            .collect()
    };
    assert!(codes(good()).is_empty());
    assert!(
        codes(NewServiceKey {
            expires_in: None,
            name: "é".repeat(100),
            ..good()
        })
        .is_empty()
    );
    assert_eq!(
        codes(NewServiceKey {
            name: " ".to_owned(),
            ..good()
        }),
        ["name required"]
    );
    assert_eq!(
        codes(NewServiceKey {
            name: "a\nb".to_owned(),
            ..good()
        }),
        ["name invalid"]
    );
    assert_eq!(
        codes(NewServiceKey {
            name: "a".repeat(101),
            ..good()
        }),
        ["name too_long"]
    );
    assert_eq!(
        codes(NewServiceKey {
            allow: vec!["192.0.2.1/32".parse().unwrap(); MAX_NETWORKS + 1],
            ..good()
        }),
        ["allow too_long"]
    );
    assert_eq!(
        codes(NewServiceKey {
            scopes: Vec::new(),
            ..good()
        }),
        ["scopes required"]
    );
    for lifetime in [
        Duration::ZERO,
        Duration::from_secs(u64::from(MAX_LIFETIME) + 1),
        Duration::MAX,
    ] {
        assert_eq!(
            codes(NewServiceKey {
                expires_in: Some(lifetime),
                ..good()
            }),
            ["expires_in invalid"]
        );
    }
}
