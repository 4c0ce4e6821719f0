//! What services say, as problems: the one place where their errors get a code and a status.

use std::fmt::Display;

use super::Problem;
use crate::error::Code;
use crate::limits::Exceeded;
use crate::password::{Overloaded, Unreadable};
use crate::roles::{Permission, Unconfirmed};
use crate::{accounts, oauth, providers, revocation, roles, service_keys, sessions, store};

/// A fault of the server: logged with the request's span, told to nobody.
fn internal(error: &dyn Display) -> Problem {
    tracing::error!(%error, "internal error");
    Problem::new(Code::Internal)
}

/// 403 that names the permission which was missing.
pub fn lacking(permission: Permission) -> Problem {
    Problem::new(Code::Forbidden).detail(format!("this needs the permission `{permission}`"))
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(_) | store::Error::Silent => {
                tracing::warn!(%error, "storage is unavailable");
                Self::new(Code::Unavailable)
            }
            _ => internal(&error),
        }
    }
}

impl From<Exceeded> for Problem {
    fn from(limit: Exceeded) -> Self {
        Self::new(Code::RateLimited).retry_after(limit.retry_after)
    }
}

impl From<Overloaded> for Problem {
    fn from(_: Overloaded) -> Self {
        Self::new(Code::Overloaded)
    }
}

impl From<Unreadable> for Problem {
    fn from(error: Unreadable) -> Self {
        tracing::error!(%error, "passwords.breached cannot be asked; no new password is taken");
        Self::new(Code::Unavailable)
    }
}

impl From<accounts::Error> for Problem {
    fn from(error: accounts::Error) -> Self {
        use accounts::Error;
        match error {
            Error::RegistrationClosed => Self::new(Code::RegistrationClosed),
            Error::TokenSpent => Self::new(Code::TokenSpent),
            Error::Invalid(errors) => Self::fields(errors),
            Error::NotFound => Self::new(Code::NotFound).detail("there is no such user"),
            Error::Conflict(detail) => Self::new(Code::Conflict).detail(detail),
            Error::AccountDisabled(_) => Self::new(Code::AccountDisabled),
            Error::EmailUnverified => Self::new(Code::EmailUnverified),
            Error::IdentityTaken => Self::new(Code::IdentityTaken),
            Error::LastCredential => Self::new(Code::LastCredential),
            Error::LastAdmin => Self::new(Code::LastAdmin),
            Error::SessionEnded => Self::new(Code::SessionRevoked),
            Error::WrongPassword => Self::new(Code::WrongPassword),
            Error::ReauthenticationRequired => Self::new(Code::ReauthenticationRequired),
            Error::Lacking(permission) => lacking(permission),
            Error::Caller(refusal) => refusal.into(),
            Error::Limited(limit) => limit.into(),
            Error::Overloaded(overloaded) => overloaded.into(),
            Error::Unreadable(list) => list.into(),
            Error::Store(error) => error.into(),
        }
    }
}

impl From<sessions::Error> for Problem {
    fn from(error: sessions::Error) -> Self {
        use sessions::Error;
        match error {
            Error::InvalidCredentials => Self::new(Code::InvalidCredentials),
            Error::AccountInactive => Self::new(Code::AccountInactive),
            Error::AccountDisabled => Self::new(Code::AccountDisabled),
            Error::InvalidToken => Self::new(Code::InvalidToken),
            Error::SessionRevoked => Self::new(Code::SessionRevoked),
            Error::RefreshReused => Self::new(Code::RefreshReused),
            Error::RefreshRequired => Self::new(Code::RefreshRequired),
            Error::NotFound => Self::new(Code::NotFound).detail("you have no such session"),
            Error::Limited(limit) => limit.into(),
            Error::Overloaded(overloaded) => overloaded.into(),
            Error::Store(error) => error.into(),
            Error::Signing(_) => internal(&error),
        }
    }
}

impl From<oauth::Error> for Problem {
    fn from(error: oauth::Error) -> Self {
        use oauth::Error;
        match error {
            Error::UnknownProvider => Self::new(Code::NotFound).detail("there is no such provider"),
            Error::Invalid(errors) => Self::fields(errors),
            Error::Stray => Self::new(Code::BadRequest).detail("the sign-in was not begun here, or is over"),
            Error::CodeSpent => Self::new(Code::TokenSpent).detail(error.to_string()),
            Error::NotTheLinker => Self::new(Code::Forbidden).detail(error.to_string()),
            Error::ReauthenticationRequired => {
                Self::new(Code::ReauthenticationRequired).detail("the sign-in is older than five minutes")
            }
            Error::Denied => Self::new(Code::AccessDenied),
            Error::Provider(providers::Error::Unavailable(_)) => Self::new(Code::ProviderUnavailable),
            Error::Provider(providers::Error::Refused(_)) => Self::new(Code::ProviderRefused),
            Error::Account(error) => error.into(),
            Error::Session(error) => error.into(),
            Error::Limited(limit) => limit.into(),
            Error::Store(error) => error.into(),
        }
    }
}

impl From<Unconfirmed> for Problem {
    fn from(error: Unconfirmed) -> Self {
        match error {
            Unconfirmed::SessionEnded => Self::new(Code::SessionRevoked),
            Unconfirmed::KeyEnded => Self::new(Code::InvalidToken),
            Unconfirmed::Lacking(permission) => lacking(permission),
            Unconfirmed::Store(error) => error.into(),
        }
    }
}

impl From<roles::Error> for Problem {
    fn from(error: roles::Error) -> Self {
        use roles::Error;
        match error {
            Error::UserNotFound => Self::new(Code::NotFound).detail("there is no such user"),
            Error::NotFound => Self::new(Code::NotFound).detail("there is no such role"),
            Error::Conflict(detail) => Self::new(Code::Conflict).detail(detail),
            Error::Invalid(errors) => Self::fields(errors),
            Error::Lacking(permission) => lacking(permission),
            Error::LastAdmin => Self::new(Code::LastAdmin),
            Error::Caller(refusal) => refusal.into(),
            Error::Store(error) => error.into(),
        }
    }
}

impl From<revocation::Error> for Problem {
    fn from(error: revocation::Error) -> Self {
        use revocation::Error;
        match error {
            Error::NotFound(what) => Self::new(Code::NotFound).detail(format!("there is no such {what}")),
            Error::Lacking(permission) => lacking(permission),
            Error::Caller(error) => error.into(),
            Error::Store(error) => error.into(),
        }
    }
}

impl From<service_keys::Error> for Problem {
    fn from(error: service_keys::Error) -> Self {
        use service_keys::Error;
        match error {
            Error::Invalid(_) => Self::new(Code::InvalidToken),
            Error::Address(_) => {
                Self::new(Code::AddressNotAllowed).detail("the service key may not be used from this address")
            }
            Error::NotFound => Self::new(Code::NotFound).detail("there is no such service key"),
            Error::Fields(errors) => Self::fields(errors),
            Error::Lacking(permission) => lacking(permission),
            Error::Caller(refusal) => refusal.into(),
            Error::Limited(limit) => limit.into(),
            Error::Store(error) => error.into(),
        }
    }
}
