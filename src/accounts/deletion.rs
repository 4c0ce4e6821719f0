//! Deleting an account, by its owner or by a manager: the person goes, and what must outlive it stays by ids alone.
//!
//! Erased are the record with its credentials, mailed tokens and known devices, the mails about the person
//! that are still on record, the refresh tokens, and from each session where it was begun and on what. What is
//! left of a session is a tombstone, erased 30 days later as every other; the audit log keeps its rows, which
//! name people by their ids.

use secrecy::SecretString;

use super::management::spare_last_admin;
use super::proof::Typed;
use super::{Accounts, Error};
use crate::audit::{self, Action, Actor, Origin, Record};
use crate::ids::UserId;
use crate::mail::Letter;
use crate::roles::ADMIN;
use crate::sessions::Current;
use crate::store::journal::Entry;
use crate::store::sessions::EndReason;
use crate::store::users::{self, User};
use crate::store::{self, Tx};

impl Accounts {
    /// DELETE /api/users/me.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], [`Error::ReauthenticationRequired`], [`Error::LastAdmin`]; [`Error::Conflict`]
    /// when the password was changed meanwhile; [`Error::Invalid`], [`Error::SessionEnded`],
    /// [`Error::Limited`], [`Error::Overloaded`], [`Error::Store`].
    pub async fn delete_own(
        &self,
        caller: &Current,
        password: Option<&SecretString>,
        by: &Origin,
    ) -> Result<(), Error> {
        let result = self.try_delete_own(caller, password, by).await;
        self.audited(Action::UserDelete, Some(caller.user_id), by, result)
            .await
    }

    async fn try_delete_own(
        &self,
        caller: &Current,
        password: Option<&SecretString>,
        by: &Origin,
    ) -> Result<(), Error> {
        let field = "password";
        let proven = self.prove(caller, Typed { field, password }, by).await?;
        let mut tx = self.cx.db.begin().await?;
        let user = self.hold(&mut tx, caller, &proven).await?;
        if user.site_role == ADMIN {
            // Two that leave as the last two admins must not pass each other. After the user's own row, as
            // where a role is given.
            store::roles::lock(&mut tx, ADMIN).await?;
        }
        let entry = self.erase(&mut tx, &user, None, by).await?;
        let language = self.language(Some(&user), by);
        let goodbye = Letter::AccountDeleted {
            name: user.name.clone(),
        };
        // Nobody's mail by now: its row tells only that there was one.
        self.cx
            .mail
            .enqueue(&mut tx, &user.email, None, &language, &goodbye)
            .await?;
        tx.commit().await?;
        self.cx.mail.wake();
        self.cx.hub.announce(&[entry]).await;
        Ok(())
    }

    /// DELETE /api/users/{id}: ends every session of the user, and erases the person. What stays names the
    /// id alone: see [`users::erase`].
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::LastAdmin`]; [`Error::Lacking`] where the user holds a permission that
    /// the caller lacks; [`Error::Caller`]; [`Error::Store`].
    pub async fn remove(&self, id: UserId, by: &Origin) -> Result<(), Error> {
        let result = self.try_remove(id, by).await;
        self.audited(Action::UserDelete, Some(id), by, result).await
    }

    async fn try_remove(&self, id: UserId, by: &Origin) -> Result<(), Error> {
        let mut tx = self.cx.db.begin().await?;
        let user = self.lock_subject(&mut tx, id, by).await?;
        let entry = self.erase(&mut tx, &user, None, by).await?;
        tx.commit().await?;
        self.cx.hub.announce(&[entry]).await;
        Ok(())
    }

    /// Erases `user`, who is locked, and whose role is where it is `admin`. Whether the one who asks may do so
    /// is the caller's to know, and so is announcing the entry after the commit. `taker`: who has the address
    /// from now on, where it was taken from an account that was never activated.
    ///
    /// # Errors
    /// [`Error::LastAdmin`], [`Error::Store`].
    pub(super) async fn erase(
        &self,
        tx: &mut Tx,
        user: &User,
        taker: Option<UserId>,
        by: &Origin,
    ) -> Result<Entry, Error> {
        spare_last_admin(tx, user).await?;
        let (ended, entry) = self.end_sessions(tx, user.id, EndReason::AccountDeleted).await?;
        users::erase(tx, user.id).await?;
        let own = matches!(by.actor, Actor::User { id, .. } if id == user.id);
        let mut details =
            serde_json::json!({ "status": user.status.as_str(), "sessions_revoked": ended, "own": own });
        if let Some(taker) = taker {
            details["address_taken_by"] = serde_json::json!(taker);
        }
        let row = Record::done(Action::UserDelete).user(user.id).details(details);
        audit::record(tx, &self.cx, by, row).await?;
        Ok(entry)
    }
}
