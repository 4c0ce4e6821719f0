//! What roles and permissions may be called.

use std::fmt;
use std::str::FromStr;

/// The longest name, in characters.
pub const MAX_NAME: usize = 64;

/// What a name looks like, for people.
pub const PATTERN: &str = "[a-z][a-z0-9_.:-]{0,63}";

/// Not a name of a role or a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a name: {PATTERN}")]
pub struct InvalidName;

/// The name of a role, or of a permission that an application uses beside the built-in ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.:-".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        if begins && text.len() <= MAX_NAME && text.chars().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName)
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_with_a_letter_and_is_plain() {
        let (longest, longer) = ("a".repeat(64), "a".repeat(65));
        for (name, good) in [
            ("a", true),
            ("users:read", true),
            ("shop.orders:write-2_b", true),
            (&longest, true),
            (&longer, false),
            ("", false),
            ("Users", false),
            ("1a", false),
            (":a", false),
            ("a b", false),
            ("a\u{0}", false),
            ("ä", false),
            ("a'--", false),
        ] {
            assert_eq!(name.parse::<Name>().is_ok(), good, "{name}");
        }
    }
}
