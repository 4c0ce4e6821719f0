//! E-mail addresses: the one form in which they are compared, counted and stored.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::Serialize;

/// The longest address that SMTP can carry (RFC 5321, 4.5.3.1.3).
const MAX_LENGTH: usize = 254;

/// A plain address (`local@domain`), trimmed, lower-cased, its domain in IDNA's ASCII form.
///
/// [`parse`](Self::parse) is the only way in, so an `Email` never holds a display name, a quote, a
/// space or a control character, and may stand in a mail header as it is.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Email(String);

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Longer than 254 bytes.
    #[error("an e-mail address has at most 254 characters")]
    TooLong,
    /// Not `local@domain` with an unquoted local part and a domain name.
    #[error("not an e-mail address of the form name@example.org")]
    Invalid,
}

impl Email {
    /// Reads an address as a person typed it.
    ///
    /// # Errors
    /// [`EmailError`] when it is no address, or one that cannot safely be mailed to.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Err(EmailError::TooLong);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError::Invalid)?;
        let plain = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        if !local.chars().all(plain) {
            return Err(EmailError::Invalid);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| EmailError::Invalid)?;
        let address = format!("{}@{domain}", local.to_lowercase());
        if address.len() > MAX_LENGTH {
            return Err(EmailError::TooLong);
        }
        let options = Options::default().without_display_text().without_domain_literal();
        match EmailAddress::parse_with_options(&address, options) {
            Ok(_) => Ok(Self(address)),
            Err(_) => Err(EmailError::Invalid),
        }
    }

    /// The address in its one form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address belongs to a person: logs show its domain alone.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email(***{})", self.0.find('@').map_or("", |at| &self.0[at..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        for (typed, form) in [
            (" Ada@Example.ORG ", "ada@example.org"),
            ("a+b@example.org", "a+b@example.org"),
            ("ada@bücher.example", "ada@xn--bcher-kva.example"),
            ("ada@localhost", "ada@localhost"),
        ] {
            assert_eq!(Email::parse(typed).unwrap().as_str(), form);
        }
    }

    #[test]
    fn t20_nothing_that_could_bend_a_mail_header_is_an_address() {
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a b@example.org",
            "ada@example.org\r\nBcc: eve@example.org",
            "ada\n@example.org",
            "ada\0@example.org",
            "\"ada\"@example.org",
            "Ada <ada@example.org>",
            "ada@[127.0.0.1]",
            "ada@exa mple.org",
            "ada,eve@example.org",
            "ada@example.org,eve@example.org",
            "ada@@example.org",
            ".ada@example.org",
            "ada..b@example.org",
            "ada@-example.org",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(
            Email::parse(&format!("{}@example.org", "a".repeat(250))),
            Err(EmailError::TooLong)
        );
    }

    #[test]
    fn debug_hides_the_person() {
        assert_eq!(
            format!("{:?}", Email::parse("ada@example.org").unwrap()),
            "Email(***@example.org)"
        );
    }
}
