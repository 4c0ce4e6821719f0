//! A provider that speaks OpenID Connect: found by its issuer (Discovery 1.0), it signs who somebody is (Core 1.0).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::back_channel::{ANSWER, BackChannel, KEYS};
use super::code::{Client, SecretIn};
use super::id_token::{Claims, Expected, Person, Unverified};
use super::key_set::KeySet;
use super::profile::Said;
use super::remembered::Remembered;
use super::{Error, Way};
use crate::clock::Clock;
use crate::config;
use crate::secret::PlainToken;

/// For how long what was discovered holds, and a set of keys.
const FRESH: Duration = Duration::from_hours(1);
/// How often at most the keys are fetched because a token names one that is not among them.
const UNKNOWN_KEY: Duration = Duration::from_mins(1);

/// What is read of a discovery document.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    userinfo_endpoint: Option<Url>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Where the provider is, and what it wants.
#[derive(Clone)]
pub(super) struct Metadata {
    pub(super) authorization: Url,
    token: Url,
    keys: Url,
    userinfo: Option<Url>,
    secret_in: SecretIn,
    /// It says who it is when it sends the browser back (RFC 9207).
    sends_issuer: bool,
}

/// A provider that speaks OpenID Connect.
pub(super) struct OpenId {
    issuer: String,
    clock: Clock,
    config: config::Provider,
    metadata: Remembered<Metadata>,
    keys: Remembered<KeySet>,
}

/// What userinfo says, of whom.
#[derive(Deserialize)]
struct Userinfo {
    sub: String,
    #[serde(flatten)]
    person: Person,
}

impl OpenId {
    pub(super) fn new(config: &config::Provider, issuer: &str, clock: &Clock) -> Self {
        Self {
            issuer: issuer.to_owned(),
            clock: clock.clone(),
            config: config.clone(),
            metadata: Remembered::new(clock),
            keys: Remembered::new(clock),
        }
    }

    /// What was configured, and discovered beside it.
    pub(super) async fn metadata(&self, channel: &BackChannel) -> Result<Metadata, Error> {
        let metadata = self.metadata.younger_than(FRESH, self.discover(channel)).await?;
        Ok(Metadata::clone(&metadata))
    }

    async fn discover(&self, channel: &BackChannel) -> Result<Metadata, Error> {
        let written = &self.config;
        if let (Some(authorization), Some(token), Some(keys)) =
            (&written.authorization_url, &written.token_url, &written.jwks_url)
        {
            return Ok(Metadata {
                authorization: authorization.clone(),
                token: token.clone(),
                keys: keys.clone(),
                userinfo: written.userinfo_url.clone(),
                secret_in: SecretIn::Header,
                sends_issuer: false,
            });
        }
        let place = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let place =
            Url::parse(&place).map_err(|_| Error::Unavailable("its issuer is no address".to_owned()))?;
        let found: Document = channel.get(&place, None, ANSWER).await?;
        if found.issuer != self.issuer {
            return Err(Error::Refused(
                "the document at its issuer names another issuer".to_owned(),
            ));
        }
        let secret_in = found.secret_in()?;
        let of = |written: &Option<Url>, found: Url| written.clone().unwrap_or(found);
        let metadata = Metadata {
            authorization: of(&written.authorization_url, found.authorization_endpoint),
            token: of(&written.token_url, found.token_endpoint),
            keys: of(&written.jwks_url, found.jwks_uri),
            userinfo: written.userinfo_url.clone().or(found.userinfo_endpoint),
            secret_in,
            sends_issuer: found.authorization_response_iss_parameter_supported,
        };
        for url in [&metadata.authorization, &metadata.token, &metadata.keys]
            .into_iter()
            .chain(&metadata.userinfo)
        {
            channel.admits(url).map_err(Error::Refused)?;
        }
        Ok(metadata)
    }

