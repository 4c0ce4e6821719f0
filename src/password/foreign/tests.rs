//! Proofs on forms and bounds. Hashes of the real libraries are in `tests/it/import_hashes.rs`.

use argon2::Params;
use data_encoding::{BASE64, BASE64_NOPAD};
use proptest::prelude::*;

use super::*;

const TEXT: &[u8] = b"plinth gravel otter quench";
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuQ7vqmZ8wqlGkZ3vSxR2b8xQmM1yV5cK";

fn memory() -> Memory {
    Memory::for_params(&Params::new(64, 1, 1, None).unwrap())
}

fn pbkdf2_text(iterations: &str) -> String {
    let mut digest = [0; 32];
    let rounds = std::num::NonZeroU32::new(1000).unwrap();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, b"salt", TEXT, &mut digest);
    format!("pbkdf2_sha256${iterations}$salt${}", BASE64.encode(&digest))
}

fn scrypt_digest() -> [u8; 64] {
    let mut digest = [0; 64];
    let params = scrypt::Params::new(4, 8, 1).unwrap();
    scrypt::scrypt(TEXT, b"salt", &params, &mut digest).unwrap();
    digest
}

#[test]
fn what_is_stored_is_the_hash_behind_its_cost() {
    let text = pbkdf2_text("1000");
    let stored = ForeignHash::parse(&format!(" {text}\n")).unwrap();
    assert_eq!(unmarked(stored.as_str()), Some(text.as_str()));
    assert_eq!(&stored.as_str()[1..12], "pbkdf2 1000");
    assert_eq!(format!("{stored:?}"), "ForeignHash");
    for text in ["", "~", "~short~hash", text.as_str(), "~é", &"~".repeat(33)] {
        assert_eq!(unmarked(text), None, "{text}");
    }
}

#[test]
fn each_form_matches_its_password_alone() {
    let (plain, of_digest) = (
        bcrypt::hash_with_salt(TEXT, 4, [1; 16]).unwrap(),
        bcrypt::hash_with_salt(
            HEXLOWER.encode(digest::digest(&digest::SHA256, TEXT).as_ref()),
            4,
            [1; 16],
        )
        .unwrap(),
    );
    let salt = BASE64_NOPAD.encode(b"salt");
    let argon2 = phc::phc(&Params::new(64, 1, 1, None).unwrap(), TEXT, None, &memory());
    for text in [
        pbkdf2_text("1000"),
        plain.format_for_version(bcrypt::Version::TwoA),
        plain.format_for_version(bcrypt::Version::TwoB),
        plain.format_for_version(bcrypt::Version::TwoY),
        format!("bcrypt${plain}"),
        format!("bcrypt_sha256${of_digest}"),
        format!("scrypt$16$salt$8$1${}", BASE64.encode(&scrypt_digest())),
        format!(
            "$scrypt$ln=4,r=8,p=1${salt}${}",
            BASE64_NOPAD.encode(&scrypt_digest()[..32])
        ),
        argon2.clone(),
        format!("argon2{argon2}"),
    ] {
        let hash = Foreign::parse(&text).unwrap_or_else(|refused| panic!("{text}: {refused}"));
        assert!(hash.matches(TEXT, &memory()), "{text}");
        for wrong in [&TEXT[1..], &TEXT[..TEXT.len() - 1], b"", &[TEXT, b" "].concat()] {
            assert!(!hash.matches(wrong, &memory()), "{text}");
        }
    }
}

#[test]
fn what_is_no_whole_hash_says_what_is_wrong() {
    let digest = BASE64.encode(&[7; 32]);
    let short = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAA";
    let keyed = "$argon2id$v=19$m=64,t=1,p=1,keyid=MjAyNg$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
    for (text, said) in [
        ("plain text", "known form"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "known form"),
        ("pbkdf2_sha1$1000$salt$AAAA", "known form"),
        ("$2x$04$abcdefghijklmnopqrstuu", "$2a$, $2b$ or $2y$"),
        ("!cannot sign in", "leave the field empty"),
        ("pbkdf2_sha256$1000$salt", "iterations, salt and digest"),
        (&format!("pbkdf2_sha256$+1000$salt${digest}"), "no number"),
        (&format!("pbkdf2_sha256$0$salt${digest}"), "no number"),
        ("pbkdf2_sha256$1000$salt$AAAA", "32 bytes"),
        (&BCRYPT[..59], "60 characters"),
        (&BCRYPT.replace("$04$", "$03$"), "at least 4"),
        (&format!("scrypt$17$salt$8$1${digest}"), "power of 2"),
        (&format!("scrypt$16$salt$0$1${digest}"), "above 0"),
        ("scrypt$16$salt$8$1$AAAA", "16 to 64 bytes"),
        ("$scrypt$ln=4,r=8$c2FsdA$AAAA", "ln, r and p"),
        (
            &format!("$scrypt$ln=64,r=8,p=1$c2FsdA${}", "A".repeat(43)),
            "out of range",
        ),
        ("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ", "salt and digest"),
        (short, "16 bytes"),
        (keyed, "secret"),
        (&"$2b$".repeat(200), "known form"),
    ] {
        let refused = ForeignHash::parse(text).unwrap_err();
        assert!(refused.to_string().contains(said), "{text}: {refused}");
    }
}

#[test]
fn t12_a_hash_that_would_cost_too_much_is_refused_and_the_bound_named() {
    let digest = BASE64.encode(&[7; 32]);
    for (text, bound) in [
        (pbkdf2_text("4000001"), "at most 4000000"),
        (BCRYPT.replace("$04$", "$15$"), "at most 14"),
        (format!("scrypt$524288$salt$8$1${digest}"), "at most 262144"),
        (
            "$argon2id$v=19$m=2097152,t=1,p=4$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            "at most 262144",
        ),
    ] {
        let refused = ForeignHash::parse(&text).unwrap_err();
        assert!(matches!(refused, Refused::TooCostly(_)), "{text}: {refused}");
        assert!(refused.to_string().contains(bound), "{text}: {refused}");
        // Nor is it verified, should one stand in the database.
        assert!(Foreign::parse(&text).is_err());
    }
}

/// Texts that come close to hashes.
fn almost() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("$".to_owned()),
        Just("pbkdf2_sha256$".to_owned()),
        Just("bcrypt_sha256$".to_owned()),
        Just(BCRYPT.to_owned()),
        Just("scrypt$16$salt$8$1$".to_owned()),
        Just("$scrypt$ln=4,r=8,p=1$".to_owned()),
        Just("argon2$argon2id$v=19$m=64,t=1,p=1$".to_owned()),
        Just("~".to_owned()),
        "[0-9a-zA-Z+/=,]{0,50}",
        any::<String>(),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_reading_panic(text in almost()) {
        let _ = ForeignHash::parse(&text);
        let _ = unmarked(&text);
    }

    #[test]
    fn what_is_taken_is_read_back_from_the_database(text in almost()) {
        if let Ok(stored) = ForeignHash::parse(&text) {
            let cost = Foreign::parse(unmarked(stored.as_str()).unwrap()).unwrap().cost();
            prop_assert_eq!(stored.as_str()[1..=COST_WIDTH].parse(), Ok(cost));
        }
    }
}
