//! Another address for one's account: asked for with fresh proof, confirmed by a link to the new address,
//! told to the old one with a link that takes it back (`email_undo.rs`).
//!
//! The caller must not learn whether an address has an account (T09). So the same statements run in both
//! cases, the token is written in both, and both mails go out: to an address that has an account its owner is
//! told instead, and nobody ever gets the token.

use std::time::Duration;

use secrecy::SecretString;

use super::proof::Typed;
use super::{Accounts, Error, Grant};
use crate::audit::{self, Action, Origin, Record};
use crate::email::Email;
use crate::error::FieldError;
use crate::ids::UserId;
use crate::limits::Mailing;
use crate::mail::Letter;
use crate::secret::PlainToken;
use crate::sessions::Current;
use crate::store::journal::{Change, StateReason};
use crate::store::mailed_tokens::{self, MailedToken, Purpose};
use crate::store::sessions::EndReason;
use crate::store::users::{self, Status};
use crate::store::{self, Tx};

/// How long a token lives that proves the new address.
const CHANGE: Duration = Duration::from_hours(24);
/// How long the old address can take a change back.
pub(super) const UNDO: Duration = Duration::from_hours(72);

impl Accounts {
    /// POST /api/users/me/email. Ok whether or not the address is taken; both addresses get a mail.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], [`Error::ReauthenticationRequired`]; [`Error::Invalid`] for the address that
    /// the account has; [`Error::Conflict`] when the password was changed meanwhile; [`Error::SessionEnded`],
    /// [`Error::Limited`], [`Error::Overloaded`], [`Error::Store`]. None depends on who has the address.
    pub async fn request_email_change(
        &self,
        caller: &Current,
        email: &Email,
        password: Option<&SecretString>,
        by: &Origin,
    ) -> Result<(), Error> {
        let result = Self::on_the_beat(self.try_request_email_change(caller, email, password, by)).await;
        self.audited(Action::EmailRequest, Some(caller.user_id), by, result)
            .await
    }

    async fn try_request_email_change(
        &self,
        caller: &Current,
        email: &Email,
        password: Option<&SecretString>,
        by: &Origin,
    ) -> Result<(), Error> {
        let field = "password";
        let proven = self.prove(caller, Typed { field, password }, by).await?;
        if proven.email == *email {
            let detail = "This is the address that the account has.";
            return Err(Error::Invalid(vec![FieldError::new(
                "email",
                "unchanged",
                detail,
            )]));
        }
        let within = self.limits.mailing(Mailing::EmailChange, by.ip, email).await?;
        let mut tx = self.cx.db.begin().await?;
        self.lock_address(&mut tx, email).await?;
        let user = self.hold(&mut tx, caller, &proven).await?;
        // An account never activated proves nothing: whoever confirms the address takes its place.
        let owner = users::find_by_email(&mut tx, email).await?;
        let owner = owner.filter(|owner| owner.status != Status::Pending);
        let occupied = owner.is_some();
        // Where no mail is sent, the link that was sent before stays, and the same statements run about nobody.
        let about = if within { user.id } else { self.nobody() };
        mailed_tokens::end(&mut tx, about, Purpose::EmailChange).await?;
        let (session, grant) = (Some(caller.session_id), Grant::bare(CHANGE));
        let token = self
            .issue_token(&mut tx, Purpose::EmailChange, about, email, session, grant)
            .await?;
        let letter = Letter::EmailChange {
            name: user.name.clone().filter(|_| !occupied),
            token: (!occupied).then_some(token),
        };
        // Both count as mails about the caller, whoever reads them: the caller's export lists them alike.
        let language = self.language(owner.as_ref().or(Some(&user)), by);
        self.enqueue_or_pretend(&mut tx, email, within.then_some(user.id), &language, &letter)
            .await?;
        mailed_tokens::end_to(&mut tx, user.id, Purpose::EmailUndo, &user.email).await?;
        let undo = self.issue_undo(&mut tx, user.id, &user.email).await?;
        let notice = Letter::EmailChangeAsked {
            name: user.name.clone(),
            wanted: email.clone(),
            token: undo,
        };
        self.write_to(&mut tx, &user, &user.email, by, &notice).await?;
        let row = Record::done(Action::EmailRequest)
            .user(user.id)
            .session(caller.session_id);
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        Ok(())
    }

