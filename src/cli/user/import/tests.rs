//! Proofs on reading: every form, every fault with its line, and that no garbage makes it panic.

use proptest::prelude::*;

use super::rows::Rows;
use super::{MAX_ROW, Row};
use crate::accounts::{ImportRow, ImportedUser};
use crate::clock::Timestamp;

fn read(text: &[u8]) -> Vec<Row> {
    let rows = Rows::open(text).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Line and address, or line and what is wrong.
fn seen(text: &[u8]) -> Vec<(u64, String)> {
    let row = |row: Row| {
        let content = row.content.map(|found| found.email.unwrap_or_default());
        (row.line, content.unwrap_or_else(|problem| problem))
    };
    read(text).into_iter().map(row).collect()
}

fn whole() -> ImportRow {
    ImportRow {
        email: Some("ada@example.org".to_owned()),
        password_hash: Some("argon2$argon2id$v=19$m=64,t=1,p=1$c2FsdA$AAAA".to_owned()),
        name: Some("Ada \"Countess\" Lovelace".to_owned()),
        role: Some("user".to_owned()),
        email_verified: Some(true),
        created_at: Some("2026-01-31T09:30:00Z".to_owned()),
    }
}

#[test]
fn both_forms_say_the_same() {
    let json =
        br#"{"email":"ada@example.org","password_hash":"argon2$argon2id$v=19$m=64,t=1,p=1$c2FsdA$AAAA",
"name":"Ada"}"#;
    assert!(read(json)[0].content.is_err(), "an object is one line");
    let json = br#"
{"email":"ada@example.org","password_hash":"argon2$argon2id$v=19$m=64,t=1,p=1$c2FsdA$AAAA","name":"Ada \"Countess\" Lovelace","role":"user","email_verified":true,"created_at":"2026-01-31T09:30:00Z"}"#;
    let csv = b"\xef\xbb\xbfemail,created_at,name,role,email_verified,password_hash\r\n\
        ada@example.org,2026-01-31T09:30:00Z,\"Ada \"\"Countess\"\" Lovelace\",user,T,\"argon2$argon2id$v=19$m=64,t=1,p=1$c2FsdA$AAAA\"\r\n\r\n";
    for text in [&json[..], csv] {
        let rows = read(text);
        assert_eq!((rows.len(), rows[0].line), (1, 2));
        assert_eq!(rows[0].content, Ok(whole()));
    }
}

#[test]
fn a_row_that_cannot_be_read_is_told_with_its_line_and_stops_nothing() {
    let long = format!("{{\"email\":\"{}\"}}", "a".repeat(MAX_ROW));
    let json = [
        r#"{"email":"first@example.org"}"#,
        r#"{"email":"#,
        "",
        r#"{"email":5}"#,
        r#"{"email":"a@example.org","email_verified":"yes"}"#,
        r#"{"email":"a@example.org","email":"b@example.org"}"#,
        r#"{"email":"a@example.org","password":"secret"}"#,
        r#"["a@example.org"]"#,
        &long,
        r#"{"email":"last@example.org"}"#,
    ]
    .join("\n");
    let seen_lines = seen(json.as_bytes());
    let lines: Vec<_> = seen_lines.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 2, 4, 5, 6, 7, 8, 9, 10]);
    for ((_, said), wanted) in seen_lines.iter().zip([
        "first@example.org",
        "at column",
        "email: write a text",
        "email_verified: write true or false",
        "duplicate field `email`",
        "passwords in clear are not imported",
        "not a JSON object",
        "longer than",
        "last@example.org",
    ]) {
        assert!(said.contains(wanted), "{said}, not {wanted}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn a_row_of_csv_that_cannot_be_read_is_told_with_its_line() {
    let csv = b"\nemail,password_hash,email_verified\nfirst@example.org,,\n\
        a@example.org,$argon2id$v=19$m=64,t=1,p=1$c2FsdA$AAAA,true\n\
        a@example.org,,perhaps\n\"two\nlines@example.org\",,0\n\xff@example.org,,\nlast@example.org,,1\n";
    let told = seen(csv);
    for ((line, said), (wanted_line, wanted)) in told.iter().zip([
        (3, "first@example.org"),
        (4, "double quotes"),
        (5, "write true or false"),
        (6, "two\nlines@example.org"),
        (8, "email: not UTF-8"),
        (9, "last@example.org"),
    ]) {
        assert_eq!(*line, wanted_line, "{said}");
        assert!(said.contains(wanted), "{said}, not {wanted}");
    }
    assert_eq!(told.len(), 6);
}

#[test]
fn a_file_whose_form_will_not_do_is_refused_whole() {
    for (text, said) in [
        ("", "empty"),
        (" \n\n ", "empty"),
        ("[{\"email\":\"a@example.org\"}]", "JSON lines"),
        ("name,role\nAda,user\n", "no column `email`"),
        ("email,email\na,b\n", "twice"),
        ("email,password\na@example.org,secret\n", "passwords in clear"),
        ("email,shoe\na@example.org,42\n", "unknown column `shoe`"),
    ] {
        let refused = Rows::open(text.as_bytes()).err().unwrap().to_string();
        assert!(refused.contains(said), "{text}: {refused}");
    }
}

/// Lines that come close to rows.
fn almost() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"{\"email\":".to_vec()),
        Just(b"{\"email\":\"ada@example.org\",".to_vec()),
        Just(b"\"created_at\":\"2026-01-31T09:30:00Z\"".to_vec()),
        Just(b"\"password_hash\":\"$2b$04$".to_vec()),
        Just(b"email,password_hash,created_at".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b",".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"}".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        any::<String>().prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_garbage_makes_the_reading_panic(text in almost()) {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let Ok(rows) = Rows::open(text.as_slice()) else {
            return Ok(());
        };
        for row in rows {
            if let Ok(described) = row.unwrap().content {
                let _ = ImportedUser::check(&described, now);
            }
        }
    }
}
