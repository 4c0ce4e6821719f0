//! argon2id (RFC 9106) behind a bounded queue.

use secrecy::SecretString;

use super::Password;
use crate::config;

/// More hashes are waiting than `passwords.queue` allows.
#[derive(Debug, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub struct Overloaded;

/// What a verification found.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    pub matches: bool,
    /// The stored hash has other parameters than the configured ones: hash again after success.
    pub outdated: bool,
}

/// The hashing queue. Clones share it.
#[derive(Clone, Debug)]
pub struct Hasher;

impl Hasher {
    #[must_use]
    pub fn new(_config: &config::Passwords) -> Self {
        todo!()
    }
    /// A PHC string.
    pub async fn hash(&self, _password: &Password) -> Result<String, Overloaded> {
        todo!()
    }
    /// Verifies exactly as typed. Without a stored hash, a dummy is verified and the answer is no: the same work in every branch.
    pub async fn verify(&self, _typed: &SecretString, _stored: Option<&str>) -> Result<Verdict, Overloaded> {
        todo!()
    }
    /// How many hashes were computed so far. Tests count work with it.
    #[must_use]
    pub fn runs(&self) -> u64 {
        todo!()
    }
}
