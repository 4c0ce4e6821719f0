//! Signed tokens (RFC 7519 over RFC 7515), read as strictly as their only issuer can afford.
//!
//! Both kinds of token that the hub signs pass through here: `at+jwt` and `socket+jwt`. One algorithm
//! (`EdDSA`), exactly three header fields, a type for each purpose, and claims of exactly the right JSON
//! type. jsonwebtoken signs and verifies; times are compared by hand, because they come from our own
//! clock and because a claim of the wrong type must be a refusal (CVE-2026-25537), not a skipped check.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::clock::Timestamp;
use crate::jws::{self, LEEWAY, MAX_FUTURE, Parts};

/// The longest token that is looked at, in bytes.
const MAX_LENGTH: usize = 8 * 1024;
const ALGORITHM: &str = "EdDSA";

/// The header as we write it. Nothing else is accepted: no `jku`, `x5u`, `jwk`, `crit`, and no field twice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    typ: String,
    alg: String,
    kid: String,
}

/// A token whose form is right and whose signature has not been looked at.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    /// Names a key of the local set; it is compared, and never used in any other way.
    pub(super) kid: String,
    parts: Parts<'a>,
}

impl<'a> Unverified<'a> {
    /// Takes `token` apart. `None` when it is not a token of the type `typ` signed with `EdDSA`.
    pub(super) fn parse(token: &'a str, typ: &str) -> Option<Self> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let parts = Parts::of(token)?;
        let header: Header = jws::object(parts.header)?;
        (header.alg == ALGORITHM && jws::is_type(&header.typ, typ)).then_some(Self {
            kid: header.kid,
            parts,
        })
    }

    /// The claims, if `key` signed them and each has its right JSON type.
    pub(super) fn open<C: DeserializeOwned>(&self, key: &DecodingKey) -> Option<C> {
        let Parts {
            message, signature, ..
        } = self.parts;
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, Algorithm::EdDSA) {
            Ok(true) => jws::object(self.parts.payload),
            _ => None,
        }
    }
}

/// Signs `claims` as a token of the type `typ`.
pub(super) fn sign<C: Serialize>(
    typ: &str,
    kid: &str,
    key: &EncodingKey,
    claims: &C,
) -> Result<String, Error> {
    let mut header = jsonwebtoken::Header::new(Algorithm::EdDSA);
    header.typ = Some(typ.to_owned());
    header.kid = Some(kid.to_owned());
    jsonwebtoken::encode(&header, claims, key).map_err(|error| Error::Signing(error.to_string()))
}

/// Whether a token's time has come and gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    Live,
    /// Good in every other way.
    Expired,
}

/// Judges the times of a token, in seconds since the epoch. `None`: issued in the future, or not valid yet.
pub(super) fn judge(iat: i64, exp: i64, nbf: Option<i64>, now: Timestamp) -> Option<Validity> {
    if iat > (now + MAX_FUTURE).seconds() || nbf.is_some_and(|nbf| nbf > (now + LEEWAY).seconds()) {
        return None;
    }
    if (now - LEEWAY).seconds() >= exp {
        return Some(Validity::Expired);
    }
    Some(Validity::Live)
}

/// The one receiver of a token: a text, or a list of exactly one (RFC 7519, 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    Text(String),
    List([String; 1]),
}

impl Audience {
    pub(super) fn is(&self, receiver: &str) -> bool {
        match self {
            Self::Text(text) | Self::List([text]) => text == receiver,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t31_times_are_judged_with_small_leeway_and_never_wrap() {
        let now = Timestamp::from_micros(1_000_000_000);
        let judged = |iat, exp, nbf| judge(iat, exp, nbf, now);
        assert_eq!(judged(1_000, 1_001, None), Some(Validity::Live));
        assert_eq!(judged(900, 996, None), Some(Validity::Live), "within the leeway");
        assert_eq!(judged(900, 995, None), Some(Validity::Expired));
        assert_eq!(judged(900, i64::MIN, None), Some(Validity::Expired));
        assert_eq!(judged(1_060, i64::MAX, None), Some(Validity::Live));
        assert_eq!(judged(1_061, i64::MAX, None), None, "issued in the future");
        assert_eq!(judged(i64::MAX, i64::MAX, None), None);
        assert_eq!(judged(1_000, 1_300, Some(1_005)), Some(Validity::Live));
        assert_eq!(judged(1_000, 1_300, Some(1_006)), None, "not valid yet");
    }
}
