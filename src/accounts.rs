//! Accounts: registration, activation, recovery, the first admin, import, what people do to their own account,
//! and what managers and operators do to users.
//!
//! Called by `http/` and `cli/`. Each act is one transaction with its audit row; what sockets must hear
//! of is announced after the commit. Locks are taken in one order: the address, the user, who may hold the role `admin`,
//! then the rest.
//!
//! While an account is pending, its `password_hash` and `name` are what the newest registration chose, or, where
//! an operator made or imported it (`vouched`), what the operator set. They open nothing: they take effect with
//! the activation token that carries the same.

mod activation;
mod deletion;
mod device;
mod email_change;
mod email_undo;
mod export;
mod federation;
mod identities;
mod import;
mod letters;
mod management;
mod operator;
mod password_change;
mod profile;
mod proof;
mod recovery;
mod registration;
mod setup;

use std::time::Duration;

use secrecy::SecretString;

use crate::audit::{self, Action, Origin, Record};
use crate::context::Context;
use crate::email::Email;
use crate::error::{Code, FieldError};
use crate::ids::{SessionId, UserId};
use crate::limits::{Exceeded, Limits};
use crate::line;
use crate::password::{Hasher, Overloaded, Password, Unchecked, Unreadable};
use crate::roles::{Permission, Unconfirmed};
use crate::secret::PlainToken;
use crate::store::journal::{self, Change, Entry, NewEntry};
use crate::store::mailed_tokens::{self, MailedToken, NewToken, Purpose};
use crate::store::users;
use crate::store::{self, Tx};

pub use export::Export;
pub use federation::{Admitted, Claim};
pub use import::{ImportOutcome, ImportRow, ImportedUser};
pub use management::{AccountChange, NameChange};
pub use operator::NewUser;
pub use password_change::PasswordChange;

