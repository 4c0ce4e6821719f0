//! `[links]`: where mails point, for a site with pages of its own.

use url::Url;

use super::reader::Reader;
use super::section::section;

section! {
    /// Where mails point; `{token}` stands for the token. The hub's own pages unless set.
    "links" struct Links {
        /// The page that activates an account; `{public_url}/activate/{token}` unless set.
        activation: Option<String> = None,
        /// The page that asks for a new password; `{public_url}/recovery/{token}` unless set.
        recovery: Option<String> = None,
        /// The page that confirms a new address; `{public_url}/email/{token}` unless set.
        email: Option<String> = None,
        /// The page that takes a change of the address back; `{public_url}/email-undo/{token}` unless set.
        email_undo: Option<String> = None,
        /// The page that signs a new device out; `{public_url}/device/{token}` unless set.
        device: Option<String> = None,
    }
}

impl Links {
    pub(super) fn check(&self, reader: &mut Reader) {
        let links = [
            ("links.activation", &self.activation),
            ("links.recovery", &self.recovery),
            ("links.email", &self.email),
            ("links.email_undo", &self.email_undo),
            ("links.device", &self.device),
        ];
        for (key, link) in links {
            let valid = link.as_deref().is_none_or(is_link);
            reader.require(
                key,
                valid,
                "write an http or https address with {token} in it, as in https://app.example.org/x/{token}",
            );
        }
    }
}

fn is_link(text: &str) -> bool {
    // `Url` would silently drop what is refused here.
    let plain = !text.contains(|c: char| c.is_control() || c.is_whitespace());
    // In the host a token would be sent to a name server.
    let address = text.replace("{token}", "token");
    let same_host = Url::parse(&address).is_ok_and(|url| {
        let other = Url::parse(&text.replace("{token}", "other"));
        matches!(url.scheme(), "http" | "https") && other.is_ok_and(|other| other.origin() == url.origin())
    });
    plain && text.contains("{token}") && same_host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_address_of_the_web_with_a_place_for_the_token() {
        for text in [
            "https://app.example.org/activate/{token}",
            "http://localhost:3000/#/{token}",
        ] {
            assert!(is_link(text), "{text}");
        }
        for text in [
            "https://app.example.org/activate",
            "/activate/{token}",
            "{public_url}/activate/{token}",
            "javascript:alert('{token}')",
            "https://{token}.example.org/",
            "https://app.example.org/\n{token}",
        ] {
            assert!(!is_link(text), "{text}");
        }
    }
}
