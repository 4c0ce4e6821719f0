//! Passwords: what may be one, and how one is hashed and verified. Called by accounts and sessions.
//!
//! Hashing is the scarcest resource of an auth server. [`Hasher`] runs it on as many threads as there
//! are cores, lets a bounded number wait, and refuses beyond.

mod hasher;
mod memory;
mod phc;
mod policy;

pub use hasher::{Hasher, Overloaded, Verdict};
pub use policy::{Password, check};

/// The longest password in bytes that is looked at (OWASP ASVS 6.2.9): the cost of a longer one is refused.
const MAX_BYTES: usize = 1024;
