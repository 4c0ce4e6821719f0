//! `[mail]`: how mail leaves the house.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::reader::Reader;
use super::section::section;
use crate::email::Email;

/// The way out for mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Kept, and shown on `/dev/mailbox`. For development.
    Mailbox,
    Smtp,
}

section! {
    /// How mail leaves the house.
    "mail" struct Mail {
        /// `mailbox` keeps mails and shows them on `/dev/mailbox`; `smtp` sends them.
        transport: Transport = Transport::Mailbox,
        /// `smtps://user:password@host`, or `smtp://host:587?tls=required` for STARTTLS.
        smtp_url: Option<SecretString> = None,
        /// The sender: `Name <address>`, or an address.
        from: String = "Portcullis <no-reply@localhost>".to_owned(),
        /// Certificates in PEM form that are trusted beside the system's.
        ca_certificates: Option<PathBuf> = None,
        /// For how many seconds the mail server may be waited for, for one mail.
        timeout: u32 = 30,
        /// A folder whose files take the place of the built-in templates.
        templates: Option<PathBuf> = None,
        /// The language for whom no other one is known.
        language: String = "en".to_owned(),
    }
}

impl Mail {
    pub(super) fn check(&self, reader: &mut Reader) {
        match &self.smtp_url {
            Some(url) => reader.require(
                "mail.smtp_url",
                server(url).is_some(),
                "write smtps://user:password@host, or smtp://user:password@host:587?tls=required",
            ),
            None => reader.require(
                "mail.smtp_url",
                self.transport != Transport::Smtp,
                "mail.transport = smtp needs it; write smtps://user:password@host",
            ),
        }
        reader.require(
            "mail.timeout",
            (1..=600).contains(&self.timeout),
            "write 1 to 600 seconds",
        );
        reader.require(
            "mail.from",
            is_sender(&self.from),
            "write `Name <name@example.org>` or an address alone",
        );
    }

    /// Whether mail, and the password of the mail server, would cross the network in clear.
    pub(super) fn is_in_clear(&self) -> bool {
        let Some(url) = self.smtp_url.as_ref().and_then(server) else {
            return false;
        };
        // `tls=opportunistic` is no better than none: whoever sits between strips it.
        let encrypted = url.scheme() == "smtps"
            || url
                .query_pairs()
                .any(|pair| pair == ("tls".into(), "required".into()));
        !encrypted && !super::public_url::is_loopback(&url)
    }
}

fn server(url: &SecretString) -> Option<Url> {
    let url = Url::parse(url.expose_secret()).ok()?;
    let known = matches!(url.scheme(), "smtp" | "smtps");
    (known && url.host_str().is_some_and(|host| !host.is_empty())).then_some(url)
}

fn is_sender(text: &str) -> bool {
    let text = text.trim();
    let address = match text.split_once('<') {
        Some((name, rest)) if !name.contains(['"', '>', '@']) => rest.strip_suffix('>'),
        Some(_) => None,
        None => Some(text),
    };
    !text.contains(char::is_control) && address.is_some_and(|address| Email::parse(address).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t20_a_sender_is_a_name_and_an_address() {
        for text in [
            "Portcullis <no-reply@localhost>",
            "ada@example.org",
            "<ada@example.org>",
        ] {
            assert!(is_sender(text), "{text}");
        }
        for text in [
            "",
            "Ada",
            "Ada <ada>",
            "Ada <ada@example.org> x",
            "A\r\nBcc: <ada@example.org>",
        ] {
            assert!(!is_sender(text), "{text}");
        }
    }

    #[test]
    fn only_required_encryption_counts_and_loopback_needs_none() {
        for (url, clear) in [
            ("smtps://mail.example.org", false),
            ("smtp://mail.example.org:587?tls=required", false),
            ("smtp://127.0.0.1:1025", false),
            ("smtp://localhost:1025", false),
            ("smtp://mail.example.org", true),
            ("smtp://mail.example.org?tls=opportunistic", true),
        ] {
            let mail = Mail {
                smtp_url: Some(url.to_owned().into()),
                ..Mail::default()
            };
            assert_eq!(mail.is_in_clear(), clear, "{url}");
        }
    }
}
