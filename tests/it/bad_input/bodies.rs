//! Bodies that `POST /api/users` refuses: what is wrong with each, and the answer.

use serde_json::json;

use super::{Expected, MALFORMED, field};
use crate::support::people::PASSWORD;

fn nested(depth: usize) -> String {
    format!(
        "{{\"email\":{}1{}}}",
        "[".repeat(depth - 1),
        "]".repeat(depth - 1)
    )
}

#[expect(clippy::too_many_lines, reason = "one table")]
pub fn all() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let with = |key: &str, value: serde_json::Value| {
        let mut body = json!({ "email": "ada@example.org", "password": PASSWORD });
        body[key] = value;
        body.to_string().into_bytes()
    };
    vec![
        ("nothing", text(""), MALFORMED),
        ("cut off", text(r#"{"email":"ada@example.org","#), MALFORMED),
        ("cut off in a string", text(r#"{"email":"ada"#), MALFORMED),
        ("no UTF-8", b"{\"email\":\"\xff\xfe\"}".to_vec(), MALFORMED),
        ("UTF-16", b"\xff\xfe{\x00}\x00".to_vec(), MALFORMED),
        ("a byte order mark", text("\u{feff}{}"), MALFORMED),
        ("a lone surrogate", text(r#"{"email":"\ud800"}"#), MALFORMED),
        (
            "a raw line feed in a string",
            text("{\"email\":\"a\nb\"}"),
            MALFORMED,
        ),
        ("a second value", text("{} {}"), MALFORMED),
        ("a comment", text("{} // ada"), MALFORMED),
        ("single quotes", text("{'email':1}"), MALFORMED),
        (
            "a trailing comma",
            text(r#"{"email":"ada@example.org",}"#),
            MALFORMED,
        ),
        ("not a number", text(r#"{"email":NaN}"#), MALFORMED),
        ("a number beyond all", text(r#"{"email":1e999}"#), MALFORMED),
        ("33 deep", nested(33).into_bytes(), MALFORMED),
        ("16,000 deep", nested(8_000).into_bytes(), MALFORMED),
        ("32 deep", nested(32).into_bytes(), field("email", "invalid_type")),
        (
            "a huge number",
            text(r#"{"email":99999999999999999999999}"#),
            field("email", "invalid_type"),
        ),
        ("a list", text("[]"), field("", "invalid_type")),
        ("null", text("null"), field("", "invalid_type")),
        ("a text", text("\"ada\""), field("", "invalid_type")),
        ("no fields", text("{}"), field("email", "required")),
        (
            "a null field",
            with("password", json!(null)),
            field("password", "required"),
        ),
        (
            "an unknown field",
            with("site_role", json!("admin")),
            field("site_role", "unknown_field"),
        ),
        (
            "an unknown empty field",
            with("", json!(1)),
            field("", "unknown_field"),
        ),
        (
            "another case",
            with("Email", json!("a@b.example")),
            field("Email", "unknown_field"),
        ),
        (
            "an object for a text",
            with("email", json!({ "a": 1 })),
            field("email", "invalid_type"),
        ),
        (
            "a list for a text",
            with("password", json!(["a"])),
            field("password", "invalid_type"),
        ),
        (
            "a number for a text",
            with("name", json!(1)),
            field("name", "invalid_type"),
        ),
        (
            "a flag for a text",
            with("name", json!(true)),
            field("name", "invalid_type"),
        ),
        (
            "NUL in a name",
            with("name", json!("a\u{0}b")),
            field("name", "invalid"),
        ),
        (
            "a line break in a name",
            with("name", json!("a\r\nb")),
            field("name", "invalid"),
        ),
        (
            "an escape in a name",
            with("name", json!("\u{1b}[31m")),
            field("name", "invalid"),
        ),
        (
            "a long name",
            with("name", json!("ä".repeat(101))),
            field("name", "too_long"),
        ),
        (
            "no address",
            with("email", json!("ada")),
            field("email", "invalid"),
        ),
        (
            "an empty address",
            with("email", json!("")),
            field("email", "invalid"),
        ),
        (
            "a line break in an address",
            with("email", json!("ada@example.org\r\nBcc: x@y.example")),
            field("email", "invalid"),
        ),
        (
            "NUL in an address",
            with("email", json!("ada\u{0}@example.org")),
            field("email", "invalid"),
        ),
        (
            "two addresses",
            with("email", json!("ada@example.org,eve@example.org")),
            field("email", "invalid"),
        ),
        (
            "a named address",
            with("email", json!("Ada <ada@example.org>")),
            field("email", "invalid"),
        ),
        (
            "a long address",
            with("email", json!(format!("{}@example.org", "a".repeat(300)))),
            field("email", "too_long"),
        ),
        (
            "a short password",
            with("password", json!("short")),
            field("password", "weak_password"),
        ),
        (
            "a common password",
            with("password", json!("passwordpassword")),
            field("password", "weak_password"),
        ),
        (
            "a long password",
            with("password", json!("x".repeat(1025))),
            field("password", "too_long"),
        ),
        (
            "a name twice",
            text(
                r#"{"email":"eve@example.org","email":"ada@example.org","password":"correct horse battery staple 9"}"#,
            ),
            field("email", "duplicate_field"),
        ),
        (
            "a name twice, once escaped",
            text(
                r#"{"email":"eve@example.org","\u0065mail":"ada@example.org","password":"correct horse battery staple 9"}"#,
            ),
            field("email", "duplicate_field"),
        ),
    ]
}
