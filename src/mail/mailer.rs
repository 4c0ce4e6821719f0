//! The two ways out: SMTP, or the local mailbox of development. Called by the job `mail_outbox` alone.

mod mailbox;
mod probe;
mod smtp;

pub use probe::{Broken, Talk, probe};

use smtp::Smtp;

use super::{Mail, SettingError};
use crate::clock::Timestamp;
use crate::config::{self, Transport};
use crate::store::{self, Db};

/// Where mails go.
#[derive(Clone, Debug)]
pub enum Mailer {
    Mailbox,
    Smtp(Smtp),
}

/// Why a mail did not go out. Texts hold nothing of the mail, and nothing that a server said about it.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The way out is closed, for this mail as for every other one. May work later.
    #[error("{0}")]
    Unreachable(String),
    /// The server will not take this mail now. May work later.
    #[error("{0}")]
    Passing(String),
    /// The server will not take this mail, ever.
    #[error("{0}")]
    Lasting(String),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Mailer {
    /// The configured way out. Nothing is connected yet; with SMTP, to be called inside of the runtime.
    ///
    /// # Errors
    /// [`SettingError`]: a setting is wrong.
    pub fn new(config: &config::Mail) -> Result<Self, SettingError> {
        let from = smtp::sender(&config.from)?;
        Ok(match config.transport {
            Transport::Mailbox => Self::Mailbox,
            Transport::Smtp => Self::Smtp(Smtp::new(config, from)?),
        })
    }

    /// Delivers `mail` and marks it as sent. With SMTP a node that dies between the two sends it twice,
    /// under the same `Message-ID`.
    ///
    /// # Errors
    /// [`DeliveryError`]; the mail waits still.
    pub async fn deliver(&self, db: &Db, mail: &Mail, now: Timestamp) -> Result<(), DeliveryError> {
        match self {
            Self::Mailbox => Ok(mailbox::deliver(db, mail, now).await?),
            Self::Smtp(smtp) => {
                smtp.send(mail).await?;
                Ok(store::mails::mark_sent(&mut db.single().await?, mail.id, now).await?)
            }
        }
    }
}
