//! Fresh proof: what somebody who is signed in shows once more before an act that a stolen access token must
//! not be able to do.
//!
//! An account with a password asks for it. One without asks for a sign-in that is fresh by itself
//! (`auth_time`). [`asked`] is the one place that decides which; a second factor is asked for there, by what
//! the account has and by what the session has shown (`amr`). What was proven is looked at once more in the
//! transaction of the act, by [`Accounts::hold`].

use secrecy::SecretString;

use super::{Accounts, Error};
use crate::audit::Origin;
use crate::error::FieldError;
use crate::sessions::Current;
use crate::store::users::{self, Status, User};
use crate::store::{self, Tx};

/// What was typed as proof, and in which field of the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Typed<'a> {
    pub field: &'static str,
    pub password: Option<&'a SecretString>,
}

/// What proves a person afresh.
enum Asked<'a> {
    /// The password of this hash.
    Password(&'a str),
    FreshSignIn,
}

fn asked(user: &User) -> Asked<'_> {
    user.password_hash
        .as_deref()
        .map_or(Asked::FreshSignIn, Asked::Password)
}

impl Accounts {
    /// Checks the proof; answers the account as it was then, for [`hold`](Self::hold).
    pub(super) async fn prove(&self, caller: &Current, typed: Typed<'_>, by: &Origin) -> Result<User, Error> {
        let user = users::find(&mut self.cx.db.read().await?, caller.user_id)
            .await?
            .ok_or(Error::SessionEnded)?;
        let fault = |code, detail| Error::Invalid(vec![FieldError::new(typed.field, code, detail)]);
        match (asked(&user), typed.password) {
            (Asked::Password(hash), Some(password)) => {
                let mut attempt = self.limits.proof(caller.session_id, by.ip, &user.email).await?;
                let verdict = self.hasher.verify(password, hash).await;
                let is_wrong = verdict.as_ref().is_ok_and(|verdict| !verdict.matches);
                if is_wrong {
                    attempt.count();
                }
                self.limits.settle(attempt).await;
                verdict?;
                if is_wrong {
                    return Err(Error::WrongPassword);
                }
            }
            (Asked::Password(_), None) => {
                return Err(fault(
                    "required",
                    "The present password of the account is needed.",
                ));
            }
            (Asked::FreshSignIn, Some(_)) => {
                return Err(fault(
                    "unexpected",
                    "This account has no password: leave the field out.",
                ));
            }
            (Asked::FreshSignIn, None) => {
                if !caller.is_fresh(self.cx.now()) {
                    return Err(Error::ReauthenticationRequired);
                }
            }
        }
        Ok(user)
    }

    /// Locks the caller's account, and makes sure that what `proven` was read for still holds: a password that
    /// was changed meanwhile, or a session that has ended, proves nothing any more.
    pub(super) async fn hold(&self, tx: &mut Tx, caller: &Current, proven: &User) -> Result<User, Error> {
        let user = self.hold_live(tx, caller).await?;
        if user.password_hash != proven.password_hash {
            return Err(Error::Conflict("the password was changed meanwhile; try again"));
        }
        Ok(user)
    }

    /// Locks the caller's account, provided that the caller's session is still live.
    pub(super) async fn hold_live(&self, tx: &mut Tx, caller: &Current) -> Result<User, Error> {
        let user = users::find_locked(tx, caller.user_id).await?;
        let session = store::sessions::check(tx, caller.session_id).await?;
        let now = self.cx.now();
        let live = session.is_some_and(|session| {
            session.user_id == caller.user_id
                && session.ended(now).is_none()
                && session.state.status == Status::Active
        });
        user.filter(|_| live).ok_or(Error::SessionEnded)
    }
}
