//! Everything that is stored about a person, for the person.
//!
//! The audit log is read in pages, for it has no bound. Left out are hashes of secrets, sealed mails, and
//! which of two letters went to an address that the person asked for: see `email_change.rs`.

use super::{Accounts, Error};
use crate::audit::{self, Action, Origin, Record};
use crate::clock::Timestamp;
use crate::ids::{AuditId, UserId};
use crate::sessions::Current;
use crate::store::audit::{self as log, Line};
use crate::store::identities::{self, Identity};
use crate::store::known_devices::{self, Known};
use crate::store::sessions::{self, Listed};
use crate::store::users::{self, User};
use crate::store::{mailed_tokens, mails};

/// How many rows of the audit log one read takes.
const PAGE: u32 = 500;

/// All but the audit log.
#[derive(Debug)]
pub struct Export {
    pub at: Timestamp,
    pub user: User,
    pub sessions: Vec<Listed>,
    pub identities: Vec<Identity>,
    pub devices: Vec<Known>,
    pub links: Vec<mailed_tokens::Listed>,
    pub mails: Vec<mails::Listed>,
}

impl Accounts {
    /// GET /api/users/me/export, without the audit log, which has a row about it afterwards: a stolen access
    /// token must not take everything without a trace.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] where the account is gone, [`Error::Limited`], [`Error::Store`].
    pub async fn export(&self, caller: &Current, by: &Origin) -> Result<Export, Error> {
        self.limits.token(by.ip).await?;
        let user = caller.user_id;
        let mut tx = self.cx.db.read().await?;
        let export = Export {
            at: self.cx.now(),
            user: users::find(&mut tx, user).await?.ok_or(Error::SessionEnded)?,
            sessions: sessions::list_all(&mut tx, user).await?,
            identities: identities::list(&mut tx, user).await?,
            devices: known_devices::list(&mut tx, user).await?,
            links: mailed_tokens::list(&mut tx, user).await?,
            mails: mails::list_of(&mut tx, user).await?,
        };
        drop(tx);
        let row = Record::done(Action::UserExport)
            .user(user)
            .session(caller.session_id);
        audit::write(&self.cx, by, row).await?;
        Ok(export)
    }

    /// The next rows of the audit log about `user`, after `after`, oldest first. Empty: that was all.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn export_log(
        &self,
        user: UserId,
        after: Option<(Timestamp, AuditId)>,
    ) -> Result<Vec<Line>, Error> {
        Ok(log::of_user(&mut self.cx.db.read().await?, user, after, PAGE).await?)
    }
}
