//! A conversation with the mail server that sends nothing: greeting, TLS, sign-in, sender and one receiver, and
//! goodbye. For `portcullis doctor`.

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls};
use lettre::transport::smtp::commands::{Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret as _;
use url::Url;

use super::SettingError;
use super::smtp::{CONNECTED_WITHIN, describe, sender, tls};
use crate::config;

/// What the conversation went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Talk {
    pub encrypted: bool,
    /// A user name was given, and the server took it with its password.
    pub signed_in: bool,
}

/// Where and why a conversation ended early.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// `while`, and what happened; nothing that the server said.
    #[error("{step}: {reason}")]
    At { step: &'static str, reason: String },
}

fn at(step: &'static str) -> impl Fn(Error) -> Broken {
    move |error| Broken::At {
        step,
        reason: describe(&error),
    }
}

/// Talks to the configured server, up to the receiver of a mail that is then not sent.
///
/// # Errors
/// [`Broken`]: where it ended.
pub async fn probe(config: &config::Mail) -> Result<Talk, Broken> {
    let text = config.smtp_url.as_ref().map_or("", |url| url.expose_secret());
    let url = Url::parse(text).map_err(|_| super::smtp::wrong_url())?;
    let from = sender(&config.from)?.email;
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let tls = tls(&url, config.ca_certificates.as_deref())?;
    let early = match &tls {
        Tls::Wrapper(parameters) => Some(parameters.clone()),
        _ => None,
    };
    // As lettre has it.
    let natural = match url.scheme() {
        "smtps" => 465,
        _ if url.query().is_some() => 587,
        _ => 25,
    };
    let server = (host.as_str(), url.port().unwrap_or(natural));
    let hello = ClientId::default();
    let connecting = AsyncSmtpConnection::connect_tokio1(server, Some(CONNECTED_WITHIN), &hello, early, None);
    let mut talk = connecting.await.map_err(at("connecting"))?;
    match tls {
        Tls::Required(parameters) => talk.starttls(parameters, &hello).await.map_err(at("STARTTLS"))?,
        Tls::Opportunistic(parameters) if talk.can_starttls() => {
            talk.starttls(parameters, &hello).await.map_err(at("STARTTLS"))?;
        }
        _ => {}
    }
    let user = decoded(url.username());
    let signed_in = !user.is_empty();
    if signed_in {
        let credentials = Credentials::new(user, decoded(url.password().unwrap_or_default()));
        talk.auth(DEFAULT_MECHANISMS, &credentials)
            .await
            .map_err(at("signing in"))?;
    }
    talk.command(Mail::new(Some(from.clone()), Vec::new()))
        .await
        .map_err(at("naming mail.from as the sender"))?;
    talk.command(Rcpt::new(from, Vec::new()))
        .await
        .map_err(at("naming mail.from as a receiver"))?;
    talk.command(Rset).await.map_err(at("taking the mail back"))?;
    let encrypted = talk.is_encrypted();
    // Whether it says goodbye in return changes nothing.
    drop(talk.quit().await);
    Ok(Talk { encrypted, signed_in })
}

/// User and password as they are written in an address.
fn decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}
