//! PHC strings of argon2: made with the configured parameters, read with bounded ones. Called by `scheme`
//! and `foreign`.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, KeyId, Params, ParamsBuilder, Version};

use super::cost::Cost;
use super::memory::Memory;
use crate::config::Passwords;
use crate::secret::Rng;

/// A stored hash that may be verified.
pub(super) struct Stored {
    hash: PasswordHash,
    algorithm: Algorithm,
    params: Params,
}

impl Stored {
    /// `None` for what is no whole PHC string of argon2. Whether it costs too much is another question.
    pub(super) fn read(text: &str) -> Option<Self> {
        let hash = PasswordHash::new(text).ok()?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let whole = hash.salt.is_some() && hash.hash.is_some();
        whole.then_some(Self {
            hash,
            algorithm,
            params,
        })
    }

    /// As [`read`](Self::read); `None` also for one that costs more than the configuration allows at most.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::read(text).filter(|stored| {
            stored.params.m_cost() <= Passwords::MAX_MEMORY_KIB
                && stored.params.t_cost() <= Passwords::MAX_ITERATIONS
                && stored.params.p_cost() <= Passwords::MAX_PARALLELISM
        })
    }

    pub(super) fn is_current(&self, wanted: &Params) -> bool {
        self.hash.algorithm == ARGON2ID_IDENT
            && self.hash.version == Some(Version::V0x13.into())
            && self.params.m_cost() == wanted.m_cost()
            && self.params.t_cost() == wanted.t_cost()
            && self.params.p_cost() == wanted.p_cost()
            && self.params.keyid() == wanted.keyid()
    }

    /// The id of the pepper that went into it; empty without one.
    pub(super) fn key_id(&self) -> &[u8] {
        self.params.keyid()
    }

    /// Whether something went into it that does not stand in it.
    pub(super) fn needs_secret(&self) -> bool {
        !self.params.keyid().is_empty() || !self.params.data().is_empty()
    }

    /// Bytes of the digest.
    pub(super) fn digest_length(&self) -> usize {
        self.hash.hash.as_ref().map_or(0, Output::len)
    }

    pub(super) fn cost(&self) -> Cost {
        Cost::Argon2 {
            memory: self.params.m_cost(),
            passes: self.params.t_cost(),
            lanes: self.params.p_cost(),
        }
    }

    /// Recomputes the hash and compares in constant time.
    pub(super) fn matches(&self, typed: &[u8], secret: Option<&[u8]>, memory: &Memory) -> bool {
        self.recompute(typed, secret, memory)
            .is_some_and(|computed| self.hash.hash.as_ref() == Some(&computed))
    }

    fn recompute(&self, typed: &[u8], secret: Option<&[u8]>, memory: &Memory) -> Option<Output> {
        let version = self.hash.version.map(Version::try_from).transpose().ok()?;
        let version = version.unwrap_or_default();
        let argon2 = argon2(self.algorithm, version, &self.params, secret)?;
        output(&argon2, &self.params, typed, self.hash.salt.as_ref()?, memory).ok()
    }
}

/// The configured parameters, moved up to what argon2 can take (8 KiB a lane), with the id of the pepper.
pub(super) fn params(config: &Passwords) -> Params {
    let lanes = config.parallelism.clamp(1, Params::MAX_P_COST);
    let mut builder = ParamsBuilder::new();
    builder
        .m_cost(config.memory_kib.max(lanes.saturating_mul(8)))
        .t_cost(config.iterations.max(1))
        .p_cost(lanes);
    let pepper = config.peppers.current.as_ref();
    if let Some(id) = pepper.and_then(|pepper| KeyId::new(pepper.id.as_bytes()).ok()) {
        builder.keyid(id);
    }
    #[expect(clippy::expect_used, reason = "every number was moved into its range")]
    builder.build().expect("parameters are in range")
}

/// Hashes `password` under a fresh salt of 128 bits.
pub(super) fn phc(params: &Params, password: &[u8], secret: Option<&[u8]>, memory: &Memory) -> String {
    let mut salt = [0; 16];
    Rng::System.fill(&mut salt);
    #[expect(
        clippy::expect_used,
        reason = "fails only for lengths and parameters out of range"
    )]
    make(params, password, secret, &salt, memory)
        .expect("salt, secret and parameters are in range")
        .to_string()
}

fn make(
    params: &Params,
    password: &[u8],
    secret: Option<&[u8]>,
    salt: &[u8],
    memory: &Memory,
) -> Option<PasswordHash> {
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let argon2 = argon2(algorithm, version, params, secret)?;
    Some(PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(params).ok()?,
        salt: Some(Salt::new(salt).ok()?),
        hash: Some(output(&argon2, params, password, salt, memory).ok()?),
    })
}

/// argon2 with its secret parameter, which is where a pepper belongs (RFC 9106, 3.1). `None` for a secret
/// beyond argon2's bound of 4 GiB.
fn argon2<'a>(
    algorithm: Algorithm,
    version: Version,
    params: &Params,
    secret: Option<&'a [u8]>,
) -> Option<Argon2<'a>> {
    match secret {
        Some(secret) => Argon2::new_with_secret(secret, algorithm, version, params.clone()).ok(),
        None => Some(Argon2::new(algorithm, version, params.clone())),
    }
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
            let ours = PasswordHash::new(&phc(&params, b"open", None, &memory)).unwrap();
            assert!(theirs.verify_password(b"open", &ours).is_ok(), "round {round}");
            let text = theirs
                .hash_password_with_salt(b"open", &[7; 16])
                .unwrap()
                .to_string();
            let stored = Stored::parse(&text).unwrap();
            assert!(stored.matches(b"open", None, &memory), "round {round}");
            assert!(!stored.matches(b"shut", None, &memory), "round {round}");
        }
    }
}
