//! What a provider says of a person, made fit to be kept. Who somebody is must be said; whatever else is said
//! in a form that the hub does not keep counts as not said.

use url::Url;

use super::{Error, Profile};
use crate::email::Email;
use crate::line;

/// In characters, and as much as a subject of OpenID Connect may have.
const MAX_SUBJECT: usize = 255;
const MAX_NAME: usize = 100;
const MAX_AVATAR: usize = 2048;

/// What a provider said.
#[derive(Default)]
pub(super) struct Said {
    pub(super) subject: String,
    pub(super) email: Option<String>,
    pub(super) email_verified: bool,
    pub(super) name: Option<String>,
    pub(super) avatar: Option<String>,
}

impl Said {
    /// The profile. `believed`: whether the provider's word on addresses counts.
    pub(super) fn keep(self, believed: bool) -> Result<Profile, Error> {
        let length = self.subject.chars().count();
        if !(1..=MAX_SUBJECT).contains(&length) || self.subject.contains(char::is_control) {
            return Err(Error::Refused("it gives the person no usable id".to_owned()));
        }
        let email = self.email.and_then(|email| Email::parse(&email).ok());
        Ok(Profile {
            subject: self.subject,
            email_verified: believed && self.email_verified && email.is_some(),
            email,
            name: self.name.as_deref().and_then(name),
            avatar_url: self.avatar.filter(|address| is_avatar(address)),
        })
    }
}

/// One line, and nothing that turns the text around it.
fn name(said: &str) -> Option<String> {
    let cut: String = said.trim().chars().take(MAX_NAME).collect();
    let cut = cut.trim_end();
    (!cut.is_empty() && !cut.contains(line::is_unsafe)).then(|| cut.to_owned())
}

fn is_avatar(address: &str) -> bool {
    let of_the_web =
        |url: Url| url.scheme() == "https" && url.username().is_empty() && url.as_str() == address;
    address.len() <= MAX_AVATAR && Url::parse(address).is_ok_and(of_the_web)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        Said {
            subject: "1".to_owned(),
            email: Some("Ada@Example.org".to_owned()),
            email_verified: true,
            name: Some(" Ada Lovelace ".to_owned()),
            avatar: Some("https://pictures.example.org/ada.png?s=80".to_owned()),
        }
    }

    #[test]
    fn what_is_fit_is_kept() {
        let profile = said().keep(true).unwrap();
        assert_eq!(profile.email.unwrap().as_str(), "ada@example.org");
        assert!(profile.email_verified);
        assert_eq!(profile.name.as_deref(), Some("Ada Lovelace"));
        assert_eq!(profile.avatar_url, said().avatar);
    }

    #[test]
    fn t16_an_address_is_verified_when_the_provider_says_so_and_is_believed() {
        for (says, believed, verified) in [
            (true, true, true),
            (true, false, false),
            (false, true, false),
            (false, false, false),
        ] {
            let said = Said {
                email_verified: says,
                ..said()
            };
            assert_eq!(said.keep(believed).unwrap().email_verified, verified);
        }
        for email in [
            None,
            Some("nobody".to_owned()),
            Some("a@b\r\nBcc: c@d".to_owned()),
        ] {
            let profile = Said { email, ..said() }.keep(true).unwrap();
            assert_eq!((profile.email, profile.email_verified), (None, false));
        }
    }

    #[test]
    fn t17_nobody_is_somebody_without_an_id() {
        for (subject, good) in [
            (String::new(), false),
            ("a\0".to_owned(), false),
            ("a\n".to_owned(), false),
            ("ж".repeat(255), true),
            ("a".repeat(256), false),
        ] {
            assert_eq!(
                Said {
                    subject: subject.clone(),
                    ..said()
                }
                .keep(true)
                .is_ok(),
                good,
                "{subject:?}"
            );
        }
    }

    #[test]
    fn a_name_or_a_picture_that_is_not_fit_is_none() {
        for name in ["", " \t", "a\nb", "a\u{202e}b", "a\u{2066}b", "a\u{0}b"] {
            let said = Said {
                name: Some(name.to_owned()),
                ..said()
            };
            assert_eq!(said.keep(true).unwrap().name, None, "{name:?}");
        }
        let long = Said {
            name: Some("ж".repeat(101)),
            ..said()
        };
        assert_eq!(long.keep(true).unwrap().name.unwrap(), "ж".repeat(100));
        let longest = format!("https://x.example/{}", "a".repeat(MAX_AVATAR));
        for avatar in [
            "http://x.example/a",
            "javascript:alert(1)",
            "/a",
            "https://ada@x.example/",
            "https://X.example/",
            &longest,
        ] {
            let said = Said {
                avatar: Some(avatar.to_owned()),
                ..said()
            };
            assert_eq!(said.keep(true).unwrap().avatar_url, None, "{avatar}");
        }
    }
}
