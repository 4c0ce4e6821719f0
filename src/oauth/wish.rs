//! What a frontend asks for when it begins a flow: where it wants its answer, and how it will prove that it asked.

use data_encoding::BASE64URL_NOPAD;
use url::Url;

use super::{Error, OAuth};
use crate::error::{Code, FieldError};

/// SHA-256, in base64url without padding.
const CHALLENGE: usize = 43;

/// What a frontend asks for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// An address of `oauth.redirects`, to the letter (T22).
    pub redirect_to: String,
    /// S256 (RFC 7636, 4.2).
    pub code_challenge: String,
}

impl OAuth {
    /// Refuses a wish that cannot be granted, with every fault at once.
    pub(super) fn check(&self, wish: &Wish) -> Result<(), Error> {
        let mut faults = Vec::new();
        if !self.is_listed(&wish.redirect_to) {
            let detail = "Write an address of oauth.redirects exactly as it stands there.";
            faults.push(FieldError::new("redirect_to", "not_allowed", detail));
        }
        let challenge = wish.code_challenge.as_bytes();
        if challenge.len() != CHALLENGE || BASE64URL_NOPAD.decode(challenge).is_err() {
            let detail = "Write the SHA-256 of the verifier in base64url: 43 characters (RFC 7636, S256).";
            faults.push(FieldError::new("code_challenge", "invalid", detail));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(faults))
        }
    }

    /// Whether a frontend may have its answer there: what the operator lists, else the public address; and the hub's
    /// own pages.
    fn is_listed(&self, address: &str) -> bool {
        let site = &self.cx.site;
        let own = ["/sign-in", "/account"].map(|path| site.link(path));
        let listed = match &self.cx.config.oauth.redirects {
            Some(redirects) => redirects.iter().any(|listed| listed == address),
            None => address == site.link("/"),
        };
        listed || own.iter().any(|own| own == address)
    }
}

/// `redirect_to`, with the code that the frontend exchanges.
pub(super) fn with_code(redirect_to: &str, code: &str) -> Result<Url, Error> {
    with(redirect_to, "code", code)
}

/// `redirect_to`, with why there is no code.
pub(super) fn with_error(redirect_to: &str, error: Code) -> Result<Url, Error> {
    with(redirect_to, "error", error.as_str())
}

/// An address that is no address any more was changed in the configuration meanwhile.
fn with(redirect_to: &str, name: &str, value: &str) -> Result<Url, Error> {
    let mut url = Url::parse(redirect_to).map_err(|_| Error::Stray)?;
    url.query_pairs_mut().append_pair(name, value);
    Ok(url)
}
