//! `[secrets]`: what everything else is encrypted under.

use secrecy::{ExposeSecret as _, SecretString};

use super::master::MIN_LENGTH;
use super::reader::Reader;
use super::section::section;

section! {
    /// What everything else is encrypted under.
    "secrets" struct Secrets {
        /// At least 32 characters. In development generated into `data_dir` unless set.
        master: Option<SecretString> = None,
    }
}

impl Secrets {
    pub(super) fn check(&self, reader: &mut Reader) {
        if let Some(secret) = &self.master {
            let length = secret.expose_secret().trim().chars().count();
            reader.require(
                "secrets.master",
                length >= MIN_LENGTH,
                "use at least 32 random characters, as from `openssl rand -base64 48`",
            );
        }
    }
}
