//! What may be a password (NIST SP 800-63B, 5.1.1): long enough, not guessable, otherwise anything.
//!
//! There are no rules of composition, and nothing is trimmed, folded or normalised. What guessers try first
//! is refused by a list; zxcvbn estimates the rest with lists of words and names of its own, and with what
//! is known of the person and the site. What passes all that is looked up among the breached ones, if the
//! operator has a list. Called by the hasher, on its cores: an estimate costs milliseconds.

use secrecy::{ExposeSecret, SecretString};
use zxcvbn::{Score, zxcvbn};

use super::breached::{Breached, Unreadable};
use super::{MAX_BYTES, common};
use crate::error::FieldError;

/// The longest password in characters.
const MAX_LENGTH: usize = 128;
/// How many characters of a password zxcvbn reads: its cost grows much faster than the text, and a text
/// that is strong so far does not become weak behind.
const ESTIMATED_LENGTH: usize = 64;
/// How many characters of each text about the person are looked at.
const CONTEXT_LENGTH: usize = 256;
/// Words that a guesser tries at this site.
const SITE_WORDS: [&str; 1] = ["portcullis"];
/// What is said of a password from the list of breached ones.
const BREACHED: &str = "This password became known when another site was broken into: somebody has used it, and guessers try it. Use one that you use nowhere else; where you have used this one, change it.";
/// How many letters and digits a password needs beside what is known of the person and the site.
const UNKNOWN_LENGTH: usize = 4;
/// The shortest part of a name or an address that is worth naming as what makes a password weak.
const TELLING_LENGTH: usize = 4;

/// A password that passed the policy.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    pub(super) fn secret(&self) -> &SecretString {
        &self.0
    }
}

/// The part of [`check`] that costs nothing: a huge text is refused before it is looked at.
pub(super) fn check_length(typed: &SecretString, field: &str, min_length: usize) -> Result<(), FieldError> {
    let text = typed.expose_secret();
    let length = text.chars().take(MAX_LENGTH + 1).count();
    if length > MAX_LENGTH || text.len() > MAX_BYTES {
        let detail = format!("A password has at most {MAX_LENGTH} characters.");
        return Err(FieldError::new(field, "too_long", detail));
    }
    if length < min_length {
        let detail = format!("Use at least {min_length} characters; a few words in a row are good.");
        return Err(FieldError::new(field, "weak_password", detail));
    }
    Ok(())
}

/// Accepts `typed`, whose length has been checked, exactly as it is, or says in the field `field` why it
/// would be guessed and what helps. `context` is what is known of the person and the site.
///
/// # Errors
/// The outer one when `breached` cannot be read: a password that was not looked up is not accepted.
pub(super) fn check(
    typed: SecretString,
    field: &str,
    context: &[String],
    breached: Option<&Breached>,
) -> Result<Result<Password, FieldError>, Unreadable> {
    let text = typed.expose_secret();
    let weakness = match (guessable(text, context), breached) {
        (None, Some(list)) => list.contains(text)?.then(|| BREACHED.to_owned()),
        (weakness, _) => weakness,
    };
    Ok(match weakness {
        Some(detail) => Err(FieldError::new(field, "weak_password", detail)),
        None => Ok(Password(typed)),
    })
}

