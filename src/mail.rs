//! Mail: letters, the outbox they wait in, and the two ways out of it.
//!
//! A service enqueues a [`Letter`] in the transaction of what it tells of; after the commit it wakes the
//! job (`jobs/mail_outbox.rs`), which hands each mail to the [`Mailer`]. No request waits for SMTP.

mod letter;
pub mod mailbox;
mod mailer;
mod outbox;
mod render;

pub use letter::Letter;
pub use mailbox::{CaughtMail, caught};
pub use mailer::{DeliveryError, Mailer, SetUpError};
pub use outbox::{Content, Mail, Outbox, listed};
