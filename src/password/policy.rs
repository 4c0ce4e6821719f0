//! What may be a password (NIST SP 800-63B, 5.1.1): long enough, not guessable, otherwise anything.
//!
//! There are no rules of composition, and nothing is trimmed, folded or normalised. zxcvbn carries the
//! offline lists of common passwords and words; what is known of the person is added to them.

use secrecy::{ExposeSecret, SecretString};
use zxcvbn::{Score, zxcvbn};

use super::MAX_BYTES;
use crate::config;
use crate::error::FieldError;

/// The longest password in characters.
const MAX_LENGTH: usize = 128;
/// How much of a password zxcvbn reads: its cost grows much faster than the text.
const ESTIMATED_LENGTH: usize = 100;
/// Words that a guesser tries at this site.
const SITE_WORDS: [&str; 1] = ["portcullis"];

/// A password that passed [`check`].
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    pub(super) fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// Accepts `typed` exactly as it is, or says in the field `field` what is wrong with it.
///
/// Length is counted in characters. `context` is what is known of the person (address, name): its parts
/// are easy guesses.
///
/// # Errors
/// `too_long` beyond 128 characters or 1024 bytes; `weak_password` below `passwords.min_length` and for
/// what is easily guessed. The contract knows no code of its own for a short one: it is weak.
pub fn check(
    typed: SecretString,
    field: &str,
    context: &[&str],
    config: &config::Passwords,
) -> Result<Password, FieldError> {
    let text = typed.expose_secret();
    let length = text.chars().take(MAX_LENGTH + 1).count();
    if length > MAX_LENGTH || text.len() > MAX_BYTES {
        let detail = format!("A password has at most {MAX_LENGTH} characters.");
        return Err(FieldError::new(field, "too_long", detail));
    }
    if length < config.min_length {
        let detail = format!(
            "Use at least {} characters; a few words in a row are good.",
            config.min_length
        );
        return Err(FieldError::new(field, "weak_password", detail));
    }
    match guessable(text, context) {
        Some(detail) => Err(FieldError::new(field, "weak_password", detail)),
        None => Ok(Password(typed)),
    }
}

/// Says why the password would be guessed, and what helps; `None` when it would not be.
fn guessable(text: &str, context: &[&str]) -> Option<String> {
    let mut known: Vec<&str> = SITE_WORDS.to_vec();
    for whole in context {
        known.push(whole);
        known.extend(whole.split('@'));
        known.extend(
            whole
                .split(|c: char| !c.is_alphanumeric())
                .filter(|part| part.chars().count() > 2),
        );
    }
    let start = text
        .char_indices()
        .nth(ESTIMATED_LENGTH)
        .map_or(text, |(end, _)| &text[..end]);
    let estimate = zxcvbn(start, &known);
    if estimate.score() >= Score::Three {
        return None;
    }
    let mut detail = String::from("This password is easy to guess.");
    if let Some(feedback) = estimate.feedback() {
        let hints = feedback.warning().map(|hint| hint.to_string()).into_iter();
        for hint in hints.chain(feedback.suggestions().iter().map(ToString::to_string)) {
            detail.push(' ');
            detail.push_str(&hint);
        }
    }
    Some(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> config::Passwords {
        config::Passwords {
            min_length: 12,
            memory_kib: 1024,
            iterations: 1,
            parallelism: 1,
            queue: 1,
        }
    }

    fn code(text: &str) -> Option<&'static str> {
        let context = ["ada.lovelace@example.org", "Ada Lovelace"];
        let error = check(text.to_owned().into(), "password", &context, &config()).err()?;
        assert_eq!(error.field, "password");
        assert!(!error.detail.is_empty() && !error.detail.contains(text));
        Some(error.code)
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(code("vK9#qLz!m4x"), Some("weak_password"), "11 characters");
        assert_eq!(code("ключ от замк"), None, "12 characters, 22 bytes");
        assert_eq!(code(&"kR7 ".repeat(33)), Some("too_long"), "132 characters");
        assert_eq!(code(&"\u{1f600}".repeat(129)), Some("too_long"));
    }

    #[test]
    fn what_is_common_or_about_the_person_is_refused_with_a_hint() {
        for text in [
            "password1234",
            "123456789012",
            "qwertyuiop123",
            "aaaaaaaaaaaaaaaa",
            "ada.lovelace",
            "ada.lovelace@example.org",
            "Ada Lovelace1",
            "portcullis2024",
        ] {
            assert_eq!(code(text), Some("weak_password"), "{text}");
        }
    }

    #[test]
    fn no_composition_is_asked_for_and_nothing_is_altered() {
        for text in [
            "plinth gravel otter quench",
            "  spaces are kept too  ",
            "tab\there nul\0there weird",
        ] {
            let password = check(text.to_owned().into(), "password", &[], &config()).unwrap();
            assert_eq!(password.secret().expose_secret(), text);
        }
    }

    #[test]
    fn t12_a_huge_password_is_refused_before_it_is_estimated() {
        assert_eq!(code(&"x1Y ".repeat(250_000)), Some("too_long"));
    }

    #[test]
    fn debug_shows_no_password() {
        let password = check(
            "plinth gravel otter".to_owned().into(),
            "password",
            &[],
            &config(),
        )
        .unwrap();
        assert!(!format!("{password:?}").contains("otter"));
    }
}
