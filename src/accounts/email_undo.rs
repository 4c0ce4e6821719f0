//! "It was not me": the old address takes a change of address back, before or after it was confirmed.
//!
//! Whoever asked for the change knew the password. So everybody is signed out, whatever else was asked for by
//! mail ends, identities that were linked since are not linked any more, for their notices went to the other
//! address, and the owner gets a link to choose another password. The password itself stays: the account
//! must not be out of reach for an owner who clicked by mistake.

use super::{Accounts, Error, Grant, RECOVERY};
use crate::audit::{self, Action, Origin, Record};
use crate::email::Email;
use crate::error::Code;
use crate::mail::{Cause, Letter};
use crate::providers::Providers;
use crate::secret::PlainToken;
use crate::store::journal::{Change, StateReason};
use crate::store::mailed_tokens::{self, MailedToken, Purpose};
use crate::store::sessions::EndReason;
use crate::store::users::{self, Status, User};
use crate::store::{self, Tx};

impl Accounts {
    /// POST /api/users/email-undo/{token}: the account has the address again that the token was mailed to.
    ///
    /// # Errors
    /// [`Error::TokenSpent`] for every token that cannot be redeemed; [`Error::Conflict`] when another account
    /// has the address by now: all else is done; [`Error::Limited`], [`Error::Store`].
    pub async fn undo_email_change(
        &self,
        token: &PlainToken,
        providers: &Providers,
        by: &Origin,
    ) -> Result<(), Error> {
        let action = Action::EmailUndo;
        let found = self.find_token(token, Purpose::EmailUndo, action, by).await?;
        let result = self.try_undo(token, &found, providers, by).await;
        if self.audited(action, Some(found.user_id), by, result).await? {
            Ok(())
        } else {
            Err(Error::Conflict(
                "another account has this address by now and keeps it; everybody was signed out",
            ))
        }
    }

    /// False: another account has the address. Whoever knew the password is put out all the same.
    async fn try_undo(
        &self,
        token: &PlainToken,
        found: &MailedToken,
        providers: &Providers,
        by: &Origin,
    ) -> Result<bool, Error> {
        let now = self.cx.now();
        let mut tx = self.cx.db.begin().await?;
        self.lock_address(&mut tx, &found.email).await?;
        let user = users::find_locked(&mut tx, found.user_id)
            .await?
            .ok_or(Error::TokenSpent)?;
        let token = mailed_tokens::consume(&mut tx, &token.hash(), Purpose::EmailUndo, now)
            .await?
            .ok_or(Error::TokenSpent)?;
        // What came later is taken back with it: a thief's own address must not take it again.
        mailed_tokens::end_since(&mut tx, user.id, Purpose::EmailUndo, token.created_at).await?;
        mailed_tokens::end_to(&mut tx, user.id, Purpose::EmailUndo, &token.email).await?;
        mailed_tokens::end_all(&mut tx, user.id).await?;
        let unlinked = self
            .unlink_since(&mut tx, user.id, token.created_at, providers, by)
            .await?;
        let moved = user.email != token.email;
        let version = if moved {
            self.take_address(&mut tx, user.id, &token.email, by).await?
        } else {
            None
        };
        let (returned, occupied) = (version.is_some(), moved && version.is_none());
        let reason = if returned {
            EndReason::EmailChanged
        } else {
            EndReason::Revoked
        };
        let (ended, goodbye) = self.end_sessions(&mut tx, user.id, reason).await?;
        let mut entries = vec![goodbye];
        if returned {
            let change = Change::State {
                reason: StateReason::EmailChanged,
            };
            entries.push(self.append(&mut tx, user.id, version, change).await?);
        }
        let row = if occupied {
            Record::refused(Action::EmailUndo, Code::Conflict)
        } else {
            self.offer_password(&mut tx, &user, &token.email, Cause::Change { unlinked }, by)
                .await?;
            Record::done(Action::EmailUndo)
        };
        let details = serde_json::json!({ "sessions_revoked": ended, "returned": returned });
        audit::record(&mut tx, &self.cx, by, row.user(user.id).details(details)).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        self.cx.hub.announce(&entries).await;
        if !occupied {
            self.limits.prove(by.ip, &found.email).await;
        }
        Ok(!occupied)
    }

    /// Mails a link by which the owner, at `email`, can choose another password.
    pub(super) async fn offer_password(
        &self,
        tx: &mut Tx,
        user: &User,
        email: &Email,
        cause: Cause,
        by: &Origin,
    ) -> Result<(), store::Error> {
        if user.status != Status::Active {
            return Ok(());
        }
        let token = self
            .replace_token(tx, Purpose::Recovery, user.id, email, Grant::bare(RECOVERY))
            .await?;
        let letter = Letter::Secured {
            name: user.name.clone(),
            cause,
            token,
        };
        self.write_to(tx, user, email, by, &letter).await
    }
}
