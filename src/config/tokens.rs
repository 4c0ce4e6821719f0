//! `[tokens]`: how long tokens live.

use super::reader::Reader;
use super::section::section;

section! {
    /// How long tokens live, in seconds.
    "tokens" struct Tokens {
        /// Access token.
        access_ttl: u32 = 300,
        /// Socket token.
        socket_ttl: u32 = 30,
        /// Refresh token without use: 14 days.
        refresh_idle: u32 = 1_209_600,
        /// Session from its sign-in: 30 days.
        refresh_absolute: u32 = 2_592_000,
        /// For how long a used refresh token gives the same successor; 0 also ends the unused-successor rule.
        refresh_grace: u32 = 30,
        /// How often another key begins to sign: 30 days; 0 leaves it to `portcullis keys rotate`.
        key_rotation: u32 = 2_592_000,
    }
}

impl Tokens {
    pub(super) fn check(&self, reader: &mut Reader) {
        for (key, seconds) in [
            ("tokens.access_ttl", self.access_ttl),
            ("tokens.socket_ttl", self.socket_ttl),
            ("tokens.refresh_idle", self.refresh_idle),
            ("tokens.refresh_absolute", self.refresh_absolute),
        ] {
            reader.require(key, seconds >= 5, "must be at least 5 seconds");
        }
        let rotation = self.key_rotation;
        reader.require(
            "tokens.key_rotation",
            rotation == 0 || rotation >= 3_600,
            "must be 0 (never), or at least 3600: a key is published that long before it signs",
        );
    }
}
