//! PHC strings of argon2: made with the configured parameters, read with bounded ones. Called by the queue.

use argon2::password_hash::phc::PasswordHash;
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use crate::config;
use crate::secret::Rng;

/// The most memory (KiB) that a stored hash may ask for when it is verified.
const MAX_STORED_MEMORY: u32 = 1024 * 1024;
/// The most passes and lanes that a stored hash may ask for.
const MAX_STORED_PASSES: u32 = 64;

/// A stored hash that may be verified.
pub(super) struct Stored(PasswordHash);

impl Stored {
    /// `None` for what is no PHC string of argon2, and for one that would cost too much.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let hash = PasswordHash::new(text).ok()?;
        Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let bearable = params.m_cost() <= MAX_STORED_MEMORY
            && params.t_cost() <= MAX_STORED_PASSES
            && params.p_cost() <= MAX_STORED_PASSES;
        (bearable && hash.salt.is_some() && hash.hash.is_some()).then_some(Self(hash))
    }

    pub(super) fn is_current(&self, wanted: &Params) -> bool {
        let same = |params: Params| {
            params.m_cost() == wanted.m_cost()
                && params.t_cost() == wanted.t_cost()
                && params.p_cost() == wanted.p_cost()
        };
        self.0.algorithm == ARGON2ID_IDENT
            && self.0.version == Some(Version::V0x13.into())
            && Params::try_from(&self.0).is_ok_and(same)
    }

    /// Recomputes the hash and compares in constant time.
    pub(super) fn matches(&self, typed: &[u8]) -> bool {
        Argon2::default().verify_password(typed, &self.0).is_ok()
    }
}

/// The configured parameters, moved up to what argon2 can take (8 KiB a lane).
pub(super) fn params(config: &config::Passwords) -> Params {
    let lanes = config.parallelism.clamp(1, Params::MAX_P_COST);
    let memory = config.memory_kib.max(lanes.saturating_mul(8));
    #[expect(clippy::expect_used, reason = "every number was moved into its range")]
    Params::new(memory, config.iterations.max(1), lanes, None).expect("parameters are in range")
}

/// Hashes `password` under a fresh salt of 128 bits.
pub(super) fn phc(params: &Params, password: &[u8]) -> String {
    let mut salt = [0; 16];
    Rng::System.fill(&mut salt);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    #[expect(
        clippy::expect_used,
        reason = "fails only for lengths and parameters out of range"
    )]
    let hash = argon2
        .hash_password_with_salt(password, &salt)
        .expect("salt and parameters are in range");
    hash.to_string()
}