    /// POST /api/users/me/email/{token}: the account has the address that the token was mailed to. Every
    /// session ends but the one that asked for it.
    ///
    /// # Errors
    /// [`Error::TokenSpent`] for every token that cannot be redeemed, also when somebody else has an account
    /// with the address by now; [`Error::Limited`], [`Error::Store`].
    pub async fn change_email(&self, token: &PlainToken, by: &Origin) -> Result<(), Error> {
        let action = Action::EmailChange;
        let found = self.find_token(token, Purpose::EmailChange, action, by).await?;
        let result = self.try_change_email(token, &found, by).await;
        self.audited(action, Some(found.user_id), by, result).await
    }

    async fn try_change_email(
        &self,
        token: &PlainToken,
        found: &MailedToken,
        by: &Origin,
    ) -> Result<(), Error> {
        let now = self.cx.now();
        let mut tx = self.cx.db.begin().await?;
        self.lock_address(&mut tx, &found.email).await?;
        let user = users::find_locked(&mut tx, found.user_id).await?;
        let user = user
            .filter(|user| user.status == Status::Active)
            .ok_or(Error::TokenSpent)?;
        let token = mailed_tokens::consume(&mut tx, &token.hash(), Purpose::EmailChange, now)
            .await?
            .ok_or(Error::TokenSpent)?;
        let version = self
            .take_address(&mut tx, user.id, &token.email, by)
            .await?
            .ok_or(Error::TokenSpent)?;
        mailed_tokens::end_all(&mut tx, user.id).await?;
        let (ended, goodbye) = self
            .end_sessions_but(&mut tx, user.id, token.session_id, EndReason::EmailChanged)
            .await?;
        let change = Change::State {
            reason: StateReason::EmailChanged,
        };
        let state = self.append(&mut tx, user.id, Some(version), change).await?;
        let undo = self.issue_undo(&mut tx, user.id, &user.email).await?;
        let notice = Letter::EmailChanged {
            name: user.name.clone(),
            wanted: token.email,
            token: undo,
        };
        self.write_to(&mut tx, &user, &user.email, by, &notice).await?;
        let row = Record::done(Action::EmailChange)
            .user(user.id)
            .details(serde_json::json!({ "sessions_revoked": ended, "version": version }));
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        self.cx.hub.announce(&[goodbye, state]).await;
        self.limits.prove(by.ip, &found.email).await;
        Ok(())
    }

    /// A token by which `email` can take the next change back. Older ones stay: a thief who changes the
    /// address twice must not end the first one by that.
    async fn issue_undo(&self, tx: &mut Tx, user: UserId, email: &Email) -> Result<PlainToken, store::Error> {
        self.issue_token(tx, Purpose::EmailUndo, user, email, None, Grant::bare(UNDO))
            .await
    }

    /// Gives `user`, whose row is locked, an address that was proven just now; answers the new version, or
    /// `None` when another account has it. One that was never activated is erased: it held the address
    /// without a proof. The address is locked.
    pub(super) async fn take_address(
        &self,
        tx: &mut Tx,
        user: UserId,
        email: &Email,
        by: &Origin,
    ) -> Result<Option<i64>, Error> {
        match users::find_by_email_locked(tx, email).await? {
            Some(owner) if owner.status == Status::Pending => {
                // Nobody could sign in to it: no socket waits for the news.
                let _unheard = self.erase(tx, &owner, Some(user), by).await?;
            }
            Some(_) => return Ok(None),
            None => {}
        }
        Ok(users::set_email(tx, user, email, self.cx.now()).await?)
    }
}
