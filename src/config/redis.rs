//! `[redis]`: the fast path between nodes. Without it nodes hear of each other by the journal alone.

use secrecy::{ExposeSecret as _, SecretString};

use super::reader::Reader;
use super::section::section;

section! {
    /// The fast path between nodes. Without it they hear of each other by the journal alone.
    "redis" struct Redis {
        /// `redis://…` or `rediss://…`; unless set, caps and limits are each node's own.
        url: Option<SecretString> = None,
        /// What the names of all keys in Redis begin with: the same on all nodes of one hub.
        prefix: String = "portcullis".to_owned(),
    }
}

impl Redis {
    pub(super) fn check(&self, reader: &mut Reader) {
        if let Some(url) = &self.url {
            let parsed = url::Url::parse(url.expose_secret());
            let known =
                parsed.is_ok_and(|url| matches!(url.scheme(), "redis" | "rediss" | "redis+unix" | "unix"));
            reader.require(
                "redis.url",
                known,
                "begin it with redis:// or rediss://, as in redis://localhost:6379",
            );
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        let valid = (1..=64).contains(&self.prefix.len()) && self.prefix.chars().all(plain);
        reader.require(
            "redis.prefix",
            valid,
            "use 1 to 64 letters, digits and any of `_-.:`",
        );
    }
}
