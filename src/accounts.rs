//! Accounts: registration, activation, recovery, the first admin, and what operators do to users.

use std::sync::Arc;

use secrecy::SecretString;

use crate::audit::Origin;
use crate::context::Context;
use crate::email::Email;
use crate::error::FieldError;
use crate::ids::UserId;
use crate::limits::{Exceeded, Limits};
use crate::password::{Hasher, Overloaded};
use crate::secret::PlainToken;
use crate::store::{self, users::User};

/// Why an act on an account was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("registration is closed")]
    RegistrationClosed,
    /// Unknown, used and expired look alike.
    #[error("the token is unknown, used or expired")]
    TokenSpent,
    #[error("a field is wrong")]
    Invalid(Vec<FieldError>),
    #[error("there is no such user")]
    NotFound,
    #[error("{0}")]
    Conflict(&'static str),
    #[error(transparent)]
    Limited(#[from] Exceeded),
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What a person registers with.
#[derive(Debug)]
pub struct Registration {
    pub email: Email,
    pub password: SecretString,
    pub name: Option<String>,
}

/// The user that an operator or the set-up page creates.
#[derive(Debug)]
pub struct NewUser {
    pub email: Email,
    pub name: Option<String>,
    pub role: String,
    pub active: bool,
    /// `None` with `invite`: a recovery mail lets the person choose one.
    pub password: Option<SecretString>,
    pub invite: bool,
}

/// The account service. Clones share.
#[derive(Clone, Debug)]
pub struct Accounts {
    cx: Context,
    hasher: Hasher,
    limits: Limits,
}

impl Accounts {
    #[must_use]
    pub fn new(cx: Context, hasher: Hasher, limits: Limits) -> Self {
        Self { cx, hasher, limits }
    }
    /// POST /api/users. Ok also for an address that has an account.
    pub async fn register(&self, _who: Registration, _by: &Origin) -> Result<(), Error> {
        todo!()
    }
    /// PATCH /api/auth/activate/{token}
    pub async fn activate(&self, _token: &PlainToken, _by: &Origin) -> Result<(), Error> {
        todo!()
    }
    /// POST /api/auth/activate. Ok always, but for limits.
    pub async fn resend_activation(&self, _email: &Email, _by: &Origin) -> Result<(), Error> {
        todo!()
    }
    /// POST /api/auth/recovery. Ok always, but for limits.
    pub async fn request_recovery(&self, _email: &Email, _by: &Origin) -> Result<(), Error> {
        todo!()
    }
    /// POST /api/auth/recovery/{token}
    pub async fn recover(
        &self,
        _token: &PlainToken,
        _password: SecretString,
        _by: &Origin,
    ) -> Result<(), Error> {
        todo!()
    }
    /// A fresh set-up token (one hour; ends the older ones) while there is no admin, else `None`.
    pub async fn offer_setup(&self) -> Result<Option<PlainToken>, Error> {
        todo!()
    }
    /// POST /api/setup/{token}: the first admin, in the same transaction that finds that there is none.
    pub async fn set_up(&self, _token: &PlainToken, _who: Registration, _by: &Origin) -> Result<User, Error> {
        todo!()
    }
    /// `user create`
    pub async fn create(&self, _user: NewUser, _by: &Origin) -> Result<UserId, Error> {
        todo!()
    }
    pub async fn find(&self, _id: UserId) -> Result<User, Error> {
        todo!()
    }
    pub async fn find_by_email(&self, _email: &Email) -> Result<User, Error> {
        todo!()
    }
    /// The newest users first, at most `limit`, before the cursor (`created_at`, `id`) when given.
    pub async fn list(&self, _before: Option<UserId>, _limit: u32) -> Result<Vec<User>, Error> {
        todo!()
    }
    /// Disables or enables; disabling ends every session of the user and pushes.
    pub async fn set_disabled(&self, _id: UserId, _disabled: bool, _by: &Origin) -> Result<User, Error> {
        todo!()
    }
}

#[expect(dead_code, reason = "keeps the import until the bodies are written")]
type Shared = Arc<()>;