/// How long a token lives that proves an address.
const ACTIVATION: Duration = Duration::from_hours(24);
/// How long a token lives that sets a new password.
const RECOVERY: Duration = Duration::from_mins(30);
/// See [`Accounts::on_the_beat`]. Much longer than what is to be hidden, too short to be noticed.
const BEAT: Duration = Duration::from_millis(25);
/// The longest name, in characters.
pub const MAX_NAME: usize = 100;

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
    /// Of who came through a provider, and whose account it is.
    #[error("the account is disabled")]
    AccountDisabled(UserId),
    /// Of a provider, about somebody who has no identity here.
    #[error("the provider does not vouch for the address")]
    EmailUnverified,
    #[error("the identity belongs to another account")]
    IdentityTaken,
    #[error("this is the only way to sign in that the account has")]
    LastCredential,
    #[error("this would leave nobody with the role `admin`")]
    LastAdmin,
    #[error("the caller's session has ended")]
    SessionEnded,
    #[error("this is not the password of the account")]
    WrongPassword,
    #[error("the account has no password, and the sign-in is too old")]
    ReauthenticationRequired,
    /// Whom the act is about holds a permission which the caller lacks.
    #[error("this needs a permission that you do not hold: {0}")]
    Lacking(Permission),
    /// The caller lost the right, or its credential, since the request came in.
    #[error(transparent)]
    Caller(#[from] Unconfirmed),
    #[error(transparent)]
    Limited(#[from] Exceeded),
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The list of breached passwords fails, so no password is taken.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// The code that the audit log keeps; `None` for what says nothing about an account (limits, typing
    /// errors, faults of the server) and would let a stranger fill the log. Only managers name accounts by ids.
    #[must_use]
    pub const fn audited(&self) -> Option<Code> {
        match self {
            Self::RegistrationClosed => Some(Code::RegistrationClosed),
            Self::TokenSpent => Some(Code::TokenSpent),
            Self::NotFound => Some(Code::NotFound),
            Self::Conflict(_) => Some(Code::Conflict),
            Self::AccountDisabled(_) => Some(Code::AccountDisabled),
            Self::EmailUnverified => Some(Code::EmailUnverified),
            Self::IdentityTaken => Some(Code::IdentityTaken),
            Self::LastCredential => Some(Code::LastCredential),
            Self::LastAdmin => Some(Code::LastAdmin),
            Self::SessionEnded => Some(Code::SessionRevoked),
            Self::WrongPassword => Some(Code::WrongPassword),
            Self::ReauthenticationRequired => Some(Code::ReauthenticationRequired),
            Self::Lacking(_) => Some(Code::Forbidden),
            Self::Caller(caller) => caller.code(),
            Self::Invalid(_)
            | Self::Limited(_)
            | Self::Overloaded(_)
            | Self::Unreadable(_)
            | Self::Store(_) => None,
        }
    }
}

impl From<Unchecked> for Error {
    fn from(unchecked: Unchecked) -> Self {
        match unchecked {
            Unchecked::Overloaded(overloaded) => overloaded.into(),
            Unchecked::Unreadable(unreadable) => unreadable.into(),
        }
    }
}

/// What a person registers with.
#[derive(Debug)]
pub struct Registration {
    pub email: Email,
    pub password: SecretString,
    pub name: Option<String>,
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

    /// Writes a refusal to the audit log, in a transaction of its own, and hands the result on.
    async fn audited<T>(
        &self,
        action: Action,
        user: Option<UserId>,
        by: &Origin,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(code) = result.as_ref().err().and_then(Error::audited) {
            let mut row = Record::refused(action, code);
            row.user = user;
            audit::write(&self.cx, by, row).await?;
        }
        result
    }

    /// Checks a password against the policy, with what is known of the person and the site. The inner
    /// error is for the field.
    async fn check_password(
        &self,
        typed: &SecretString,
        email: &Email,
        name: Option<&str>,
    ) -> Result<Result<Password, FieldError>, Unchecked> {
        self.check_password_in("password", typed, email, name).await
    }

    /// As [`check_password`](Self::check_password), for a field of another name.
    async fn check_password_in(
        &self,
        field: &'static str,
        typed: &SecretString,
        email: &Email,
        name: Option<&str>,
    ) -> Result<Result<Password, FieldError>, Unchecked> {
        let site = self.cx.site.url().host_str().unwrap_or_default();
        let context = [email.as_str(), name.unwrap_or_default(), site];
        self.hasher.check(typed, field, &context).await
    }

    /// Checks both at once, so that a person sees every fault in one answer.
    async fn check_registration(&self, who: &Registration) -> Result<(Password, Option<String>), Error> {
        let name = check_name(who.name.as_deref());
        let password = self
            .check_password(&who.password, &who.email, who.name.as_deref())
            .await?;
        match (password, name) {
            (Ok(password), Ok(name)) => Ok((password, name)),
            (password, name) => Err(Error::Invalid(
                password.err().into_iter().chain(name.err()).collect(),
            )),
        }
    }

    /// A fresh token of `purpose`; the user's older ones of that purpose end. For a `user` that does not
    /// exist it does the same work, and the token opens nothing.
    async fn replace_token(
        &self,
        tx: &mut Tx,
        purpose: Purpose,
        user: UserId,
        email: &Email,
        grant: Grant<'_>,
    ) -> Result<PlainToken, store::Error> {
        mailed_tokens::end(tx, user, purpose).await?;
        self.issue_token(tx, purpose, user, email, None, grant).await
    }

    /// As [`replace_token`](Self::replace_token), beside the older ones. `session`: the one that asks.
    async fn issue_token(
        &self,
        tx: &mut Tx,
        purpose: Purpose,
        user: UserId,
        email: &Email,
        session: Option<SessionId>,
        grant: Grant<'_>,
    ) -> Result<PlainToken, store::Error> {
        let token = PlainToken::generate(mailed_tokens::PREFIX, &self.cx.rng);
        let now = self.cx.now();
        let row = NewToken {
            hash: token.hash(),
            purpose,
            user_id: user,
            email,
            password_hash: grant.password_hash,
            name: grant.name,
            session_id: session,
            created_at: now,
            expires_at: now + grant.lifetime,
        };
        mailed_tokens::insert(tx, &row).await?;
        Ok(token)
    }

    /// A token that can be redeemed now, after the limits; that there is none is written down as the refusal of
    /// `action`. Decides nothing: who redeems it looks once more, under the user's lock.
    async fn find_token(
        &self,
        token: &PlainToken,
        purpose: Purpose,
        action: Action,
        by: &Origin,
    ) -> Result<MailedToken, Error> {
        self.limits.token(by.ip).await?;
        let mut tx = self.cx.db.read().await?;
        let found = mailed_tokens::find_live(&mut tx, &token.hash(), purpose, self.cx.now()).await?;
        drop(tx);
        match found {
            Some(found) => Ok(found),
            None => self.audited(action, None, by, Err(Error::TokenSpent)).await,
        }
    }

    /// Answers at a whole multiple of [`BEAT`] after the beginning: two branches whose work differs by
    /// microseconds answer at the same moment, but for the few that fall on either side of a beat.
    async fn on_the_beat<T>(work: impl Future<Output = T>) -> T {
        let start = tokio::time::Instant::now();
        let result = work.await;
        let beats = start.elapsed().as_micros() / BEAT.as_micros() + 1;
        tokio::time::sleep_until(start + BEAT * u32::try_from(beats).unwrap_or(u32::MAX)).await;
        result
    }

    /// Makes requests about one address wait for each other, whether or not it has an account: the row
    /// of an account would do so by itself, and parallel requests would tell by their time that it exists.
    async fn lock_address(&self, tx: &mut Tx, email: &Email) -> Result<(), store::Error> {
        let master = &self.cx.master;
        let key = master.mac_u64("address lock", email.as_str().as_bytes());
        users::lock_key(tx, key.cast_signed()).await
    }

    /// An id that no user has.
    fn nobody(&self) -> UserId {
        UserId::generate(&self.cx.clock, &self.cx.rng)
    }

    /// Appends a change of `user`, whose row is locked.
    async fn append(
        &self,
        tx: &mut Tx,
        user: UserId,
        version: Option<i64>,
        change: Change,
    ) -> Result<Entry, store::Error> {
        let entry = NewEntry {
            user_id: Some(user),
            session_id: None,
            version,
            change,
        };
        journal::append(tx, entry, self.cx.now()).await
    }
}

/// What a mailed token puts into effect, and for how long it can.
struct Grant<'a> {
    password_hash: Option<&'a str>,
    name: Option<&'a str>,
    lifetime: Duration,
}

