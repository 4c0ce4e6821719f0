//! Secrets: random tokens and their hashes, the master secret and what is derived from it, and the
//! source of randomness itself. Nothing here prints what it holds.
//!
//! All primitives are aws-lc-rs: SHA-256, HMAC-SHA-256, HKDF-SHA-256 (RFC 5869) and AES-256-GCM.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac};
use data_encoding::BASE64URL_NOPAD;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng};
use secrecy::{ExposeSecret, SecretBox, SecretString};

/// Where randomness comes from.
#[derive(Clone, Default)]
pub enum Rng {
    /// The operating system, by way of aws-lc's generator.
    #[default]
    System,
    /// A sequence that a test can repeat.
    Seeded(Arc<Mutex<StdRng>>),
}

impl Rng {
    /// The same bytes for the same `seed`. For tests.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Fills `bytes` with random bits.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: no secret may be made then.
    pub fn fill(&self, bytes: &mut [u8]) {
        match self {
            #[expect(
                clippy::expect_used,
                reason = "a server without randomness must stop, not go on with zeros"
            )]
            Self::System => aws_lc_rs::rand::fill(bytes).expect("the system's random generator works"),
            Self::Seeded(rng) => rng
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill_bytes(bytes),
        }
    }

    /// A number in `0..bound`, for jitter; not for secrets. Zero when `bound` is.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes).checked_rem(bound).unwrap_or(0)
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng")
    }
}

/// A bearer secret in clear: what a mail, an answer or a request carries. Only its hash is stored.
#[derive(Clone)]
pub struct PlainToken(SecretString);

impl PlainToken {
    /// `prefix` and 256 random bits in base64url.
    #[must_use]
    pub fn generate(prefix: &str, rng: &Rng) -> Self {
        let mut bits = [0; 32];
        rng.fill(&mut bits);
        Self::from_bits(prefix, &bits)
    }

    /// `prefix` and the given 256 bits in base64url.
    #[must_use]
    pub fn from_bits(prefix: &str, bits: &[u8; 32]) -> Self {
        Self(format!("{prefix}{}", BASE64URL_NOPAD.encode(bits)).into())
    }

    /// Takes what a caller presented. Nothing is checked: an unknown token is found out by its hash.
    #[must_use]
    pub fn presented(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// The text itself, to be put into an answer or a mail.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// SHA-256 of the text: what is stored and looked up. 256 random bits need no salt and no slow hash.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.expose().as_bytes())
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken")
    }
}

/// SHA-256 of a secret, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of `secret`.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, secret).as_ref());
        Self(hash)
    }

    /// For binding to SQL.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Compares in constant time with a hash read from the database.
    #[must_use]
    pub fn matches(&self, stored: &[u8]) -> bool {
        use subtle::ConstantTimeEq;
        self.0.ct_eq(stored).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

/// A sealed text could not be opened: it was altered, belongs elsewhere, or the master secret changed.
#[derive(Debug, thiserror::Error)]
#[error("cannot decrypt: the data was altered, or `secrets.master` is not the one it was encrypted under")]
pub struct OpenError;

/// What is derived from `secrets.master`: one key for each purpose, so that no two uses share one.
#[derive(Clone)]
pub struct MasterKey(Arc<SecretBox<[u8; 32]>>);

impl MasterKey {
    /// Derives the root key from the configured secret (HKDF-SHA-256).
    #[must_use]
    pub fn from_secret(secret: &SecretString) -> Self {
        Self(Arc::new(SecretBox::new(Box::new(expand(
            secret.expose_secret().as_bytes(),
            "portcullis root",
        )))))
    }

    /// HMAC-SHA-256 of `data` under the key of `purpose`.
    #[must_use]
    pub fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.subkey(purpose));
        let mut mac = [0; 32];
        mac.copy_from_slice(hmac::sign(&key, data).as_ref());
        mac
    }

    /// The first 64 bits of [`mac`](Self::mac): a place or a lock that nobody else can tell.
    #[must_use]
    pub fn mac_u64(&self, purpose: &str, data: &[u8]) -> u64 {
        let mac = self.mac(purpose, data);
        mac.iter()
            .take(8)
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Encrypts with AES-256-GCM under the key of `purpose`, bound to `context` (say, the row's id).
    /// Gives nonce, ciphertext and tag in one.
    ///
    /// # Panics
    /// When `plain` is longer than AES-GCM can take (64 GiB).
    #[must_use]
    pub fn seal(&self, purpose: &str, context: &[u8], plain: &[u8], rng: &Rng) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        rng.fill(&mut nonce);
        let mut text = plain.to_vec();
        #[expect(clippy::expect_used, reason = "fails only beyond AES-GCM's length limit")]
        self.cipher(purpose)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut text)
            .expect("texts are short");
        [nonce.as_slice(), &text].concat()
    }

    /// Opens what [`seal`](Self::seal) made for the same purpose and context.
    ///
    /// # Errors
    /// [`OpenError`] when it is anything else.
    pub fn open(&self, purpose: &str, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(OpenError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError)?;
        let mut text = text.to_vec();
        let cipher = self.cipher(purpose);
        let plain = cipher
            .open_in_place(nonce, Aad::from(context), &mut text)
            .map_err(|_| OpenError)?;
        Ok(plain.to_vec())
    }

    fn cipher(&self, purpose: &str) -> LessSafeKey {
        #[expect(clippy::expect_used, reason = "the key is always 32 bytes")]
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.subkey(purpose)).expect("32 bytes are a key"))
    }

    fn subkey(&self, purpose: &str) -> [u8; 32] {
        expand(self.0.expose_secret(), purpose)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// HKDF-SHA-256 with an empty salt: 32 bytes for `info`.
fn expand(secret: &[u8], info: &str) -> [u8; 32] {
    let mut key = [0; 32];
    let root = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(secret);
    #[expect(clippy::expect_used, reason = "32 bytes are below HKDF's limit of 8160")]
    root.expand(&[info.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key))
        .expect("HKDF gives 32 bytes");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master() -> MasterKey {
        MasterKey::from_secret(&"a master secret of enough length".to_owned().into())
    }

    #[test]
    fn what_was_sealed_opens_for_its_purpose_and_context_only() {
        let sealed = master().seal("mail", b"1", b"hello", &Rng::seeded(1));
        assert_eq!(master().open("mail", b"1", &sealed).unwrap(), b"hello");
        assert!(master().open("mail", b"2", &sealed).is_err());
        assert!(master().open("key", b"1", &sealed).is_err());
        assert!(master().open("mail", b"1", &sealed[..5]).is_err());
    }

    #[test]
    fn an_altered_byte_is_noticed_wherever_it_is() {
        let sealed = master().seal("mail", b"1", b"hello", &Rng::System);
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(master().open("mail", b"1", &altered).is_err(), "byte {at}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = PlainToken::generate("pcr_", &Rng::System);
        let shown = format!("{token:?} {:?} {:?} {:?}", token.hash(), master(), Rng::seeded(1));
        assert_eq!(shown, "PlainToken TokenHash MasterKey Rng");
        assert_eq!(token.expose().len(), "pcr_".len() + 43);
    }
}
