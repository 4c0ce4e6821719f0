//! GitHub: OAuth without OpenID Connect. Its API says who somebody is, and which addresses were verified.

use serde::Deserialize;
use url::Url;

use super::back_channel::{ANSWER, BackChannel};
use super::profile::Said;
use super::{Error, SetupError, address};
use crate::config;
use crate::secret::PlainToken;

pub(super) const SCOPES: &[&str] = &["read:user", "user:email"];

/// Its addresses.
pub(super) struct GitHub {
    pub(super) authorization: Url,
    pub(super) token: Url,
    user: Url,
    emails: Url,
}

#[derive(Deserialize)]
struct User {
    /// Stays when the login is changed, and is not given away with it.
    id: u64,
    login: Option<String>,
    name: Option<String>,
    avatar_url: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub(super) fn new(config: &config::Provider) -> Result<Self, SetupError> {
        let address = |set, usual| address(config, set, usual);
        let mut emails = address(config.emails_url.as_ref(), "https://api.github.com/user/emails")?;
        // A page has 30 of them unless more are asked for, and nobody has more than these.
        emails.query_pairs_mut().append_pair("per_page", "100");
        Ok(Self {
            authorization: address(
                config.authorization_url.as_ref(),
                "https://github.com/login/oauth/authorize",
            )?,
            token: address(
                config.token_url.as_ref(),
                "https://github.com/login/oauth/access_token",
            )?,
            user: address(config.userinfo_url.as_ref(), "https://api.github.com/user")?,
            emails,
        })
    }

    /// Whose access token it is. The address on the profile may be anybody's; the primary one is asked for.
    pub(super) async fn ask(&self, channel: &BackChannel, access: &PlainToken) -> Result<Said, Error> {
        let authorization = Some(("Bearer", access.expose()));
        let user: User = channel.get(&self.user, authorization, ANSWER).await?;
        let addresses: Vec<Address> = channel.get(&self.emails, authorization, ANSWER).await?;
        let primary = addresses.into_iter().find(|address| address.primary);
        Ok(Said {
            subject: user.id.to_string(),
            email_verified: primary.as_ref().is_some_and(|address| address.verified),
            email: primary.map(|address| address.email),
            name: user.name.or(user.login),
            avatar: user.avatar_url,
        })
    }
}
