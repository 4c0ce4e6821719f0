//! Mail: letters, the outbox they wait in, and the two ways out of it.
//!
//! A service enqueues a [`Letter`] in the transaction of what it tells of; after the commit it wakes the
//! job (`jobs/mail_outbox.rs`), which hands each mail to the [`Mailer`]. No request waits for SMTP.

mod language;
mod letter;
pub mod mailbox;
mod mailer;
mod outbox;
mod render;
mod templates;
mod wording;

use crate::config::Config;

pub use language::{Language, accepted, preferred};
pub use letter::{Cause, Letter};
pub use mailbox::{CaughtMail, caught};
pub use mailer::{Broken, DeliveryError, Mailer, Talk, probe};
pub use outbox::{Content, Mail, Outbox, listed};

/// A setting that no mail can be written or sent with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingError {
    /// Its key.
    pub key: &'static str,
    /// What is wrong, and where; what to do.
    pub problem: String,
}

/// Looks at what the settings name: templates, languages, certificates. For whoever checks a configuration
/// before anything runs; to be called inside of the runtime.
#[must_use]
pub fn faults(config: &Config) -> Vec<SettingError> {
    let renderer = render::Renderer::new(&config.mail, &config.site)
        .err()
        .unwrap_or_default();
    let mailer = Mailer::new(&config.mail).err();
    renderer.into_iter().chain(mailer).collect()
}
