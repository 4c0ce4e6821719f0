//! Changing one's own password: everybody else is signed out, and the owner is told.

use secrecy::SecretString;

use super::proof::Typed;
use super::{Accounts, Error};
use crate::audit::{self, Action, Origin, Record};
use crate::mail::Letter;
use crate::sessions::Current;
use crate::store::mailed_tokens;
use crate::store::sessions::EndReason;
use crate::store::users;

/// What a person types to change the password.
#[derive(Debug)]
pub struct PasswordChange {
    /// Left out where the account has none.
    pub current: Option<SecretString>,
    pub new: SecretString,
}

impl Accounts {
    /// POST /api/users/me/password: sets the password; every session but the caller's ends, and so does every
    /// mailed token that could change something.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], [`Error::ReauthenticationRequired`]; [`Error::Invalid`] for a password that
    /// the policy refuses; [`Error::Conflict`] when it was changed meanwhile; [`Error::SessionEnded`],
    /// [`Error::Limited`], [`Error::Overloaded`], [`Error::Unreadable`], [`Error::Store`].
    pub async fn change_password(
        &self,
        caller: &Current,
        change: &PasswordChange,
        by: &Origin,
    ) -> Result<(), Error> {
        let result = self.try_change_password(caller, change, by).await;
        self.audited(Action::PasswordChange, Some(caller.user_id), by, result)
            .await
    }

    async fn try_change_password(
        &self,
        caller: &Current,
        change: &PasswordChange,
        by: &Origin,
    ) -> Result<(), Error> {
        let typed = Typed {
            field: "current_password",
            password: change.current.as_ref(),
        };
        let proven = self.prove(caller, typed, by).await?;
        let password = self
            .check_password_in("new_password", &change.new, &proven.email, proven.name.as_deref())
            .await?
            .map_err(|fault| Error::Invalid(vec![fault]))?;
        let hash = self.hasher.hash(&password).await?;
        let mut tx = self.cx.db.begin().await?;
        let user = self.hold(&mut tx, caller, &proven).await?;
        if !users::set_password(&mut tx, user.id, &user.email, &hash, self.cx.now()).await? {
            return Err(Error::SessionEnded);
        }
        mailed_tokens::end_all(&mut tx, user.id).await?;
        let (ended, entry) = self
            .end_sessions_but(
                &mut tx,
                user.id,
                Some(caller.session_id),
                EndReason::PasswordChanged,
            )
            .await?;
        let notice = Letter::PasswordChanged {
            name: user.name.clone(),
            one_stays: true,
        };
        self.write_to(&mut tx, &user, &user.email, by, &notice).await?;
        let row = Record::done(Action::PasswordChange)
            .user(user.id)
            .session(caller.session_id)
            .details(serde_json::json!({ "sessions_revoked": ended }));
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        self.cx.hub.announce(&[entry]).await;
        Ok(())
    }
}
