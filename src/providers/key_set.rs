//! The keys with which a provider signs ID tokens (RFC 7517), and which of them a token may mean.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Bytes of the shortest and the longest modulus: 2,048 and 8,192 bits. A longer one only costs time.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

/// A set of keys as it is published.
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// Public keys that may have signed.
#[derive(Deserialize)]
#[serde(from = "Document")]
pub(super) struct KeySet(Vec<Key>);

impl From<Document> for KeySet {
    /// Keys of kinds that are not known here are no fault of the set (RFC 7517, 5).
    fn from(document: Document) -> Self {
        let keys = document.keys.into_iter();
        Self(keys.filter_map(|key| serde_json::from_value(key).ok()).collect())
    }
}

impl KeySet {
    /// The one key that `kid` names, or, of a token that names none, the one that fits; none when there are two.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let named = |key: &&Key| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
        let mut fitting = self
            .0
            .iter()
            .filter(named)
            .filter_map(|key| key.for_algorithm(algorithm));
        let found = fitting.next();
        found.filter(|_| fitting.next().is_none())
    }
}

/// One key, and what it says that it is for.
#[derive(Deserialize)]
struct Key {
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    #[serde(rename = "key_ops")]
    operations: Option<Vec<String>>,
    #[serde(flatten)]
    material: Material,
}

#[derive(Deserialize)]
#[serde(tag = "kty")]
enum Material {
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
    #[serde(rename = "OKP")]
    Okp { crv: String, x: String },
}

impl Key {
    /// The key, if it may verify `algorithm`.
    fn for_algorithm(&self, algorithm: Algorithm) -> Option<DecodingKey> {
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let verifies = |uses: &Vec<String>| uses.iter().any(|one| one == "verify");
        let its_own = self.alg.as_deref().is_none_or(|alg| alg.parse() == Ok(algorithm));
        if !signs || !its_own || !self.operations.as_ref().is_none_or(verifies) {
            return None;
        }
        self.material.for_algorithm(algorithm)
    }
}

impl Material {
    /// The key, if it is of the type that `algorithm` works with.
    fn for_algorithm(&self, algorithm: Algorithm) -> Option<DecodingKey> {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        match (self, algorithm) {
            (Self::Rsa { n, e }, RS256 | RS384 | RS512 | PS256 | PS384 | PS512) => {
                let (n, e) = (unsigned(n)?, unsigned(e)?);
                MODULUS
                    .contains(&n.len())
                    .then(|| DecodingKey::from_rsa_raw_components(&n, &e))
            }
            (Self::Ec { crv, x, y }, ES256) if crv == "P-256" => DecodingKey::from_ec_components(x, y).ok(),
            (Self::Ec { crv, x, y }, ES384) if crv == "P-384" => DecodingKey::from_ec_components(x, y).ok(),
            (Self::Okp { crv, x }, EdDSA) if crv == "Ed25519" => DecodingKey::from_ed_components(x).ok(),
            _ => None,
        }
    }
}

/// A number in base64url, without leading zeros.
fn unsigned(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}
