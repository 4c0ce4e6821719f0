//! `[links]`: where mails and the hub's own pages point.

use url::Url;

use super::reader::Reader;
use super::section::section;

section! {
    /// Where mails point; `{token}` stands for the token. The hub's own pages unless set. And where these lead back to.
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
        /// Addresses of a site that the hub's own sign-in page may lead back to (`?return_to=`), compared exactly.
        return_to: Option<Vec<String>> = None,
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
        for address in self
            .return_to
            .iter()
            .flatten()
            .filter(|address| !is_address(address))
        {
            let wanted =
                "write a whole http or https address, as browsers show it: https://app.example.org/welcome";
            reader.complain("links.return_to", format!("`{address}`: {wanted}"));
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

/// An address of the web that a browser would leave as it is, for nobody in particular.
pub(super) fn is_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let nobody = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && nobody && url.as_str() == text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t22_a_place_to_return_to_is_one_whole_address_of_the_web() {
        for text in ["https://app.example.org/", "http://localhost:3000/#/welcome?a=b"] {
            assert!(is_address(text), "{text}");
        }
        for text in [
            "https://app.example.org",
            "https://APP.example.org/",
            "https://app.example.org/../x",
            "https://app.example.org\\@evil.example/",
            "https://ada@app.example.org/",
            "https://*.example.org/ ",
            "//app.example.org/",
            "/welcome",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!is_address(text), "{text}");
        }
    }

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