    /// See [`Provider::check_issuer`](super::Provider::check_issuer).
    pub(super) async fn check_issuer(&self, channel: &BackChannel, iss: Option<&str>) -> Result<(), Error> {
        match iss {
            Some(iss) if iss == self.issuer => Ok(()),
            Some(_) => Err(Error::Refused(
                "another provider sent the browser back".to_owned(),
            )),
            None if self.metadata(channel).await?.sends_issuer => Err(Error::Refused(
                "the browser came back without `iss`, which this provider always sends".to_owned(),
            )),
            None => Ok(()),
        }
    }

    /// Exchanges `code` for the provider's word on who it is.
    pub(super) async fn identify(
        &self,
        channel: &BackChannel,
        client: &Client,
        code: &PlainToken,
        way: &Way<'_>,
    ) -> Result<Said, Error> {
        let metadata = self.metadata(channel).await?;
        let tokens = client
            .exchange(channel, &metadata.token, metadata.secret_in, code, way)
            .await?;
        let token = tokens.id.ok_or_else(|| {
            Error::Refused("it gives no ID token; is `openid` among the scopes?".to_owned())
        })?;
        let claims = self.verify(channel, &metadata, token.expose()).await?;
        claims.check(&Expected {
            issuer: &self.issuer,
            client_id: client.id(),
            nonce: way.nonce,
            now: self.clock.now(),
        })?;
        let mut person = claims.person;
        if let (None, Some(url)) = (&person.email, &metadata.userinfo) {
            let told: Userinfo = channel
                .get(url, Some(("Bearer", tokens.access.expose())), ANSWER)
                .await?;
            // Else a stolen access token could tell of somebody else (Core 1.0, 5.3.2).
            if told.sub != claims.sub {
                return Err(Error::Refused("its userinfo tells of somebody else".to_owned()));
            }
            person = told.person;
        }
        Ok(Said {
            subject: claims.sub,
            email_verified: person.is_verified(),
            email: person.email,
            name: person.name,
            avatar: person.picture,
        })
    }

    async fn verify(&self, channel: &BackChannel, metadata: &Metadata, token: &str) -> Result<Claims, Error> {
        let token = Unverified::parse(token)?;
        let kid = token.kid.as_deref();
        let known = self.keys_younger_than(FRESH, channel, metadata).await?;
        let mut key = known.find(kid, token.algorithm);
        if key.is_none() {
            let newest = self.keys_younger_than(UNKNOWN_KEY, channel, metadata).await?;
            key = newest.find(kid, token.algorithm);
        }
        let key = key.ok_or_else(|| {
            Error::Refused("its ID token is signed with a key that it does not publish".to_owned())
        })?;
        token.open(&key)
    }

    async fn keys_younger_than(
        &self,
        age: Duration,
        channel: &BackChannel,
        metadata: &Metadata,
    ) -> Result<Arc<KeySet>, Error> {
        self.keys
            .younger_than(age, channel.get(&metadata.keys, None, KEYS))
            .await
    }

    /// Calls what can be called without a person.
    pub(super) async fn probe(&self, channel: &BackChannel) -> Result<(), Error> {
        let metadata = self.metadata(channel).await?;
        self.keys_younger_than(FRESH, channel, &metadata).await?;
        Ok(())
    }
}

impl Document {
    /// `client_secret_basic` is what a provider takes that says nothing (Discovery 1.0, 3).
    fn secret_in(&self) -> Result<SecretIn, Error> {
        let Some(methods) = &self.token_endpoint_auth_methods_supported else {
            return Ok(SecretIn::Header);
        };
        let takes = |method: &str| methods.iter().any(|one| one == method);
        match (
            takes("client_secret_basic"),
            takes("client_secret_post") || takes("none"),
        ) {
            (true, _) => Ok(SecretIn::Header),
            (_, true) => Ok(SecretIn::Body),
            _ => Err(Error::Refused(
                "it takes neither client_secret_basic nor client_secret_post".to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests;