/// Says why the password would be guessed, and what helps; `None` when it would not be.
fn guessable(text: &str, context: &[String]) -> Option<String> {
    if common::is_common(text) {
        let detail = "This is one of the passwords that guessers try first. Three or four words that have nothing to do with each other are good.";
        return Some(detail.to_owned());
    }
    let known = easy_guesses(context);
    let folded = text.to_lowercase();
    if unknown_characters(&folded, &known) < UNKNOWN_LENGTH {
        let detail = "This password is made of your address, your name or the name of this site. Use words that have nothing to do with them.";
        return Some(detail.to_owned());
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let start: String = text.chars().take(ESTIMATED_LENGTH).collect();
    let estimate = zxcvbn(&start, &known);
    if estimate.score() >= Score::Three {
        return None;
    }
    let mut detail = String::from("This password is easy to guess.");
    let telling = |part: &&str| part.chars().count() >= TELLING_LENGTH && folded.contains(*part);
    if known.iter().any(telling) {
        detail.push_str(" It holds a part of your address or name, or of the name of this site.");
    }
    if let Some(feedback) = estimate.feedback() {
        let hints = feedback.warning().map(|hint| hint.to_string()).into_iter();
        for hint in hints.chain(feedback.suggestions().iter().map(ToString::to_string)) {
            detail.push(' ');
            detail.push_str(&hint);
        }
    }
    Some(detail)
}

/// How many letters and digits are left when everything known is taken out.
fn unknown_characters(folded: &str, known: &[String]) -> usize {
    let mut words: Vec<&String> = known.iter().filter(|word| word.chars().count() > 2).collect();
    words.sort_unstable_by_key(|word| std::cmp::Reverse(word.len()));
    let left = words
        .iter()
        .fold(folded.to_owned(), |left, word| left.replace(*word, " "));
    left.chars().filter(|c| c.is_alphanumeric()).count()
}

/// What is known of the person and the site, in lower case, whole and in parts.
fn easy_guesses(context: &[String]) -> Vec<String> {
    let mut known = SITE_WORDS.map(str::to_owned).to_vec();
    for whole in context {
        let whole: String = whole
            .chars()
            .take(CONTEXT_LENGTH)
            .collect::<String>()
            .to_lowercase();
        known.extend(whole.split('@').map(str::to_owned));
        let words = whole.split(|c: char| !c.is_alphanumeric());
        known.extend(words.filter(|part| part.chars().count() > 2).map(str::to_owned));
        known.push(whole);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both parts, as the hasher asks them.
    fn try_password(text: &str) -> Result<Password, FieldError> {
        let context = [
            "ada.lovelace@example.org",
            "Ada Lovelace",
            "login.sundial.example",
        ];
        let typed: SecretString = text.to_owned().into();
        check_length(&typed, "password", 12)?;
        check(typed, "password", &context.map(str::to_owned), None).unwrap()
    }

    fn fault(text: &str) -> Option<FieldError> {
        let fault = try_password(text).err()?;
        assert_eq!(fault.field, "password");
        assert!(!fault.detail.is_empty() && !fault.detail.contains(text));
        Some(fault)
    }

    fn code(text: &str) -> Option<&'static str> {
        fault(text).map(|fault| fault.code)
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
            "Sundial-Sundial",
            "login.sundial",
        ] {
            assert_eq!(code(text), Some("weak_password"), "{text}");
        }
    }

    #[test]
    fn the_hint_says_what_makes_it_weak() {
        for (text, hint) in [
            ("sundialsundial", "made of your address"),
            ("Sundial-Lovelace", "made of your address"),
            ("sundial12345678", "name of this site"),
            ("lovelace2024!", "your address or name"),
            ("mmmmmmmmmmmm1", "Repeats like"),
            ("qwertyuiop123", "guessers try first"),
            ("Chickenwing101", "guessers try first"),
            ("password!!!!!!!!", "Add another word"),
        ] {
            let detail = fault(text).unwrap().detail;
            assert!(detail.contains(hint), "{text}: {detail}");
        }
    }

    /// These pass zxcvbn, and are known to be used by many.
    #[test]
    fn what_is_common_is_refused_though_it_looks_strong() {
        for text in ["Nation56Star", "secondstartotheright!", "hypnerotomachia"] {
            assert!(zxcvbn(text, &[]).score() >= Score::Three, "{text}");
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
            let password = try_password(text).unwrap();
            assert_eq!(password.secret().expose_secret(), text);
        }
    }

    #[test]
    fn t12_a_huge_password_is_refused_before_it_is_estimated() {
        assert_eq!(code(&"x1Y ".repeat(250_000)), Some("too_long"));
    }

    #[test]
    fn sixty_four_characters_and_more_are_taken() {
        let long = "plinth gravel otter quench harbour lantern mosaic thistle velvet anchor".repeat(2);
        assert_eq!(code(&long[..64]), None);
        assert_eq!(code(&long[..128]), None);
        assert_eq!(code(&long[..129]), Some("too_long"));
    }

    #[test]
    fn debug_shows_no_password() {
        let password = try_password("plinth gravel otter").unwrap();
        assert!(!format!("{password:?}").contains("otter"));
    }
}
