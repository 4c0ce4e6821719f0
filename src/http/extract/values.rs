//! Single values: how each kind of field is read and what it may be.

use std::ops::RangeInclusive;
use std::str::FromStr;

use secrecy::SecretString;
use serde_json::Value;

use super::fields::Fault;
use crate::email::{Email, EmailError};

/// The longest password that is hashed at all, in bytes; the policy for new ones is stricter.
const MAX_PASSWORD: usize = 1024;
/// The longest bearer token in a body, in bytes.
const MAX_TOKEN: usize = 8192;

/// Any text, for a service to judge.
pub fn string(value: Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Fault::kind("a string")),
    }
}

/// An e-mail address in its one form.
pub fn email(value: Value) -> Result<Email, Fault> {
    let text = string(value)?;
    Email::parse(&text).map_err(|error| match error {
        EmailError::TooLong => Fault::new("too_long", error.to_string()),
        EmailError::Invalid => Fault::new("invalid", error.to_string()),
    })
}

/// A password exactly as typed.
pub fn password(value: Value) -> Result<SecretString, Fault> {
    secret(value, MAX_PASSWORD)
}

/// A bearer token.
pub fn token(value: Value) -> Result<SecretString, Fault> {
    secret(value, MAX_TOKEN)
}

fn secret(value: Value, longest: usize) -> Result<SecretString, Fault> {
    let text = SecretString::from(string(value)?);
    if secrecy::ExposeSecret::expose_secret(&text).len() > longest {
        return Err(Fault::new("too_long", format!("has at most {longest} bytes")));
    }
    Ok(text)
}

/// A line of text: trimmed, 1 to `longest` characters, no control characters.
pub fn text(longest: usize) -> impl FnOnce(Value) -> Result<String, Fault> {
    move |value| {
        let text = string(value)?.trim().to_owned();
        if text.is_empty() {
            return Err(Fault::new("too_short", "must not be empty"));
        }
        if text.chars().count() > longest {
            return Err(Fault::new(
                "too_long",
                format!("has at most {longest} characters"),
            ));
        }
        if text.chars().any(char::is_control) {
            return Err(Fault::new("invalid", "must not contain control characters"));
        }
        Ok(text)
    }
}

/// As [`text`], but an empty one is nobody's fault: it reads as if it had been left out.
pub fn text_or_empty(longest: usize) -> impl FnOnce(Value) -> Result<Option<String>, Fault> {
    move |value| match &value {
        Value::String(typed) if typed.trim().is_empty() => Ok(None),
        _ => text(longest)(value).map(Some),
    }
}

/// `true` or `false`.
#[expect(clippy::needless_pass_by_value, reason = "every reader takes the value")]
pub fn flag(value: Value) -> Result<bool, Fault> {
    value.as_bool().ok_or_else(|| Fault::kind("true or false"))
}

/// A whole number in `range`.
pub fn number(range: RangeInclusive<u32>) -> impl FnOnce(Value) -> Result<u32, Fault> {
    move |value| {
        if !value.is_number() || value.is_f64() {
            return Err(Fault::kind("a whole number"));
        }
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        within(number, range)
    }
}

/// The digits of a whole number in `range`, as a query has them.
pub fn digits(range: RangeInclusive<u32>) -> impl FnOnce(Value) -> Result<u32, Fault> {
    move |value| {
        let text = string(value)?;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::kind("a whole number"));
        }
        within(text.parse().ok(), range)
    }
}

fn within(number: Option<u32>, range: RangeInclusive<u32>) -> Result<u32, Fault> {
    let (least, most) = (*range.start(), *range.end());
    let found = number.filter(|number| range.contains(number));
    found.ok_or_else(|| Fault::new("out_of_range", format!("must be from {least} to {most}")))
}

/// An id, in hyphenated form.
pub fn id<T: FromStr>(value: Value) -> Result<T, Fault> {
    string(value)?
        .parse()
        .map_err(|_| Fault::new("invalid", "is not an id"))
}

