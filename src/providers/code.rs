//! The authorization code grant (RFC 6749, 4.1) with PKCE (RFC 7636): where the browser goes, and what the code is
//! exchanged for. oauth2 composes and reads; the back channel carries.

use std::pin::Pin;

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, StandardRevocableToken, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::back_channel::BackChannel;
use super::{Error, Way, is_error_code};
use crate::config;
use crate::secret::PlainToken;

/// What this hub is to a provider.
pub(super) struct Client {
    id: String,
    secret: Option<SecretString>,
    scopes: Vec<String>,
}

/// How the hub says who it is when it exchanges a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecretIn {
    /// `client_secret_basic`
    Header,
    /// `client_secret_post`
    Body,
}

/// What a code was exchanged for.
pub(super) struct Tokens {
    pub(super) access: PlainToken,
    pub(super) id: Option<PlainToken>,
}

impl Client {
    /// As configured, asking for `usual` unless told what to ask for.
    pub(super) fn new(config: &config::Provider, usual: &[&str]) -> Self {
        let usual = || usual.iter().map(|scope| (*scope).to_owned()).collect();
        Self {
            id: config.client_id.clone(),
            secret: config.client_secret.clone(),
            scopes: config.scopes.clone().unwrap_or_else(usual),
        }
    }

    /// What the provider calls this hub.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Where the browser goes. `nonce`: whether the provider is to sign one.
    pub(super) fn authorization_url(&self, endpoint: &Url, way: &Way<'_>, nonce: bool) -> Url {
        let client = Grant::new(ClientId::new(self.id.clone()))
            .set_auth_uri(AuthUrl::from_url(endpoint.clone()))
            .set_redirect_uri(RedirectUrl::from_url(way.callback.clone()));
        let verifier = PkceCodeVerifier::new(way.verifier.expose().to_owned());
        let mut request = client
            .authorize_url(|| CsrfToken::new(way.state.expose().to_owned()))
            .add_scopes(self.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        if nonce {
            request = request.add_extra_param("nonce", way.nonce.expose());
        }
        request.url().0
    }

    /// Exchanges the code that came back.
    pub(super) async fn exchange(
        &self,
        channel: &BackChannel,
        endpoint: &Url,
        secret_in: SecretIn,
        code: &PlainToken,
        way: &Way<'_>,
    ) -> Result<Tokens, Error> {
        let mut client = Grant::new(ClientId::new(self.id.clone()))
            .set_token_uri(TokenUrl::from_url(endpoint.clone()))
            .set_redirect_uri(RedirectUrl::from_url(way.callback.clone()))
            .set_auth_type(match secret_in {
                SecretIn::Header => AuthType::BasicAuth,
                SecretIn::Body => AuthType::RequestBody,
            });
        if let Some(secret) = &self.secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
        }
        let answer = client
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(way.verifier.expose().to_owned()))
            .request_async(channel)
            .await
            .map_err(refusal)?;
        // Any other kind would have to be used in another way (RFC 6749, 7.1).
        if *answer.token_type() != BasicTokenType::Bearer {
            return Err(Error::Refused("its access token is no bearer token".to_owned()));
        }
        let id = answer.extra_fields().id_token.as_ref();
        Ok(Tokens {
            access: PlainToken::presented(answer.access_token().secret()),
            id: id.map(|token| PlainToken::presented(token.expose_secret())),
        })
    }
}

/// (A closure would do, but for a future that the compiler believes to be of one thread.)
impl<'c> AsyncHttpClient<'c> for BackChannel {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

type Grant = oauth2::Client<
    BasicErrorResponse,
    StandardTokenResponse<Extra, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

/// What OpenID Connect adds to an answer.
#[derive(Debug, Deserialize, Serialize)]
struct Extra {
    #[serde(default, skip_serializing)]
    id_token: Option<SecretString>,
}

impl ExtraTokenFields for Extra {}

/// An answer that is an error whatever its status: GitHub sends 200.
#[derive(Deserialize)]
struct Told {
    error: String,
}

/// What is wrong with an answer: the code that the provider gave if there is one. Never its body: that may hold a token.
fn refusal(error: RequestTokenError<Error, BasicErrorResponse>) -> Error {
    let told = match error {
        RequestTokenError::Request(error) => return error,
        RequestTokenError::ServerResponse(answer) => Some(answer.error().as_ref().to_owned()),
        RequestTokenError::Parse(_, body) => serde_json::from_slice(&body).ok().map(|told: Told| told.error),
        RequestTokenError::Other(_) => None,
    };
    Error::Refused(match told.filter(|code| is_error_code(code)) {
        Some(code) => format!("it exchanges the code for `{code}`"),
        None => "it does not exchange the code for tokens".to_owned(),
    })
}
