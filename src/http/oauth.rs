//! Sign-in through a provider. Browsers follow `departure` and `callback`; a frontend asks whom there is, and
//! exchanges the code that it got.

pub mod callback;
pub mod departure;
mod page;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use utoipa::ToSchema;

use super::client::Client;
use super::cookies::Mode;
use super::extract::{Bearer, Fields, Json, ModeHeader, Read, values};
use super::identities::IdentityJson;
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem};
use super::render::TokenPairJson;
use crate::app::App;
use crate::error::Code;
use crate::oauth::{Exchange, Exchanged};
use crate::secret::PlainToken;
use crate::sessions::MAX_DEVICE;

/// Somebody with whom people can sign in.
#[derive(Serialize, ToSchema)]
#[schema(as = Provider)]
pub struct ProviderJson {
    id: String,
    /// For a button.
    name: String,
    /// Where a sign-in begins: with `?redirect_to=` and `&code_challenge=`.
    #[schema(format = Uri)]
    start: String,
}

/// Whom people can sign in with, in the order of the buttons.
#[derive(Serialize, ToSchema)]
#[schema(as = Providers)]
pub struct ProvidersJson {
    providers: Vec<ProviderJson>,
}

/// List providers
#[utoipa::path(
    get,
    path = "/api/auth/oauth",
    operation_id = "list_providers",
    tag = "Sign-in",
    responses(CommonProblems, (status = 200, description = "Those that are configured", body = ProvidersJson))
)]
pub async fn list(State(app): State<App>) -> Json<ProvidersJson> {
    let providers = app.oauth.providers().all().iter();
    let providers = providers.map(|provider| ProviderJson {
        id: provider.id().to_owned(),
        name: provider.name().to_owned(),
        start: app
            .cx
            .site
            .link(&format!("/api/auth/oauth/{}/start", provider.id())),
    });
    Json(ProvidersJson {
        providers: providers.collect(),
    })
}

/// What a frontend exchanges.
#[derive(Debug, ToSchema)]
pub struct ExchangeBody {
    /// `code` of the address that the browser came back to.
    #[schema(value_type = String)]
    code: SecretString,
    /// What `code_challenge` was made from (RFC 7636).
    #[schema(value_type = String)]
    code_verifier: SecretString,
    /// What to call this device.
    #[schema(max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    device: Option<String>,
}

impl Read for ExchangeBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let code = fields.required("code", values::token);
        let code_verifier = fields.required("code_verifier", values::token);
        let device = fields
            .optional("device", values::text_or_empty(MAX_DEVICE))
            .flatten();
        Some(Self {
            code: code?,
            code_verifier: code_verifier?,
            device,
        })
    }
}

/// An identity that was linked.
#[derive(Serialize, ToSchema)]
#[schema(as = Linked)]
pub struct LinkedJson {
    identity: IdentityJson,
}

/// What an exchange answers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub enum ExchangedJson {
    TokenPair(TokenPairJson),
    Linked(LinkedJson),
}

/// Exchange a code
///
/// Where nobody was signed in at the beginning, a session begins; else the identity is linked to the account of who
/// began, whose access token has to be sent. In cookie mode a session whose cookie gives way to the new one ends.
#[utoipa::path(
    post,
    path = "/api/auth/oauth/exchange",
    operation_id = "exchange_code",
    tag = "Sign-in",
    security((), ("access_token" = [])),
    params(ModeHeader),
    request_body = ExchangeBody,
    responses(
        CommonProblems,
        BodyProblems,
        LimitProblems,
        (status = 200, description = "A session has begun, or an identity was linked", body = ExchangedJson),
        (status = 403, description = "`forbidden`: another session began to link; `account_disabled`, `email_unverified`, `registration_closed`: since the provider answered; `origin_refused`: in cookie mode", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "`identity_taken`; `conflict`: the account was changed meanwhile", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 410, description = "`token_spent`: the code is unknown, used or expired, or the verifier is another one", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn exchange(
    State(app): State<App>,
    client: Client,
    mode: Mode,
    bearer: Result<Bearer, Problem>,
    Json(body): Json<ExchangeBody>,
) -> Result<Response, Problem> {
    // What cannot be a token is as good as none; two headers are nobody's.
    let bearer = match bearer {
        Ok(Bearer(token)) => token,
        Err(problem) if problem.code() == Code::InvalidToken => None,
        Err(problem) => return Err(problem),
    };
    let what = Exchange {
        code: PlainToken::presented(body.code.expose_secret()),
        code_verifier: PlainToken::presented(body.code_verifier.expose_secret()),
        bearer,
        device: body.device,
        kept: mode.kept(),
    };
    Ok(match app.oauth.exchange(what, &client.anonymous()).await? {
        Exchanged::SignedIn(signed_in) => mode.signed_in(*signed_in),
        Exchanged::Linked(identity) => {
            let identity = IdentityJson::of(identity, app.oauth.providers());
            Json(LinkedJson { identity }).into_response()
        }
    })
}