/// One of a fixed list of words.
pub fn word<T: Copy>(known: &'static [(&'static str, T)]) -> impl FnOnce(Value) -> Result<T, Fault> {
    move |value| {
        let text = string(value)?;
        let found = known.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
            Fault::new("invalid", format!("must be one of {}", words.join(", ")))
        })
    }
}

/// A list of at most `most` texts, each read by `read`. The first fault speaks for the list.
pub fn list<T>(
    most: usize,
    read: impl Fn(&str) -> Result<T, Fault>,
) -> impl FnOnce(Value) -> Result<Vec<T>, Fault> {
    move |value| {
        let Value::Array(items) = value else {
            return Err(Fault::kind("a list of strings"));
        };
        if items.len() > most {
            return Err(Fault::new("too_long", format!("has at most {most} entries")));
        }
        let item = |item: Value| match item {
            Value::String(text) => read(&text),
            _ => Err(Fault::kind("a list of strings")),
        };
        items.into_iter().map(item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn code<T>(read: Result<T, Fault>) -> &'static str {
        read.err().map_or("ok", |fault| fault.code)
    }

    #[test]
    fn t15_a_line_of_text_holds_no_control_characters_and_is_bounded() {
        for (value, expected) in [
            (json!("Ada's phone"), "ok"),
            (json!("  ä\u{1f600}\u{ffff}  "), "ok"),
            (json!(""), "too_short"),
            (json!(" "), "too_short"),
            (json!("a\u{0}b"), "invalid"),
            (json!("a\r\nb"), "invalid"),
            (json!("a\u{1b}[31mb"), "invalid"),
            (json!("ä".repeat(11)), "too_long"),
            (json!(5), "invalid_type"),
            (json!(["a"]), "invalid_type"),
        ] {
            assert_eq!(
                code(text(if expected == "ok" { 20 } else { 10 })(value.clone())),
                expected,
                "{value}"
            );
        }
        assert_eq!(text_or_empty(5)(json!("  ")).unwrap(), None);
    }

    #[test]
    fn numbers_are_whole_and_in_range() {
        for (value, expected) in [
            (json!(1), "ok"),
            (json!(200), "ok"),
            (json!(0), "out_of_range"),
            (json!(201), "out_of_range"),
            (json!(-1), "out_of_range"),
            (json!(1e300), "invalid_type"),
            (json!(u64::MAX), "out_of_range"),
            (json!(1.5), "invalid_type"),
            (json!("5"), "invalid_type"),
            (json!(true), "invalid_type"),
        ] {
            assert_eq!(code(number(1..=200)(value.clone())), expected, "{value}");
        }
        for (value, expected) in [
            ("50", "ok"),
            ("0", "out_of_range"),
            ("99999999999999999999", "out_of_range"),
            ("-1", "invalid_type"),
            ("+1", "invalid_type"),
            ("1.0", "invalid_type"),
            ("", "invalid_type"),
        ] {
            assert_eq!(code(digits(1..=200)(json!(value))), expected, "{value}");
        }
    }

    #[test]
    fn addresses_ids_and_passwords_are_read_as_what_they_are() {
        assert_eq!(
            email(json!(" Ada@Example.org ")).unwrap().as_str(),
            "ada@example.org"
        );
        assert_eq!(code(email(json!("ada"))), "invalid");
        assert_eq!(code(email(json!("a".repeat(300)))), "too_long");
        assert_eq!(
            code(id::<crate::ids::UserId>(json!(
                "0190163d-8694-739b-aea5-966c26f8ad91"
            ))),
            "ok"
        );
        assert_eq!(
            code(id::<crate::ids::UserId>(json!(
                "0190163d8694739baea5966c26f8ad91"
            ))),
            "invalid"
        );
        let typed = password(json!("  as typed \u{0} ")).unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&typed), "  as typed \u{0} ");
        assert_eq!(code(password(json!("x".repeat(1025)))), "too_long");
    }
}
