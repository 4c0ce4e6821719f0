//! `[limits]`: request limits.

use super::reader::Reader;
use super::section::section;

section! {
    /// Request limits.
    "limits" struct Limits {
        /// Whether requests are limited; off is allowed in development only.
        enabled: bool = true,
        /// Wrong passwords in an hour from places that are new to the account, all accounts together; a sixth of
        /// them at once. Beyond it sign-ins from new places wait.
        failures: u32 = 1_200,
    }
}

impl Limits {
    pub(super) fn check(&self, reader: &mut Reader) {
        reader.require(
            "limits.failures",
            (6..=1_000_000).contains(&self.failures),
            "must be between 6 and 1000000",
        );
    }
}
