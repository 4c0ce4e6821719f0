//! Trusted browsers: those in which an account's owner has signed in. Each keeps a token beside its session,
//! and longer (OWASP, "device cookies").
//!
//! It signs nobody in. Whoever presents it with the address that it was given for has a budget of wrong
//! passwords of its own, so that no stranger can use up the owner's. The token carries a proof, bound to the
//! address, so that the limits need not ask the database, and presenting one tells nothing about accounts.
//! Whether the account trusts it still is seen when the account is read. What counts as a new device, of which
//! the owner is told, is another matter: `device.rs`, and ADR 13.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::Sessions;
use crate::clock::Timestamp;
use crate::context::Context;
use crate::email::Email;
use crate::ids::UserId;
use crate::secret::PlainToken;
use crate::store::users::User;

const PREFIX: &str = "pcb_";
/// For how long a browser stays trusted after its last sign-in.
pub const LIFETIME: Duration = Duration::from_hours(180 * 24);

const ID: usize = 16;
const NUMBER: usize = 8;
const USER: usize = 16;
/// Its id, when it ends, whose browser it is, and what that account's trust was then.
const FACTS: usize = ID + NUMBER + USER + NUMBER;
const PROOF: usize = 32;

/// A browser in which the owner of an address has signed in.
#[derive(Debug)]
pub(super) struct TrustedBrowser {
    pub id: String,
    user: UserId,
    trust: i64,
    end: Timestamp,
}

impl TrustedBrowser {
    /// Whether `user`, who has the address now, trusts it still.
    pub fn is_trusted_by(&self, user: Option<&User>) -> bool {
        user.is_some_and(|user| user.id == self.user && user.browser_trust == self.trust)
    }
}

impl Sessions {
    /// A token for the browser in which `user` has just signed in.
    pub(super) fn trust_browser(&self, user: &User) -> PlainToken {
        let mut id = [0; ID];
        self.cx.rng.fill(&mut id);
        let end = (self.cx.now() + LIFETIME).micros().to_be_bytes();
        let (owner, trust) = (user.id.uuid(), user.browser_trust.to_be_bytes());
        let facts = [&id[..], &end, owner.as_bytes(), &trust].concat();
        let text = [facts.as_slice(), &proof(&self.cx, &facts, &user.email)].concat();
        PlainToken::presented(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&text)))
    }

    /// Which browser of the owner of `email` presents one of `tokens`, if that is proven: of several the one
    /// that was trusted last.
    pub(super) fn recognise(&self, tokens: &[PlainToken], email: &Email) -> Option<TrustedBrowser> {
        let proven = tokens.iter().filter_map(|token| self.read_browser(token, email));
        proven.max_by_key(|browser| browser.end)
    }

    fn read_browser(&self, token: &PlainToken, email: &Email) -> Option<TrustedBrowser> {
        let text = token.expose().strip_prefix(PREFIX)?;
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (facts, proven) = bytes.split_at_checked(FACTS)?;
        if proven.len() != PROOF || !bool::from(proof(&self.cx, facts, email).ct_eq(proven)) {
            return None;
        }
        let (id, rest) = facts.split_first_chunk::<ID>()?;
        let (end, rest) = rest.split_first_chunk::<NUMBER>()?;
        let (user, trust) = rest.split_first_chunk::<USER>()?;
        let browser = TrustedBrowser {
            id: BASE64URL_NOPAD.encode(id),
            user: Uuid::from_bytes(*user).into(),
            trust: i64::from_be_bytes(trust.try_into().ok()?),
            end: Timestamp::from_micros(i64::from_be_bytes(*end)),
        };
        (self.cx.now() < browser.end).then_some(browser)
    }
}

fn proof(cx: &Context, facts: &[u8], email: &Email) -> [u8; PROOF] {
    let data = [facts, email.as_str().as_bytes()].concat();
    cx.master.mac("trusted browser", &data)
}
