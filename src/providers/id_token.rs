//! ID tokens (OpenID Connect Core 1.0, 3.1.3.7): whether one is the provider's word about this very sign-in.
//!
//! As strict as the many issuers allow: an algorithm of a list and a key of its type, no key that the token brings along,
//! and claims of the right JSON type. jsonwebtoken verifies the signature; everything else is compared by hand, with
//! our own clock, because a claim of the wrong type must be a refusal and not a skipped check (CVE-2026-25537).

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::Error;
use crate::clock::Timestamp;
use crate::jws::{self, LEEWAY, MAX_FUTURE, Parts};
use crate::secret::PlainToken;

/// The longest token that is looked at, in bytes.
const MAX_LENGTH: usize = 16 * 1024;
/// What is read of a header. A key or the address of one, brought along by the token that it would verify, and extensions that must
/// be understood are refused.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    jku: Option<Value>,
    x5u: Option<Value>,
    jwk: Option<Value>,
    crit: Option<Value>,
}

/// A token whose form is right and whose signature has not been looked at.
pub(super) struct Unverified<'a> {
    /// Names a key of the provider's set; it is compared, and never used in any other way.
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    parts: Parts<'a>,
}

impl<'a> Unverified<'a> {
    /// Takes `token` apart.
    pub(super) fn parse(token: &'a str) -> Result<Self, Error> {
        if token.len() > MAX_LENGTH {
            return Err(refused("is too long"));
        }
        let parts = Parts::of(token).ok_or_else(|| refused("is no signed token"))?;
        let header: Header = jws::object(parts.header).ok_or_else(|| refused("has no usable header"))?;
        if header.jku.is_some() || header.x5u.is_some() || header.jwk.is_some() || header.crit.is_some() {
            return Err(refused("has a header that brings a key along, or an extension"));
        }
        if header.typ.is_some_and(|typ| !jws::is_type(&typ, "jwt")) {
            return Err(refused("is a token of another kind"));
        }
        let algorithm =
            algorithm(&header.alg).ok_or_else(|| refused("is signed with an algorithm that is not taken"))?;
        Ok(Self {
            kid: header.kid,
            algorithm,
            parts,
        })
    }

    /// The claims, if `key` signed them and each has its right JSON type.
    pub(super) fn open(&self, key: &DecodingKey) -> Result<Claims, Error> {
        let Parts {
            message, signature, ..
        } = self.parts;
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, self.algorithm) {
            Ok(true) => jws::object(self.parts.payload)
                .ok_or_else(|| refused("has claims that are not what they must be")),
            _ => Err(refused("has a wrong signature")),
        }
    }
}

/// Asymmetric ones alone: neither `none`, nor `HS256`, whose key would be the client secret.
fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" => Algorithm::EdDSA,
        _ => return None,
    })
}

/// What is read of a token's claims.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audience,
    #[serde(default, deserialize_with = "jws::present")]
    azp: Option<String>,
    exp: i64,
    iat: i64,
    #[serde(default, deserialize_with = "jws::present")]
    nbf: Option<i64>,
    nonce: String,
    pub(super) sub: String,
    #[serde(flatten)]
    pub(super) person: Person,
}

/// What may be said of a person, in an ID token as by the userinfo endpoint.
#[derive(Default, Deserialize)]
pub(super) struct Person {
    pub(super) email: Option<String>,
    pub(super) email_verified: Option<Flag>,
    pub(super) name: Option<String>,
    pub(super) picture: Option<String>,
}

/// A claim that is true or false. Some providers write it as a text.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(super) enum Flag {
    Plain(bool),
    Text(FlagText),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FlagText {
    True,
    False,
}

impl Person {
    /// Whether the provider says that the address was verified; no word is no.
    pub(super) fn is_verified(&self) -> bool {
        matches!(
            self.email_verified,
            Some(Flag::Plain(true) | Flag::Text(FlagText::True))
        )
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What a token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a PlainToken,
    pub(super) now: Timestamp,
}

impl Claims {
    /// Whether they are this issuer's, for this client, of this sign-in, and of now.
    pub(super) fn check(&self, expected: &Expected<'_>) -> Result<(), Error> {
        if self.iss != expected.issuer {
            return Err(refused("is another issuer's"));
        }
        let audience = match &self.aud {
            Audience::One(one) => std::slice::from_ref(one),
            Audience::Several(several) => several.as_slice(),
        };
        if !audience.iter().any(|one| one == expected.client_id) {
            return Err(refused("is for another client"));
        }
        let for_us = match self.azp.as_deref() {
            Some(party) => party == expected.client_id,
            None => audience.len() == 1,
        };
        if !for_us {
            return Err(refused("was issued to another client"));
        }
        let now = expected.now;
        if (now - LEEWAY).seconds() >= self.exp {
            return Err(refused("has expired"));
        }
        let begins = self.nbf.unwrap_or(self.iat.min(now.seconds()));
        if self.iat > (now + MAX_FUTURE).seconds() || begins > (now + LEEWAY).seconds() {
            return Err(refused("comes from the future; compare the clocks"));
        }
        if !bool::from(self.nonce.as_bytes().ct_eq(expected.nonce.expose().as_bytes())) {
            return Err(refused("belongs to another sign-in"));
        }
        Ok(())
    }
}

fn refused(problem: &str) -> Error {
    Error::Refused(format!("its ID token {problem}"))
}

#[cfg(test)]
pub(super) mod tests;
