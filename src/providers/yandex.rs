//! Yandex: OAuth without OpenID Connect. It says who somebody is, and nothing of whether an address was verified.

use serde::Deserialize;
use url::Url;

use super::back_channel::{ANSWER, BackChannel};
use super::profile::Said;
use super::{Error, SetupError, address};
use crate::config;
use crate::secret::PlainToken;

pub(super) const SCOPES: &[&str] = &["login:email", "login:info", "login:avatar"];

/// Its addresses.
pub(super) struct Yandex {
    pub(super) authorization: Url,
    pub(super) token: Url,
    info: Url,
}

#[derive(Deserialize)]
struct Info {
    id: String,
    client_id: Option<String>,
    default_email: Option<String>,
    real_name: Option<String>,
    display_name: Option<String>,
    default_avatar_id: Option<String>,
    is_avatar_empty: Option<bool>,
}

impl Yandex {
    pub(super) fn new(config: &config::Provider) -> Result<Self, SetupError> {
        let address = |set, usual| address(config, set, usual);
        Ok(Self {
            authorization: address(
                config.authorization_url.as_ref(),
                "https://oauth.yandex.com/authorize",
            )?,
            token: address(config.token_url.as_ref(), "https://oauth.yandex.com/token")?,
            info: address(
                config.userinfo_url.as_ref(),
                "https://login.yandex.ru/info?format=json",
            )?,
        })
    }

    /// Whose access token it is. Whether `default_email` counts as verified, `trust_email` alone decides.
    pub(super) async fn ask(
        &self,
        channel: &BackChannel,
        client_id: &str,
        access: &PlainToken,
    ) -> Result<Said, Error> {
        let info: Info = channel
            .get(&self.info, Some(("OAuth", access.expose())), ANSWER)
            .await?;
        if info
            .client_id
            .as_deref()
            .is_some_and(|client| client != client_id)
        {
            return Err(Error::Refused(
                "its access token was issued to another client".to_owned(),
            ));
        }
        let avatar = info.default_avatar_id.filter(|id| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "/-_".contains(c);
            info.is_avatar_empty == Some(false) && !id.is_empty() && id.chars().all(plain)
        });
        let filled = |name: &String| !name.trim().is_empty();
        Ok(Said {
            subject: info.id,
            email_verified: true,
            email: info.default_email,
            name: info.real_name.filter(filled).or(info.display_name),
            avatar: avatar.map(|id| format!("https://avatars.yandex.net/get-yapic/{id}/islands-200")),
        })
    }
}
