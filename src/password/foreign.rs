//! Hashes that other software made: which forms are taken, how they are stored, and how one is verified.
//!
//! Called by the import and by `scheme`. Whatever the form, a hash is kept as it came, with its cost in
//! front, until its owner signs in: then the hub's own takes its place.

mod forms;

use aws_lc_rs::{digest, pbkdf2};
use data_encoding::HEXLOWER;
use subtle::ConstantTimeEq as _;

use super::cost::Cost;
use super::memory::Memory;
use super::phc;

/// What a stored foreign hash begins with. No PHC string does.
const MARK: char = '~';
/// The width of the cost behind the mark. `store` groups by it: see `users::hash_costs`.
const COST_WIDTH: usize = 32;

/// Why a hash is not taken. Says nothing of what the hash holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(
        "not a hash of a known form; taken are Django's pbkdf2_sha256, argon2, bcrypt, bcrypt_sha256 and scrypt, bcrypt ($2a$, $2b$, $2y$), and PHC strings of argon2 and scrypt"
    )]
    UnknownForm,
    #[error("Django's mark for no usable password; leave the field empty")]
    Unusable,
    #[error("not a whole hash of {form}: {problem}")]
    Malformed {
        form: &'static str,
        problem: &'static str,
    },
    #[error(
        "verifying it would cost too much: {0}; leave it out, and the person sets a password by a recovery mail"
    )]
    TooCostly(String),
}

/// A hash that can be verified within the bounds, in the form in which it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignHash(String);

impl ForeignHash {
    /// Takes a hash as other software exports it.
    ///
    /// # Errors
    /// [`Refused`] for an unknown form, a broken one, and one that costs more than is borne.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let text = text.trim();
        let cost = Foreign::parse(text)?.cost();
        Ok(Self(format!(
            "{MARK}{:<COST_WIDTH$}{MARK}{text}",
            cost.to_string()
        )))
    }

    /// For storing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ForeignHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForeignHash")
    }
}

/// The hash behind the mark and the cost; `None` for what is no stored foreign hash.
pub(super) fn unmarked(stored: &str) -> Option<&str> {
    let rest = stored.strip_prefix(MARK)?;
    rest.get(COST_WIDTH..)?.strip_prefix(MARK)
}

/// A foreign hash, ready to be verified.
pub(super) enum Foreign {
    Pbkdf2 {
        iterations: std::num::NonZeroU32,
        salt: Vec<u8>,
        digest: Vec<u8>,
    },
    Bcrypt {
        rounds: u32,
        text: String,
        /// Django's `bcrypt_sha256`: bcrypt sees the SHA-256 of the password in hexadecimal.
        of_digest: bool,
    },
    Scrypt {
        log_n: u8,
        r: u32,
        p: u32,
        salt: Vec<u8>,
        digest: Vec<u8>,
    },
    Argon2(Box<phc::Stored>),
}

impl Foreign {
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        let hash = forms::parse(text)?;
        hash.cost().check().map_err(Refused::TooCostly)?;
        Ok(hash)
    }

    pub(super) fn cost(&self) -> Cost {
        match self {
            Self::Pbkdf2 { iterations, .. } => Cost::Pbkdf2 {
                iterations: iterations.get(),
            },
            Self::Bcrypt { rounds, .. } => Cost::Bcrypt { rounds: *rounds },
            Self::Scrypt { log_n, r, p, .. } => Cost::Scrypt {
                log_n: *log_n,
                r: *r,
                p: *p,
            },
            Self::Argon2(hash) => hash.cost(),
        }
    }

    /// Recomputes the hash and compares in constant time.
    ///
    /// bcrypt looks at the first 72 bytes of a password alone; what is typed is hashed whole when the hub's
    /// own hash takes its place.
    pub(super) fn matches(&self, typed: &[u8], memory: &Memory) -> bool {
        match self {
            Self::Pbkdf2 {
                iterations,
                salt,
                digest,
            } => pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, *iterations, salt, typed, digest).is_ok(),
            Self::Bcrypt {
                text,
                of_digest: false,
                ..
            } => bcrypt::verify(typed, text).unwrap_or(false),
            Self::Bcrypt { text, .. } => {
                let hex = HEXLOWER.encode(digest::digest(&digest::SHA256, typed).as_ref());
                bcrypt::verify(hex, text).unwrap_or(false)
            }
            Self::Scrypt {
                log_n,
                r,
                p,
                salt,
                digest,
            } => {
                let mut computed = vec![0; digest.len()];
                let done = scrypt::Params::new(*log_n, *r, *p)
                    .is_ok_and(|params| scrypt::scrypt(typed, salt, &params, &mut computed).is_ok());
                done && computed.ct_eq(digest).into()
            }
            Self::Argon2(hash) => hash.matches(typed, None, memory),
        }
    }
}

#[cfg(test)]
mod tests;
