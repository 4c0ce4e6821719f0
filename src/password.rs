//! Passwords: what may be one, and how one is hashed and verified. Called by accounts and sessions.
//!
//! Hashing is the scarcest resource of an auth server. [`Hasher`] runs it on as many threads as there
//! are cores, lets a bounded number wait, and refuses beyond. Hashes that other software made are verified
//! as well ([`ForeignHash`]), until their owner signs in.

mod breached;
mod common;
mod cost;
mod foreign;
mod hasher;
mod memory;
mod mix;
mod phc;
mod policy;
mod scheme;

pub use breached::{Breached, Unfit, Unreadable};
pub use cost::Cost;
pub use foreign::{ForeignHash, Refused};
pub use hasher::{Hasher, Overloaded, Unchecked, Verdict};
pub use mix::Mix;
pub use policy::Password;

/// The longest password in bytes that is looked at (OWASP ASVS 6.2.9): the cost of a longer one is refused.
const MAX_BYTES: usize = 1024;
