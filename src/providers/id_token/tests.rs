//! ID tokens of every kind that is taken, and every way in which one may be wrong (T17).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use super::super::key_set::KeySet;
use super::*;

const ISSUER: &str = "https://login.example.org";
const CLIENT: &str = "hub";
const NOW: i64 = 1_700_000_000;

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Send>;

/// A key, and how it signs.
pub(crate) struct Signer {
    pub(crate) jwk: Value,
    sign: Sign,
}

impl Signer {
    pub(crate) fn ec(crv: &str, algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let (x, y) = {
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y))
        };
        Self {
            jwk: json!({ "kty": "EC", "crv": crv, "x": x, "y": y, "kid": "1" }),
            sign: Box::new(move |message| {
                pair.sign(&SystemRandom::new(), message)
                    .unwrap()
                    .as_ref()
                    .to_vec()
            }),
        }
    }

    pub(crate) fn es256() -> Self {
        Self::ec("P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = BASE64URL_NOPAD.encode(pair.public_key().as_ref());
        Self {
            jwk: json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "1" }),
            sign: Box::new(move |message| pair.sign(message).as_ref().to_vec()),
        }
    }

    fn rsa(padding: &'static dyn RsaEncoding) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        // RSAPublicKey: the head of the sequence, then the modulus with its head of five bytes, then 65537.
        let n = BASE64URL_NOPAD.encode(&pair.public_key().as_ref()[9..265]);
        Self {
            jwk: json!({ "kty": "RSA", "n": n, "e": "AQAB", "kid": "1" }),
            sign: Box::new(move |message| {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut signature)
                    .unwrap();
                signature
            }),
        }
    }

    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = BASE64URL_NOPAD.encode(&(self.sign)(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn keys(&self) -> Value {
        json!({ "keys": [self.jwk] })
    }
}

fn encoded(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

fn header(alg: &str) -> Value {
    json!({ "alg": alg, "kid": "1", "typ": "JWT" })
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": CLIENT, "sub": "ada", "nonce": "nonce", "iat": NOW, "exp": NOW + 300,
        "email": "ada@example.org", "email_verified": true,
    })
}

/// `value` with members set, or `REMOVED`.
fn with(mut value: Value, changed: &Value) -> Value {
    for (name, to) in changed.as_object().unwrap() {
        if *to == json!("REMOVED") {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = to.clone();
        }
    }
    value
}

fn verify(token: &str, keys: Value) -> Result<Claims, Error> {
    let token = Unverified::parse(token)?;
    let keys: KeySet = serde_json::from_value(keys).unwrap();
    let key = keys
        .find(token.kid.as_deref(), token.algorithm)
        .ok_or_else(|| refused("fits no key"))?;
    let claims = token.open(&key)?;
    claims.check(&Expected {
        issuer: ISSUER,
        client_id: CLIENT,
        nonce: &PlainToken::presented("nonce"),
        now: Timestamp::from_micros(NOW * 1_000_000),
    })?;
    Ok(claims)
}

/// Whether each change of the claims is taken.
fn judge(changes: &[(Value, bool)]) {
    let signer = Signer::es256();
    for (changed, good) in changes {
        let token = signer.token(&header("ES256"), &with(claims(), changed));
        let found = verify(&token, signer.keys());
        assert_eq!(found.is_ok(), *good, "{changed}: {:?}", found.err());
    }
}