impl Grant<'_> {
    /// What carries no password and no name.
    const fn bare(lifetime: Duration) -> Self {
        Self {
            password_hash: None,
            name: None,
            lifetime,
        }
    }
}

/// A name as it is kept: trimmed, 1 to 100 characters, nothing that controls a terminal or turns the
/// direction of writing.
fn check_name(typed: Option<&str>) -> Result<Option<String>, FieldError> {
    let Some(name) = typed.map(str::trim) else {
        return Ok(None);
    };
    if name.is_empty() || name.contains(line::is_unsafe) {
        let detail = "A name has 1 to 100 characters on one line; leave it out if there is none.";
        return Err(FieldError::new("name", "invalid", detail));
    }
    if name.chars().count() > MAX_NAME {
        return Err(FieldError::new(
            "name",
            "too_long",
            format!("A name has at most {MAX_NAME} characters."),
        ));
    }
    Ok(Some(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_trimmed_line() {
        assert_eq!(check_name(None), Ok(None));
        assert_eq!(
            check_name(Some("  Ada Lovelace ")),
            Ok(Some("Ada Lovelace".into()))
        );
        assert_eq!(check_name(Some(&"ж".repeat(100))), Ok(Some("ж".repeat(100))));
        for (name, code) in [
            ("", "invalid"),
            ("   ", "invalid"),
            ("Ada\r\nBcc: eve@example.org", "invalid"),
            ("Ada\0", "invalid"),
            ("\u{1b}[31mAda", "invalid"),
            ("\u{202e}adA", "invalid"),
            (&"ж".repeat(101), "too_long"),
        ] {
            assert_eq!(check_name(Some(name)).unwrap_err().code, code, "{name:?}");
        }
    }
}
