//! Signed tokens in compact form (JWS, RFC 7515, 3.1), taken apart and read strictly. What is in one is not
//! believed here: whose signature counts, and which claims, is for `sessions` (our own tokens) and `providers`
//! (ID tokens) to say.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};

/// How far clocks may differ when a token expires or begins.
pub const LEEWAY: Duration = Duration::from_secs(5);
/// How far in the future a token may have been issued.
pub const MAX_FUTURE: Duration = Duration::from_mins(1);

/// A token's three parts, each still base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    pub header: &'a str,
    pub payload: &'a str,
    pub signature: &'a str,
    /// What is signed: the header, a dot, and the payload.
    pub message: &'a str,
}

impl<'a> Parts<'a> {
    /// `None` when `token` does not have exactly three parts.
    #[must_use]
    pub fn of(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        (!payload.contains('.')).then_some(Self {
            header,
            payload,
            signature,
            message,
        })
    }
}

/// Reads a part that is a JSON object. serde would also read a struct from an array, and that is not a token.
#[must_use]
pub fn object<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = BASE64URL_NOPAD.decode(part.as_bytes()).ok()?;
    if json.first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(&json).ok()
}

/// For serde: an optional claim that must have its type when it is there. `null` is a wrong type.
///
/// # Errors
/// When the claim has another type.
pub fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Whether `typ` of a header is `expected`, written in lower case. Media types compare without case and may leave
/// `application/` out (RFC 7515, 4.1.9; RFC 9068, 4).
#[must_use]
pub fn is_type(typ: &str, expected: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ) == expected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts() {
        let parts = Parts::of("h.p.s").unwrap();
        assert_eq!((parts.header, parts.payload, parts.signature), ("h", "p", "s"));
        assert_eq!(parts.message, "h.p");
        for other in ["", "h", "h.p", "h.p.s.x", "h.p.s.x.y"] {
            assert_eq!(Parts::of(other), None, "{other:?}");
        }
    }

    #[test]
    fn only_an_object_is_read_and_its_claims_have_their_types() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Claims {
            #[serde(default, deserialize_with = "present")]
            nbf: Option<i64>,
        }
        let read = |json: &str| object::<Claims>(&BASE64URL_NOPAD.encode(json.as_bytes()));
        assert_eq!(read("{}"), Some(Claims { nbf: None }));
        assert_eq!(read(r#"{"nbf": 7}"#), Some(Claims { nbf: Some(7) }));
        for other in [r#"{"nbf": null}"#, r#"{"nbf": "7"}"#, "[7]", " {}", "{", ""] {
            assert_eq!(read(other), None, "{other:?}");
        }
        assert_eq!(object::<Claims>("e30="), None, "padded");
        assert_eq!(object::<Claims>("e30"), Some(Claims { nbf: None }));
    }

    #[test]
    fn types_compare_without_case_and_prefix() {
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(is_type(typ, "at+jwt"), "{typ}");
        }
        for typ in [
            "",
            "jwt",
            "socket+jwt",
            "application/",
            "application/application/at+jwt",
            "at+jwt ",
        ] {
            assert!(!is_type(typ, "at+jwt"), "{typ}");
        }
    }
}
