//! PHC strings of argon2: made with the configured parameters, read with bounded ones. Called by the queue.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, Version};

use super::memory::Memory;
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
    pub(super) fn matches(&self, typed: &[u8], memory: &Memory) -> bool {
        self.recompute(typed, memory)
            .is_some_and(|computed| self.0.hash.as_ref() == Some(&computed))
    }

    fn recompute(&self, typed: &[u8], memory: &Memory) -> Option<Output> {
        let algorithm = Algorithm::try_from(self.0.algorithm.as_str()).ok()?;
        let version = self.0.version.map(Version::try_from).transpose().ok()?;
        let params = Params::try_from(&self.0).ok()?;
        let argon2 = Argon2::new(algorithm, version.unwrap_or_default(), params.clone());
        output(&argon2, &params, typed, self.0.salt.as_ref()?, memory).ok()
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
pub(super) fn phc(params: &Params, password: &[u8], memory: &Memory) -> String {
    let mut salt = [0; 16];
    Rng::System.fill(&mut salt);
    let made = make(params, password, &salt, memory);
    #[expect(
        clippy::expect_used,
        reason = "fails only for lengths and parameters out of range"
    )]
    made.expect("salt and parameters are in range").to_string()
}

fn make(
    params: &Params,
    password: &[u8],
    salt: &[u8],
    memory: &Memory,
) -> argon2::password_hash::Result<PasswordHash> {
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let argon2 = Argon2::new(algorithm, version, params.clone());
    Ok(PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(params)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(output(&argon2, params, password, salt, memory)?),
    })
}

/// What argon2 makes of `password`. The length is the one of the stored hash, or the usual one.
fn output(
    argon2: &Argon2<'_>,
    params: &Params,
    password: &[u8],
    salt: &[u8],
    memory: &Memory,
) -> argon2::password_hash::Result<Output> {
    let mut buffer = [0; Output::MAX_LENGTH];
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let out = &mut buffer[..length.min(Output::MAX_LENGTH)];
    memory.lend(params, |blocks| {
        argon2.hash_password_into_with_memory(password, salt, out, blocks)
    })?;
    Ok(Output::new(out)?)
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher, PasswordVerifier};

    use super::*;

    /// What argon2 computes with memory of its own is the measure; the second round works in used memory.
    #[test]
    fn used_memory_changes_no_hash() {
        let params = Params::new(64, 2, 1, None).unwrap();
        let memory = Memory::for_params(&params);
        let theirs = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        for round in 0..2 {
            let ours = PasswordHash::new(&phc(&params, b"open", &memory)).unwrap();
            assert!(theirs.verify_password(b"open", &ours).is_ok(), "round {round}");
            let text = theirs
                .hash_password_with_salt(b"open", &[7; 16])
                .unwrap()
                .to_string();
            let stored = Stored::parse(&text).unwrap();
            assert!(stored.matches(b"open", &memory), "round {round}");
            assert!(!stored.matches(b"shut", &memory), "round {round}");
        }
    }
}