#[test]
fn a_token_of_each_algorithm_is_taken_with_a_key_of_its_type() {
    let signers = [
        ("RS256", Signer::rsa(&signature::RSA_PKCS1_SHA256)),
        ("RS384", Signer::rsa(&signature::RSA_PKCS1_SHA384)),
        ("RS512", Signer::rsa(&signature::RSA_PKCS1_SHA512)),
        ("PS256", Signer::rsa(&signature::RSA_PSS_SHA256)),
        ("PS384", Signer::rsa(&signature::RSA_PSS_SHA384)),
        ("PS512", Signer::rsa(&signature::RSA_PSS_SHA512)),
        ("ES256", Signer::es256()),
        (
            "ES384",
            Signer::ec("P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        ),
        ("EdDSA", Signer::ed25519()),
    ];
    for (at, (alg, signer)) in signers.iter().enumerate() {
        let token = signer.token(&header(alg), &claims());
        let found = verify(&token, signer.keys()).unwrap();
        assert_eq!(
            (found.sub.as_str(), found.person.is_verified()),
            ("ada", true),
            "{alg}"
        );
        // Says one algorithm, is signed with another.
        for (other, _) in signers.iter().filter(|(other, _)| other != alg) {
            let token = signer.token(&header(other), &claims());
            assert!(verify(&token, signer.keys()).is_err(), "{alg} as {other}");
        }
        let next = &signers[(at + 1) % signers.len()].1;
        assert!(verify(&token, next.keys()).is_err(), "a key of somebody else");
    }
}

#[test]
fn t17_the_issuer_is_this_one_to_the_letter() {
    judge(&[
        (json!({ "iss": "https://evil.example" }), false),
        (json!({ "iss": "https://login.example.org/" }), false),
        (json!({ "iss": "HTTPS://login.example.org" }), false),
        (json!({ "iss": "REMOVED" }), false),
        (json!({ "iss": [ISSUER] }), false),
    ]);
}

#[test]
fn t17_the_audience_is_this_client_and_so_is_the_party_it_was_issued_to() {
    judge(&[
        (json!({ "aud": "other" }), false),
        (json!({ "aud": "REMOVED" }), false),
        (json!({ "aud": null }), false),
        (json!({ "aud": [] }), false),
        (json!({ "aud": ["other"] }), false),
        (json!({ "aud": { "hub": true } }), false),
        (json!({ "aud": [CLIENT] }), true),
        (json!({ "aud": [CLIENT, "other"] }), false),
        (json!({ "aud": [CLIENT, "other"], "azp": "other" }), false),
        (json!({ "aud": ["other", CLIENT], "azp": CLIENT }), true),
        (json!({ "azp": "other" }), false),
        (json!({ "azp": null }), false),
        (json!({ "azp": CLIENT }), true),
    ]);
}

#[test]
fn t17_the_nonce_is_that_of_this_sign_in() {
    judge(&[
        (json!({ "nonce": "another" }), false),
        (json!({ "nonce": "" }), false),
        (json!({ "nonce": "nonce " }), false),
        (json!({ "nonce": null }), false),
        (json!({ "nonce": ["nonce"] }), false),
        (json!({ "nonce": "REMOVED" }), false),
    ]);
}

#[test]
fn t17_a_token_is_of_now() {
    judge(&[
        (json!({ "exp": NOW - 4 }), true),
        (json!({ "exp": NOW - 5 }), false),
        (json!({ "exp": i64::MIN }), false),
        (json!({ "exp": "REMOVED" }), false),
        (json!({ "exp": (NOW + 300).to_string() }), false),
        (json!({ "iat": NOW + 60 }), true),
        (json!({ "iat": NOW + 61 }), false),
        (json!({ "iat": i64::MAX }), false),
        (json!({ "iat": "REMOVED" }), false),
        (json!({ "nbf": NOW + 5 }), true),
        (json!({ "nbf": NOW + 6 }), false),
        (json!({ "nbf": null }), false),
        (json!({ "nbf": "soon" }), false),
    ]);
}

#[test]
fn t17_a_claim_of_the_wrong_json_type_is_a_refusal() {
    judge(&[
        (json!({ "sub": 1 }), false),
        (json!({ "sub": "REMOVED" }), false),
        (json!({ "email": ["ada@example.org"] }), false),
        (json!({ "email_verified": "yes" }), false),
        (json!({ "email_verified": "True" }), false),
        (json!({ "email_verified": 1 }), false),
        (json!({ "name": {} }), false),
        (json!({ "name": null, "picture": null, "email": null }), true),
    ]);
}

#[test]
fn t17_no_word_on_an_address_is_no() {
    let signer = Signer::es256();
    for (said, verified) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("false"), false),
        (json!(null), false),
        (json!("REMOVED"), false),
    ] {
        let claims = with(claims(), &json!({ "email_verified": said }));
        let token = signer.token(&header("ES256"), &claims);
        let found = verify(&token, signer.keys()).unwrap();
        assert_eq!(found.person.is_verified(), verified, "{said}");
    }
}

#[test]
fn t17_nothing_but_a_listed_algorithm_verifies() {
    let signer = Signer::es256();
    for alg in [
        "none", "None", "NONE", "HS256", "HS512", "es256", "ES512", "ES256K", "RSA1_5", "",
    ] {
        let token = signer.token(&header(alg), &claims());
        assert!(verify(&token, signer.keys()).is_err(), "{alg}");
        let (message, _) = token.rsplit_once('.').unwrap();
        assert!(
            verify(&format!("{message}."), signer.keys()).is_err(),
            "{alg} unsigned"
        );
    }
    // The oldest trick: HMAC with what everybody knows, and with the client's secret as a published key.
    let message = format!("{}.{}", encoded(&header("HS256")), encoded(&claims()));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"secret");
    let mac = BASE64URL_NOPAD.encode(aws_lc_rs::hmac::sign(&key, message.as_bytes()).as_ref());
    let keys = json!({ "keys": [{ "kty": "oct", "k": BASE64URL_NOPAD.encode(b"secret"), "kid": "1" }] });
    assert!(verify(&format!("{message}.{mac}"), keys).is_err());
}

