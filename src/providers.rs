//! Providers of sign-ins: Google, Yandex, GitHub, and whoever speaks OpenID Connect. Who a person is to a
//! provider, and nothing else: which account that is, the service `oauth` decides.
//!
//! A sign-in asks twice, once for the address that the browser is sent to, and once, with the code that
//! the browser brings back, for the person's [`Profile`]. What both halves share is their [`Way`].

mod back_channel;
mod code;
mod error_code;
mod github;
mod id_token;
mod key_set;
mod openid;
mod profile;
mod reach;
mod remembered;
mod yandex;

use std::fmt;
use std::sync::Arc;

use url::Url;

use self::back_channel::BackChannel;
use self::code::{Client, SecretIn};
use self::github::GitHub;
use self::openid::OpenId;
use self::reach::Reach;
use self::yandex::Yandex;
use crate::clock::Clock;
use crate::config;
use crate::email::Email;
use crate::secret::PlainToken;

pub use error_code::is_error_code;

const GOOGLE: &str = "https://accounts.google.com";
const OPENID_SCOPES: &[&str] = &["openid", "email", "profile"];

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
    client: Client,
    channel: BackChannel,
    kind: Kind,
    /// Whether its word on addresses counts.
    believed: bool,
}

/// How a provider is asked.
enum Kind {
    OpenId(Box<OpenId>),
    GitHub(Box<GitHub>),
    Yandex(Box<Yandex>),
}

impl Provider {
    fn new(config: &config::Provider, clock: &Clock) -> Result<Self, SetupError> {
        let issuer = config.issuer.as_deref();
        let openid = |issuer| Kind::OpenId(Box::new(OpenId::new(config, issuer, clock)));
        let (name, kind, scopes) = match (config.id.as_str(), issuer) {
            ("github", _) => (
                "GitHub",
                Kind::GitHub(Box::new(GitHub::new(config)?)),
                github::SCOPES,
            ),
            ("yandex", _) => (
                "Yandex",
                Kind::Yandex(Box::new(Yandex::new(config)?)),
                yandex::SCOPES,
            ),
            ("google", issuer) => ("Google", openid(issuer.unwrap_or(GOOGLE)), OPENID_SCOPES),
            (id, Some(issuer)) => (id, openid(issuer), OPENID_SCOPES),
            (_, None) => return Err(SetupError::of(config, "it has no issuer")),
        };
        // Yandex says nothing, so believing it is the operator's decision alone.
        let usual = !matches!(kind, Kind::Yandex(_));
        Ok(Self {
            id: config.id.clone(),
            name: config.name.clone().unwrap_or_else(|| name.to_owned()),
            client: Client::new(config, scopes),
            channel: BackChannel::new(Reach::of(config))
                .map_err(|problem| SetupError::of(config, problem))?,
            kind,
            believed: config.trust_email.unwrap_or(usual),
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
    pub async fn authorization_url(&self, way: &Way<'_>) -> Result<Url, Error> {
        let url = |endpoint: &Url, nonce| self.client.authorization_url(endpoint, way, nonce);
        Ok(match &self.kind {
            Kind::OpenId(openid) => url(&openid.metadata(&self.channel).await?.authorization, true),
            Kind::GitHub(github) => url(&github.authorization, false),
            Kind::Yandex(yandex) => url(&yandex.authorization, false),
        })
    }

    /// Whether `iss` of the authorization response is this provider's (RFC 9207): right when it is sent, and sent when the
    /// provider says that it always is. One that publishes no issuer must name an address of the site that it sends people to.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not; [`Error::Unavailable`] when the provider's word on it cannot be had.
    pub async fn check_issuer(&self, iss: Option<&str>) -> Result<(), Error> {
        let site = match &self.kind {
            Kind::OpenId(openid) => return openid.check_issuer(&self.channel, iss).await,
            Kind::GitHub(github) => &github.authorization,
            Kind::Yandex(yandex) => &yandex.authorization,
        };
        let same = |iss: &str| Url::parse(iss).is_ok_and(|iss| iss.origin() == site.origin());
        if iss.is_none_or(same) {
            return Ok(());
        }
        Err(Error::Refused(
            "another provider sent the browser back".to_owned(),
        ))
    }

    /// Exchanges the code, and asks who it is.
    ///
    /// # Errors
    /// [`Error::Refused`] when the code or any word about the person is not what it must be.
    pub async fn identify(&self, code: &PlainToken, way: &Way<'_>) -> Result<Profile, Error> {
        let (channel, client) = (&self.channel, &self.client);
        let exchange = |endpoint| client.exchange(channel, endpoint, SecretIn::Body, code, way);
        let said = match &self.kind {
            Kind::OpenId(openid) => openid.identify(channel, client, code, way).await?,
            Kind::GitHub(github) => {
                github
                    .ask(channel, &exchange(&github.token).await?.access)
                    .await?
            }
            Kind::Yandex(yandex) => {
                let tokens = exchange(&yandex.token).await?;
                yandex.ask(channel, client.id(), &tokens.access).await?
            }
        };
        said.keep(self.believed)
    }

    /// For `doctor`: calls what a sign-in would call, as far as that goes without a person.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn probe(&self) -> Result<(), Error> {
        let (authorization, token) = match &self.kind {
            Kind::OpenId(openid) => return openid.probe(&self.channel).await,
            Kind::GitHub(github) => (&github.authorization, &github.token),
            Kind::Yandex(yandex) => (&yandex.authorization, &yandex.token),
        };
        self.channel.reach(authorization).await?;
        self.channel.reach(token).await
    }
}

impl SetupError {
    fn of(config: &config::Provider, problem: impl Into<String>) -> Self {
        Self {
            key: format!("oauth.{}", config.id),
            problem: problem.into(),
        }
    }
}

/// The address that was set, or else the usual one.
fn address(config: &config::Provider, set: Option<&Url>, usual: &str) -> Result<Url, SetupError> {
    match set {
        Some(url) => Ok(url.clone()),
        None => Url::parse(usual).map_err(|error| SetupError::of(config, format!("{usual}: {error}"))),
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.id)
    }
}

#[cfg(test)]
mod tests;
