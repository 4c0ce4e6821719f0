//! `[database]`: where the truth is kept.

use secrecy::{ExposeSecret as _, SecretString};

use super::reader::Reader;
use super::section::section;

section! {
    /// Where the truth is kept.
    "database" struct Database {
        /// `postgres://…` or `sqlite://…`; SQLite in `data_dir` unless set. A secret: it may hold a password.
        url: Option<SecretString> = None,
    }
}

impl Database {
    pub(super) fn check(&self, reader: &mut Reader) {
        if let Some(url) = &self.url {
            let scheme = url
                .expose_secret()
                .split_once(':')
                .map_or("", |(scheme, _)| scheme);
            let known = matches!(scheme, "postgres" | "postgresql" | "sqlite");
            reader.require(
                "database.url",
                known,
                "begin it with postgres:// or sqlite://, as in postgres://hub@localhost/hub",
            );
        }
    }
}
