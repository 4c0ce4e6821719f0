//! `[passwords]`: what may be one, and what hashing one costs (argon2id, RFC 9106).

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
    }
}

/// Memory in KiB and iterations that OWASP holds equally good (Password Storage Cheat Sheet, argon2id).
const OWASP: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

impl Passwords {
    pub(super) fn check(&self, reader: &mut Reader) {
        reader.require(
            "passwords.min_length",
            (8..=128).contains(&self.min_length),
            "must be between 8 and 128",
        );
        reader.require(
            "passwords.memory_kib",
            (1_024..=4_194_304).contains(&self.memory_kib),
            "must be between 1024 and 4194304 (4 GiB)",
        );
        reader.require(
            "passwords.iterations",
            (1..=1_000).contains(&self.iterations),
            "must be between 1 and 1000",
        );
        reader.require(
            "passwords.parallelism",
            (1..=64).contains(&self.parallelism),
            "must be between 1 and 64",
        );
        reader.require("passwords.queue", self.queue >= 1, "must be at least 1");
    }

    /// Below every entry of OWASP's list.
    pub(super) fn is_weak(&self) -> bool {
        !OWASP
            .iter()
            .any(|(memory, iterations)| self.memory_kib >= *memory && self.iterations >= *iterations)
    }
}
