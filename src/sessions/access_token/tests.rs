//! Threat T05: what is not exactly a token of ours, for this purpose, now, is none.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::*;
use crate::sessions::key_set::KeySet;
use crate::sessions::key_set::tests::{NOW, key_set};

const ISSUER: &str = "https://auth.example.org";
const ID: &str = "0190a0b0-0000-7000-8000-000000000001";

fn claims() -> BTreeMap<&'static str, Value> {
    let now = NOW.seconds();
    BTreeMap::from([
        ("iss", json!(ISSUER)),
        ("aud", json!(ISSUER)),
        ("sub", json!(ID)),
        ("client_id", json!("portcullis")),
        ("sid", json!(ID)),
        ("jti", json!(format!("{ID}.7"))),
        ("iat", json!(now)),
        ("exp", json!(now + 300)),
        ("ver", json!(3)),
        ("role", json!("user")),
        ("auth_time", json!(now)),
        ("amr", json!(["pwd"])),
    ])
}

fn verify(set: &KeySet, token: &str) -> Option<Verified> {
    let parsed = Unverified::parse(token, TYPE)?;
    let claims = parsed.open::<Claims>(set.find(&parsed.kid, NOW)?)?;
    claims.accept(ISSUER, parsed.kid)?.verify(NOW)
}

fn kid(set: &KeySet) -> String {
    let token = set.sign(TYPE, &claims()).unwrap();
    Unverified::parse(&token, TYPE).unwrap().kid
}

/// A token with exactly this header and payload, signed with the active key.
fn forge(set: &KeySet, header: &str, payload: &str) -> String {
    let message = [header, payload]
        .map(|part| BASE64URL_NOPAD.encode(part.as_bytes()))
        .join(".");
    let signature = set.sign_raw(message.as_bytes());
    format!("{message}.{signature}")
}

