//! Sign-in through a provider: OAuth 2.0 with PKCE (RFC 6749, 7636, 9207, 9700) and `OpenID` Connect.
//!
//! Called by `http`. A flow has four steps, and a secret of one use leads from each to the next: `departure`
//! sends the browser to the provider, `arrival` hears what the provider answered and hands the frontend a
//! one-time code, `exchange` gives a session for it, or links the identity to the account of who began. Nothing
//! about an account changes before the exchange, which only who began the flow can make.

mod arrival;
mod departure;
mod exchange;
mod flow;
mod wish;

use url::Url;

use crate::accounts::{self, Accounts};
use crate::audit::{self, Action, Origin, Record};
use crate::context::Context;
use crate::error::{Code, FieldError};
use crate::ids::{SessionId, UserId};
use crate::limits::{Exceeded, Limits};
use crate::metric;
use crate::providers::{self, Provider, Providers};
use crate::sessions::{self, Sessions};
use crate::store;

pub use arrival::{Answer, Arrival};
pub use departure::Departure;
pub use exchange::{Exchange, Exchanged};
pub use flow::{Binding, LIFETIME};
pub use wish::Wish;

/// Why a step was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no such provider")]
    UnknownProvider,
    #[error("a parameter is wrong")]
    Invalid(Vec<FieldError>),
    /// What should lead on to the next step is unknown, used, expired, or comes from another browser.
    #[error("this leads nowhere, or not any more")]
    Stray,
    #[error(
        "the code is unknown, used or expired, or the verifier is not the one that it was asked for with"
    )]
    CodeSpent,
    #[error("only the session that began to link an identity can finish it")]
    NotTheLinker,
    #[error("the sign-in is too old to link an identity")]
    ReauthenticationRequired,
    #[error("the person, or the provider for them, said no")]
    Denied,
    #[error(transparent)]
    Provider(#[from] providers::Error),
    #[error(transparent)]
    Account(#[from] accounts::Error),
    #[error(transparent)]
    Session(#[from] sessions::Error),
    #[error(transparent)]
    Limited(#[from] Exceeded),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// The code that the frontend hears in its address, and that the audit log keeps. `None`: nothing was decided
    /// about anybody.
    const fn refusal(&self) -> Option<Code> {
        match self {
            Self::Denied => Some(Code::AccessDenied),
            Self::Provider(providers::Error::Unavailable(_)) => Some(Code::ProviderUnavailable),
            Self::Provider(providers::Error::Refused(_)) => Some(Code::ProviderRefused),
            Self::Account(error) => error.audited(),
            Self::NotTheLinker => Some(Code::Forbidden),
            _ => None,
        }
    }

    /// How a sign-in that failed with this is counted: one of [`metric::SIGN_IN_OUTCOMES`].
    fn outcome(&self) -> Code {
        match self {
            Self::CodeSpent => Code::TokenSpent,
            Self::Limited(_) | Self::Account(accounts::Error::Limited(_)) => Code::RateLimited,
            Self::Session(error) => error.outcome(),
            Self::Store(error) | Self::Account(accounts::Error::Store(error)) if error.is_passing() => {
                Code::Unavailable
            }
            other => other.refusal().unwrap_or(Code::Internal),
        }
    }
}

/// Counts a sign-in that is over, with what it failed with.
fn count(failure: Option<&Error>) {
    let outcome = failure.map_or("ok", |error| error.outcome().as_str());
    metrics::counter!(metric::SIGN_INS, "outcome" => outcome).increment(1);
}

/// The service. Clones share.
#[derive(Clone, Debug)]
pub struct OAuth {
    cx: Context,
    accounts: Accounts,
    sessions: Sessions,
    limits: Limits,
    providers: Providers,
}

impl OAuth {
    #[must_use]
    pub const fn new(
        cx: Context,
        accounts: Accounts,
        sessions: Sessions,
        limits: Limits,
        providers: Providers,
    ) -> Self {
        Self {
            cx,
            accounts,
            sessions,
            limits,
            providers,
        }
    }

    /// Whom people can sign in with.
    #[must_use]
    pub const fn providers(&self) -> &Providers {
        &self.providers
    }

    fn provider(&self, id: &str) -> Result<&Provider, Error> {
        self.providers.find(id).ok_or(Error::UnknownProvider)
    }

    /// Where the frontend hears that there will be no code, because of `error`; an error that tells nothing about
    /// anybody is handed back. The sign-in, or the link that `linker` began, is over.
    async fn turn_away(
        &self,
        provider: &Provider,
        linker: Option<(UserId, SessionId)>,
        redirect_to: &str,
        error: Error,
        by: &Origin,
    ) -> Result<Url, Error> {
        if linker.is_none() {
            count(Some(&error));
        }
        let Some(code) = error.refusal() else {
            return Err(error);
        };
        tracing::info!(provider = provider.id(), %error, "a sign-in with a provider was refused");
        self.note_refusal(provider.id(), linker, &error, by).await?;
        wish::with_error(redirect_to, code)
    }

    /// Writes to the audit log, in a transaction of its own, that a sign-in was refused, or a link that `linker`
    /// began; nothing where `error` tells nothing about anybody.
    async fn note_refusal(
        &self,
        provider: &str,
        linker: Option<(UserId, SessionId)>,
        error: &Error,
        by: &Origin,
    ) -> Result<(), store::Error> {
        let Some(code) = error.refusal() else {
            return Ok(());
        };
        let row = match (linker, error) {
            (Some((user, _)), _) => Record::refused(Action::IdentityLink, code).user(user),
            (None, Error::Account(accounts::Error::AccountDisabled(user))) => {
                Record::refused(Action::SessionCreate, code).user(*user)
            }
            (None, _) => Record::refused(Action::SessionCreate, code),
        };
        let details = serde_json::json!({ "provider": provider });
        audit::write(&self.cx, by, row.details(details)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_ends_a_sign_in_is_counted_under_a_name_that_is_listed() {
        let nobody = UserId::from(uuid::Uuid::nil());
        let failures = [
            Error::Denied,
            Error::CodeSpent,
            providers::Error::Unavailable(String::new()).into(),
            providers::Error::Refused(String::new()).into(),
            accounts::Error::EmailUnverified.into(),
            accounts::Error::RegistrationClosed.into(),
            accounts::Error::AccountDisabled(nobody).into(),
            accounts::Error::Conflict("changed").into(),
            store::Error::Silent.into(),
            store::Error::Url.into(),
            accounts::Error::from(store::Error::Silent).into(),
        ];
        for error in failures {
            let outcome = error.outcome().as_str();
            assert!(
                metric::SIGN_IN_OUTCOMES.contains(&outcome),
                "{error:?}: {outcome}"
            );
        }
        assert_eq!(Error::Store(store::Error::Silent).outcome(), Code::Unavailable);
        assert_eq!(Error::Store(store::Error::Url).outcome(), Code::Internal);
    }
}
