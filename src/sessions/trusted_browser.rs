//! Devices on which an account's owner has signed in: a token that a browser keeps beside its session, and
//! longer (OWASP, "device cookies").
//!
//! It signs nobody in. Whoever presents it with the address that it was given for has a budget of wrong
//! passwords of its own, so that no stranger can use up the owner's. Nothing is stored: the token carries a
//! proof, bound to the address, so that presenting one tells nothing about accounts.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;

use super::Sessions;
use crate::clock::Timestamp;
use crate::context::Context;
use crate::email::Email;
use crate::secret::PlainToken;

const PREFIX: &str = "pcd_";
/// For how long a device stays known after its last sign-in.
pub const LIFETIME: Duration = Duration::from_hours(180 * 24);

const ID: usize = 16;
const END: usize = 8;
const PROOF: usize = 32;

impl Sessions {
    /// A token for the device on which the owner of `email` has just signed in.
    pub(super) fn know_device(&self, email: &Email) -> PlainToken {
        let mut bytes = [0; ID + END];
        self.cx.rng.fill(&mut bytes[..ID]);
        bytes[ID..].copy_from_slice(&(self.cx.now() + LIFETIME).micros().to_be_bytes());
        let text = [bytes.as_slice(), &proof(&self.cx, &bytes, email)].concat();
        PlainToken::presented(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&text)))
    }

    /// Which device of the owner of `email` presents `token`; `None` for every token that is no such proof.
    pub(super) fn recognise(&self, token: &PlainToken, email: &Email) -> Option<String> {
        let text = token.expose().strip_prefix(PREFIX)?;
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (known, proven) = bytes.split_at_checked(ID + END)?;
        if proven.len() != PROOF || !bool::from(proof(&self.cx, known, email).ct_eq(proven)) {
            return None;
        }
        let (id, end) = known.split_at_checked(ID)?;
        let end = Timestamp::from_micros(i64::from_be_bytes(end.try_into().ok()?));
        (self.cx.now() < end).then(|| BASE64URL_NOPAD.encode(id))
    }
}

fn proof(cx: &Context, known: &[u8], email: &Email) -> [u8; PROOF] {
    let data = [known, email.as_str().as_bytes()].concat();
    cx.master.mac("known device", &data)
}
