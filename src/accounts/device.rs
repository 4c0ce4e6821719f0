//! "This was not me": the link in the letter about a new device ends its session. Which browsers somebody else
//! made trusted meanwhile, nobody knows: none is trusted any more.

use super::{Accounts, Error};
use crate::audit::{self, Action, Origin, Record};
use crate::ids::SessionId;
use crate::mail::Cause;
use crate::secret::PlainToken;
use crate::sessions::{OAUTH, agent};
use crate::store::journal::{self, Change, NewEntry};
use crate::store::known_devices::{self, Device};
use crate::store::mailed_tokens::{self, MailedToken, Purpose};
use crate::store::sessions::{self, EndReason, EndScope, Ending};
use crate::store::users;
use crate::store::{self, Tx};

impl Accounts {
    /// POST /api/auth/device-revoke/{token}: ends the session that the letter was about, and whatever was
    /// asked for by mail meanwhile. Whoever it was knew the password, so the owner is offered another one; or came
    /// through a provider, which the owner is told.
    ///
    /// # Errors
    /// [`Error::TokenSpent`] for every token that cannot be redeemed; [`Error::Limited`], [`Error::Store`].
    pub async fn revoke_device(&self, token: &PlainToken, by: &Origin) -> Result<(), Error> {
        let action = Action::DeviceRevoke;
        let found = self.find_token(token, Purpose::Device, action, by).await?;
        let result = self.try_revoke_device(token, &found, by).await;
        self.audited(action, Some(found.user_id), by, result).await
    }

    async fn try_revoke_device(
        &self,
        token: &PlainToken,
        found: &MailedToken,
        by: &Origin,
    ) -> Result<(), Error> {
        let now = self.cx.now();
        let mut tx = self.cx.db.begin().await?;
        let user = users::find_locked(&mut tx, found.user_id)
            .await?
            .ok_or(Error::TokenSpent)?;
        let token = mailed_tokens::consume(&mut tx, &token.hash(), Purpose::Device, now)
            .await?
            .ok_or(Error::TokenSpent)?;
        let session = token.session_id.ok_or(Error::TokenSpent)?;
        let ending = Ending {
            reason: EndReason::Revoked,
            scope: EndScope::Session,
            message: None,
        };
        let mut entries = Vec::new();
        if sessions::end(&mut tx, session, &ending, now).await?.is_some() {
            let entry = NewEntry {
                user_id: Some(user.id),
                session_id: Some(session),
                version: None,
                change: Change::SessionEnded {
                    reason: EndReason::Revoked,
                    message: None,
                },
            };
            entries.push(journal::append(&mut tx, entry, now).await?);
        }
        self.forget_device(&mut tx, &token, session).await?;
        users::distrust_browsers(&mut tx, user.id).await?;
        mailed_tokens::end_all(&mut tx, user.id).await?;
        // To nobody else: an address that somebody has put in the place of this one gets no link.
        if user.email == token.email {
            let methods = sessions::methods(&mut tx, session).await?;
            let by_provider = methods.iter().any(|method| method == OAUTH);
            self.offer_password(&mut tx, &user, &token.email, Cause::SignIn { by_provider }, by)
                .await?;
        }
        let row = Record::done(Action::DeviceRevoke)
            .user(user.id)
            .session(session)
            .details(serde_json::json!({ "was_live": !entries.is_empty() }));
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        self.cx.hub.announce(&entries).await;
        self.limits.prove(by.ip, &found.email).await;
        Ok(())
    }

    /// A device that was not the owner's is new again when it comes back.
    async fn forget_device(
        &self,
        tx: &mut Tx,
        token: &MailedToken,
        session: SessionId,
    ) -> Result<(), store::Error> {
        let Some((network, user_agent)) = sessions::place(tx, session).await? else {
            return Ok(());
        };
        let agent = agent(user_agent.as_deref());
        let device = Device {
            network: &network,
            agent: &agent,
        };
        known_devices::forget(tx, token.user_id, device).await
    }
}