fn with(name: &'static str, value: Value) -> BTreeMap<&'static str, Value> {
    let mut claims = claims();
    claims.insert(name, value);
    claims
}

#[test]
fn a_good_token_is_accepted_with_and_without_extra_claims() {
    let set = key_set();
    let found = verify(&set, &set.sign(TYPE, &claims()).unwrap()).unwrap();
    assert_eq!(
        (found.generation, found.from_socket, found.validity),
        (7, false, Validity::Live)
    );
    let found = verify(&set, &set.sign(TYPE, &with("src", json!("socket"))).unwrap()).unwrap();
    assert!(found.from_socket);
    for good in [
        with("aud", json!([ISSUER])),
        with("extra", json!({"a": 1})),
        with("nbf", json!(1)),
    ] {
        assert!(
            verify(&set, &set.sign(TYPE, &good).unwrap()).is_some(),
            "{good:?}"
        );
    }
    let header = format!(
        r#"{{"typ":"application/AT+JWT","alg":"EdDSA","kid":"{}"}}"#,
        kid(&set)
    );
    assert!(verify(&set, &forge(&set, &header, &json!(claims()).to_string())).is_some());
}

#[test]
fn an_expired_token_is_told_apart_from_a_bad_one() {
    let set = key_set();
    let token = set.sign(TYPE, &with("exp", json!(NOW.seconds() - 5))).unwrap();
    assert_eq!(verify(&set, &token).unwrap().validity, Validity::Expired);
}

#[test]
fn t05_no_header_but_our_own_is_accepted() {
    let set = key_set();
    let kid = kid(&set);
    let payload = json!(claims()).to_string();
    let headers = [
        format!(r#"{{"typ":"at+jwt","alg":"none","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"None","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"eddsa","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":["EdDSA"],"kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"HS256","alg":"EdDSA","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"x","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#),
        format!(r#"{{"typ":null,"alg":"EdDSA","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"JWT","alg":"EdDSA","kid":"{kid}"}}"#),
        format!(r#"{{"typ":"socket+jwt","alg":"EdDSA","kid":"{kid}"}}"#),
        r#"{"typ":"at+jwt","alg":"EdDSA"}"#.to_owned(),
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":""}"#.to_owned(),
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":"../../dev/null"}"#.to_owned(),
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":"x' or '1'='1"}"#.to_owned(),
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":"https://eve.example.org/k"}"#.to_owned(),
        format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":["{kid}"]}}"#),
        format!(r#"["at+jwt","EdDSA","{kid}"]"#),
        String::new(),
        "null".to_owned(),
    ];
    for header in headers {
        assert_eq!(verify(&set, &forge(&set, &header, &payload)), None, "{header}");
    }
    let extras = [
        r#""jku":"https://eve.example.org/jwks""#,
        r#""x5u":"https://eve.example.org/c""#,
        r#""jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#,
        r#""x5c":[]"#,
        r#""jku":null"#,
        r#""crit":["exp"],"exp":1"#,
        r#""crit":[]"#,
        r#""b64":false"#,
        r#""zip":"DEF""#,
    ];
    for extra in extras {
        let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{kid}",{extra}}}"#);
        assert_eq!(verify(&set, &forge(&set, &header, &payload)), None, "{extra}");
    }
}

#[test]
fn t05_a_mac_under_the_public_key_is_no_signature() {
    let set = key_set();
    let jwks = set.jwks(NOW);
    for key in jwks["keys"].as_array().unwrap() {
        let x = key["x"].as_str().unwrap();
        let raw = BASE64URL_NOPAD.decode(x.as_bytes()).unwrap();
        for secret in [raw.as_slice(), x.as_bytes()] {
            let mut header = jsonwebtoken::Header::new(Algorithm::HS256);
            header.typ = Some(TYPE.to_owned());
            header.kid = key["kid"].as_str().map(str::to_owned);
            let secret = EncodingKey::from_secret(secret);
            let token = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
            assert_eq!(verify(&set, &token), None);
            // The same bytes under a header that claims our algorithm.
            let (message, mac) = token.rsplit_once('.').unwrap();
            let payload = message.split_once('.').unwrap().1;
            let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":{}}}"#, key["kid"]);
            let header = BASE64URL_NOPAD.encode(header.as_bytes());
            assert_eq!(verify(&set, &format!("{header}.{payload}.{mac}")), None);
        }
    }
}

#[test]
fn t05_cve_2026_25537_a_claim_of_the_wrong_type_is_a_refusal() {
    let set = key_set();
    let (now, later) = (NOW.seconds(), NOW.seconds() + 300);
    let wrong = [
        ("exp", json!(later.to_string())),
        ("exp", json!(f64::from(2_000_000_000) + 0.5)),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("exp", json!([later])),
        ("exp", json!({ "v": later })),
        ("exp", json!(true)),
        ("exp", Value::Null),
        ("nbf", json!((now + 900).to_string())),
        ("nbf", json!(f64::from(2_000_000_000) + 0.5)),
        ("nbf", json!([now + 900])),
        ("nbf", Value::Null),
        ("nbf", json!(now + 900)),
        ("iat", json!(now.to_string())),
        ("iat", json!(now + 61)),
        ("iat", Value::Null),
        ("iss", json!([ISSUER])),
        ("iss", json!("https://auth.example.org/")),
        ("iss", json!("https://eve.example.org")),
        ("aud", json!([ISSUER, "https://eve.example.org"])),
        ("aud", json!([ISSUER, ISSUER])),
        ("aud", json!([])),
        ("aud", json!([[ISSUER]])),
        ("aud", json!({ "0": ISSUER })),
        ("aud", json!(format!("{ISSUER}/ws"))),
        ("aud", Value::Null),
        ("sub", json!(1)),
        ("sub", json!("admin")),
        ("sid", json!([ID])),
        ("client_id", json!("other")),
        ("jti", json!(ID)),
        ("jti", json!(format!("{ID}.x"))),
        ("jti", json!(7)),
        ("ver", json!("3")),
        ("role", json!(["admin"])),
        ("auth_time", json!("1")),
        ("amr", json!("pwd")),
        ("src", Value::Null),
        ("src", json!("elsewhere")),
        ("src", json!(1)),
    ];
    for (name, value) in wrong {
        let token = set.sign(TYPE, &with(name, value.clone())).unwrap();
        assert_eq!(verify(&set, &token), None, "{name} = {value}");
    }
    for name in claims().into_keys() {
        let mut missing = claims();
        missing.remove(name);
        assert_eq!(
            verify(&set, &set.sign(TYPE, &missing).unwrap()),
            None,
            "without {name}"
        );
    }
}

#[test]
fn t05_duplicate_claims_arrays_and_long_tokens_are_refused() {
    let set = key_set();
    let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{}"}}"#, kid(&set));
    let good = json!(claims()).to_string();
    assert!(verify(&set, &forge(&set, &header, &good)).is_some());
    for (name, value) in claims() {
        let doubled = format!(r#"{{"{name}":{value},{}"#, &good[1..]);
        assert_eq!(
            verify(&set, &forge(&set, &header, &doubled)),
            None,
            "{name} twice"
        );
    }
    for payload in ["", "{}", "[]", "null", "\"x\"", &good[1..], &format!("{good} x")] {
        assert_eq!(verify(&set, &forge(&set, &header, payload)), None, "{payload}");
    }
    let long = json!(with("extra", json!("x".repeat(8 * 1024)))).to_string();
    assert_eq!(verify(&set, &forge(&set, &header, &long)), None);
}

#[test]
fn t05_a_token_for_another_purpose_is_refused() {
    let set = key_set();
    for typ in ["socket+jwt", "JWT", "", "at+jwt+x"] {
        assert_eq!(verify(&set, &set.sign(typ, &claims()).unwrap()), None, "{typ}");
    }
}

#[test]
fn t05_no_mutant_of_a_good_token_is_accepted() {
    let set = key_set();
    let token = set.sign(TYPE, &claims()).unwrap();
    let mut mutants = 0;
    let mut refused = |mutant: &str| {
        assert_eq!(verify(&set, mutant), None, "{mutant}");
        mutants += 1;
    };
    let bytes = token.as_bytes();
    for at in 0..bytes.len() {
        for bit in 0..7 {
            let mut altered = bytes.to_vec();
            altered[at] ^= 1 << bit;
            refused(std::str::from_utf8(&altered).unwrap());
        }
        refused(&token[..at]);
        refused(&format!("{}{}", &token[..at], &token[at + 1..]));
        refused(&format!("{}.{}", &token[..at], &token[at..]));
    }
    let parts: Vec<&str> = token.split('.').collect();
    for mutant in [
        format!("{token}."),
        format!("{token}="),
        format!("{token}A"),
        format!(" {token}"),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}..{}", parts[0], parts[2]),
        format!("{}.{}.{}", parts[1], parts[0], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], BASE64URL_NOPAD.encode(&[0; 64])),
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            BASE64URL_NOPAD.encode(&[0xff; 64])
        ),
    ] {
        refused(&mutant);
    }
    assert!(mutants > 5_000, "{mutants}");
}
