//! The outbox: a mail is written in the transaction of what it tells of, and sent by a job.

use std::sync::Arc;

use super::Letter;
use crate::clock::Clock;
use crate::config::{Config, Site};
use crate::email::Email;
use crate::ids::{MailId, UserId};
use crate::secret::{MasterKey, Rng};
use crate::store::{self, Tx};

/// Writes and reads the outbox. Clones share.
#[derive(Clone, Debug)]
pub struct Outbox {}

impl Outbox {
    #[must_use]
    pub fn new(
        _config: &Arc<Config>,
        _site: &Arc<Site>,
        _master: MasterKey,
        _clock: Clock,
        _rng: Rng,
    ) -> Self {
        todo!()
    }
    /// Renders and seals `letter`, and stores it as part of `tx`.
    pub async fn enqueue(
        &self,
        _tx: &mut Tx,
        _to: &Email,
        _user: Option<UserId>,
        _letter: &Letter,
    ) -> Result<MailId, store::Error> {
        todo!()
    }
    /// Tells the sending job that something was committed.
    pub fn wake(&self) {}
}
