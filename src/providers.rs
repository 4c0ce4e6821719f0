//! Providers of sign-ins: Google, Yandex, GitHub, and whoever speaks OpenID Connect. Who a person is to a
//! provider, and nothing else: which account that is, the service `oauth` decides.
//!
//! A sign-in asks twice, once for the address that the browser is sent to, and once, with the code that
//! the browser brings back, for the person's [`Profile`]. What both halves share is their [`Way`].

use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::clock::Clock;
use crate::config;
use crate::email::Email;
use crate::secret::PlainToken;

/// What both halves of one sign-in share.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// Comes back with the code (RFC 6749, 10.12).
    pub state: &'a PlainToken,
    /// Comes back in the ID token.
    pub nonce: &'a PlainToken,
    /// 43 characters of base64url (RFC 7636); its hash goes out first.
    pub verifier: &'a PlainToken,
    /// Where the provider sends the browser back to.
    pub callback: &'a Url,
}

/// Who somebody is to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Names the person at this provider for good: 1 to 255 characters, no control characters.
    pub subject: String,
    /// Absent when the provider tells none, or none that mail can be sent to.
    pub email: Option<Email>,
    /// The provider says that the address is the person's, and is believed (`trust_email`).
    pub email_verified: bool,
    /// One line of at most 100 characters.
    pub name: Option<String>,
    /// An https address of at most 2,048 characters; the hub never fetches it.
    pub avatar_url: Option<String>,
}

/// Why a provider is of no use just now. Neither text holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It may work later: no connection, too slow, out of order.
    #[error("the provider cannot be reached: {0}")]
    Unavailable(String),
    /// It answered, and the answer is not one to act upon.
    #[error("the provider's answer is refused: {0}")]
    Refused(String),
}

/// A provider that cannot be used as it is configured.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SetupError {
    /// The section, as in `oauth.google`.
    pub key: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// Everybody with whom people may sign in. Cloning shares.
#[derive(Clone, Debug)]
pub struct Providers(Arc<[Provider]>);

impl Providers {
    /// The configured ones. Nobody is called yet.
    ///
    /// # Errors
    /// [`SetupError`] when there is no way to call one, say without a single trusted certificate.
    pub fn new(config: &config::OAuth, clock: &Clock) -> Result<Self, SetupError> {
        let providers = config
            .providers
            .iter()
            .map(|provider| Provider::new(provider, clock));
        Ok(Self(providers.collect::<Result<_, _>>()?))
    }

    /// All of them, in the order in which people see them.
    #[must_use]
    pub fn all(&self) -> &[Provider] {
        &self.0
    }

    /// The one with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.id == id)
    }
}

/// Somebody who says who a person is.
pub struct Provider {
    id: String,
    name: String,
}

impl Provider {
    fn new(config: &config::Provider, _clock: &Clock) -> Result<Self, SetupError> {
        let usual = match config.id.as_str() {
            "google" => "Google",
            "yandex" => "Yandex",
            "github" => "GitHub",
            other => other,
        };
        Ok(Self {
            id: config.id.clone(),
            name: config.name.clone().unwrap_or_else(|| usual.to_owned()),
        })
    }

    /// Its name in addresses and in the database.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where to send the browser.
    ///
    /// # Errors
    /// [`Error`] when the provider's own addresses are not known and cannot be learnt.
    pub async fn authorization_url(&self, _way: &Way<'_>) -> Result<Url, Error> {
        Err(Error::Unavailable("not written yet".to_owned()))
    }

    /// Whether `iss` of the authorization response is this provider's (RFC 9207): right when it is sent, and sent when the
    /// provider says that it always is.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not; [`Error::Unavailable`] when the provider's word on it cannot be had.
    pub async fn check_issuer(&self, _iss: Option<&str>) -> Result<(), Error> {
        Err(Error::Unavailable("not written yet".to_owned()))
    }

    /// Exchanges the code, and asks who it is.
    ///
    /// # Errors
    /// [`Error::Refused`] when the code or any word about the person is not what it must be.
    pub async fn identify(&self, _code: &PlainToken, _way: &Way<'_>) -> Result<Profile, Error> {
        Err(Error::Unavailable("not written yet".to_owned()))
    }

    /// For `doctor`: calls what a sign-in would call, as far as that goes without a person.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn probe(&self) -> Result<(), Error> {
        Err(Error::Unavailable("not written yet".to_owned()))
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.id)
    }
}
