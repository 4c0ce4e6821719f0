//! The two ways out: SMTP, or the local mailbox of development.

/// Where mails go.
#[derive(Clone, Debug)]
pub enum Mailer {
    Mailbox,
    Smtp,
}
