//! Mail: letters, the outbox they wait in, and the two ways out of it.

mod letter;
mod mailer;
mod outbox;

pub use letter::Letter;
pub use mailer::Mailer;
pub use outbox::Outbox;