#[test]
fn t17_a_token_brings_no_key_along_and_is_no_token_of_another_kind() {
    let signer = Signer::es256();
    for (changed, good) in [
        (json!({ "jku": "https://evil.example/keys" }), false),
        (json!({ "x5u": "https://evil.example/key" }), false),
        (json!({ "jwk": signer.jwk }), false),
        (json!({ "crit": ["b64"], "b64": false }), false),
        (json!({ "typ": "at+jwt" }), false),
        (json!({ "typ": "logout+jwt" }), false),
        (json!({ "alg": "REMOVED" }), false),
        (json!({ "kid": 1 }), false),
        (json!({ "typ": "jwt", "x5t": "abc" }), true),
        (json!({ "typ": "REMOVED" }), true),
    ] {
        let token = signer.token(&with(header("ES256"), &changed), &claims());
        assert_eq!(verify(&token, signer.keys()).is_ok(), good, "{changed}");
    }
}

#[test]
fn t17_the_key_is_the_one_that_is_named_and_is_there_to_sign() {
    let (signer, other) = (Signer::es256(), Signer::es256());
    let rsa = Signer::rsa(&signature::RSA_PKCS1_SHA256);
    let named = |kid: &str| with(other.jwk.clone(), &json!({ "kid": kid }));
    let own = |changed: Value| with(signer.jwk.clone(), &changed);
    let anonymous = with(header("ES256"), &json!({ "kid": "REMOVED" }));
    for (keys, by_name, by_none) in [
        (json!([signer.jwk]), true, true),
        (json!([rsa.jwk, named("2"), signer.jwk]), true, false),
        (
            json!([signer.jwk, with(rsa.jwk.clone(), &json!({ "kid": "2" }))]),
            true,
            true,
        ),
        (json!([signer.jwk, named("1")]), false, false),
        (json!([own(json!({ "kid": "2" }))]), false, true),
        (json!([own(json!({ "kid": "REMOVED" }))]), false, true),
        (
            json!([own(
                json!({ "use": "sig", "alg": "ES256", "key_ops": ["verify"] })
            )]),
            true,
            true,
        ),
        (json!([own(json!({ "use": "enc" }))]), false, false),
        (json!([own(json!({ "alg": "ES384" }))]), false, false),
        (json!([own(json!({ "alg": "RS256" }))]), false, false),
        (json!([own(json!({ "key_ops": ["encrypt"] }))]), false, false),
        (json!([own(json!({ "crv": "P-384" }))]), false, false),
        (json!([own(json!({ "x": "" }))]), false, false),
        (json!([{ "kty": "new" }, "nonsense", signer.jwk]), true, true),
        (json!([]), false, false),
    ] {
        let keys = json!({ "keys": keys });
        let token = signer.token(&header("ES256"), &claims());
        assert_eq!(verify(&token, keys.clone()).is_ok(), by_name, "by name: {keys}");
        let token = signer.token(&anonymous, &claims());
        assert_eq!(verify(&token, keys.clone()).is_ok(), by_none, "by none: {keys}");
    }
}

#[test]
fn t17_a_short_rsa_key_is_no_key() {
    for (bytes, good) in [
        (128, false),
        (255, false),
        (256, true),
        (1024, true),
        (1025, false),
    ] {
        let n = BASE64URL_NOPAD.encode(&[vec![0; 8], vec![0xff; bytes]].concat());
        let keys: KeySet =
            serde_json::from_value(json!({ "keys": [{ "kty": "RSA", "n": n, "e": "AQAB" }] })).unwrap();
        assert_eq!(keys.find(None, Algorithm::RS256).is_some(), good, "{bytes} bytes");
    }
}

#[test]
fn t17_an_altered_token_or_something_else_is_no_token() {
    let signer = Signer::es256();
    let token = signer.token(&header("ES256"), &claims());
    let parts: Vec<&str> = token.split('.').collect();
    let swapped = encoded(&with(claims(), &json!({ "sub": "eve" })));
    let array = BASE64URL_NOPAD.encode(b"[1]");
    for text in [
        String::new(),
        "..".to_owned(),
        token[1..].to_owned(),
        token[..token.len() - 2].to_owned(),
        format!("{token}."),
        format!("{token}="),
        format!("{}.{swapped}.{}", parts[0], parts[2]),
        format!("{array}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.a.b.c", parts[0], parts[1]),
    ] {
        assert!(verify(&text, signer.keys()).is_err(), "{text}");
    }
    for (padding, good) in [(8 * 1024, true), (16 * 1024, false)] {
        let token = signer.token(
            &header("ES256"),
            &with(claims(), &json!({ "padding": "x".repeat(padding) })),
        );
        assert_eq!(
            verify(&token, signer.keys()).is_ok(),
            good,
            "{} bytes",
            token.len()
        );
    }
    // serde reads a struct from an array too, member by member.
    let header = json!(["ES256", "1", "JWT", null, null, null, null]);
    let token = signer.token(&header, &claims());
    assert!(
        verify(&token, signer.keys()).is_err(),
        "a header that is an array"
    );
}
