//! `[passwords]`: what may be one, and what hashing one costs (argon2id, RFC 9106).

use std::path::PathBuf;

use super::peppers::{self, Peppers};
use super::reader::Reader;
use super::section::section;

section! {
    /// What may be a password, and what hashing one costs (argon2id).
    "passwords" struct Passwords {
        /// The least number of characters; 8 to 128.
        min_length: usize = 12,
        /// Memory of one hash in KiB.
        memory_kib: u32 = 19_456,
        /// Passes over that memory.
        iterations: u32 = 2,
        /// Lanes.
        parallelism: u32 = 1,
        /// How many hashes may wait for a core; beyond them a request is answered 503 `overloaded`.
        queue: usize = 32,
        /// A file of passwords known from breaches, each as SHA-1 and count, in order; none of them is taken.
        breached: Option<PathBuf> = None,
        /// Secrets that go into every new hash (the first) or are still needed for older ones (the others).
        peppers: Peppers = Peppers::default(),
    }
}

/// Memory in KiB and iterations that OWASP holds equally good (Password Storage Cheat Sheet, argon2id).
const OWASP: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

impl Passwords {
    /// The most that a hash may cost, made now or stored: memory in KiB, passes, lanes.
    pub const MAX_MEMORY_KIB: u32 = 1_048_576;
    pub const MAX_ITERATIONS: u32 = 64;
    pub const MAX_PARALLELISM: u32 = 64;

    pub(super) fn check(&self, reader: &mut Reader) {
        reader.require(
            "passwords.min_length",
            (8..=128).contains(&self.min_length),
            "must be between 8 and 128",
        );
        reader.require(
            "passwords.memory_kib",
            (1_024..=Self::MAX_MEMORY_KIB).contains(&self.memory_kib),
            "must be between 1024 and 1048576 (1 GiB)",
        );
        reader.require(
            "passwords.iterations",
            (1..=Self::MAX_ITERATIONS).contains(&self.iterations),
            "must be between 1 and 64",
        );
        reader.require(
            "passwords.parallelism",
            (1..=Self::MAX_PARALLELISM).contains(&self.parallelism),
            "must be between 1 and 64",
        );
        reader.require("passwords.queue", self.queue >= 1, "must be at least 1");
        peppers::check(&self.peppers, reader);
    }

    /// Below every entry of OWASP's list.
    pub(super) fn is_weak(&self) -> bool {
        !OWASP
            .iter()
            .any(|(memory, iterations)| self.memory_kib >= *memory && self.iterations >= *iterations)
    }
}
