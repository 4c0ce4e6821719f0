//! One's own identities at providers: where else one can sign in, and who one is there.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::client::Client;
use super::extract::{CurrentUser, Fields, Json, PathId, PathText, Read, values};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem, UserProblems};
use crate::app::App;
use crate::clock::Timestamp;
use crate::ids::IdentityId;
use crate::oauth::Wish;
use crate::providers::Providers;
use crate::store::identities::Identity;

/// An identity at a provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Identity)]
pub struct IdentityJson {
    #[schema(value_type = uuid::Uuid)]
    id: IdentityId,
    /// The provider's id.
    provider: String,
    /// What the provider is called.
    name: String,
    /// What the provider said of the address at the last sign-in.
    email: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
}

impl IdentityJson {
    /// `identity`, with what its provider is called; one that is not configured any more by its id.
    pub fn of(identity: Identity, providers: &Providers) -> Self {
        let provider = providers.find(&identity.provider);
        Self {
            id: identity.id,
            name: provider
                .map_or(&*identity.provider, |provider| provider.name())
                .to_owned(),
            provider: identity.provider,
            email: identity.email,
            created_at: identity.created_at,
            last_used_at: identity.last_used_at,
        }
    }
}

/// Every identity of the caller, the oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Identities)]
pub struct IdentitiesJson {
    items: Vec<IdentityJson>,
}

/// List one's own identities
#[utoipa::path(
    get,
    path = "/api/users/me/identities",
    operation_id = "list_identities",
    tag = "Own account",
    security(("access_token" = [])),
    responses(CommonProblems, UserProblems, (status = 200, description = "Where the caller can sign in with", body = IdentitiesJson))
)]
pub async fn list(
    State(app): State<App>,
    CurrentUser(current): CurrentUser,
) -> Result<Json<IdentitiesJson>, Problem> {
    let identities = app.accounts.identities(&current).await?;
    let providers = app.oauth.providers();
    let items = identities
        .into_iter()
        .map(|identity| IdentityJson::of(identity, providers));
    Ok(Json(IdentitiesJson {
        items: items.collect(),
    }))
}

/// Where a link is to lead back to.
#[derive(Debug, ToSchema)]
pub struct LinkBody {
    /// An address of `oauth.redirects`, exactly.
    #[schema(min_length = 1, max_length = 2048)]
    redirect_to: String,
    /// SHA-256 of the verifier, in base64url (RFC 7636).
    #[schema(min_length = 43, max_length = 43, pattern = "^[A-Za-z0-9_-]{43}$")]
    code_challenge: String,
}

impl Read for LinkBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        // Exactly as they came: the service compares.
        let redirect_to = fields.required("redirect_to", values::string);
        let code_challenge = fields.required("code_challenge", values::string);
        Some(Self {
            redirect_to: redirect_to?,
            code_challenge: code_challenge?,
        })
    }
}

/// Where the browser goes.
#[derive(Serialize, ToSchema)]
#[schema(as = Link)]
pub struct LinkJson {
    /// Works once, within a minute.
    #[schema(format = Uri)]
    url: String,
}

/// Begin to link an identity
///
/// The sign-in behind the token has to be younger than five minutes. What comes back to `redirect_to` is exchanged with
/// the access token of this same session.
#[utoipa::path(
    post,
    path = "/api/users/me/identities/{id}",
    operation_id = "link_identity",
    tag = "Own account",
    security(("access_token" = [])),
    params(("id" = String, Path, description = "The provider's id, as in the list of providers")),
    request_body = LinkBody,
    responses(
        CommonProblems,
        BodyProblems,
        UserProblems,
        LimitProblems,
        (status = 200, description = "Send the browser there", body = LinkJson),
        (status = 403, description = "`reauthentication_required`", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: there is no such provider", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn link(
    State(app): State<App>,
    client: Client,
    caller: CurrentUser,
    PathText(provider): PathText,
    Json(body): Json<LinkBody>,
) -> Result<Json<LinkJson>, Problem> {
    let by = caller.origin(&client);
    let wish = Wish {
        redirect_to: body.redirect_to,
        code_challenge: body.code_challenge,
    };
    let ticket = app.oauth.ask_to_link(&caller.0, &provider, wish, &by).await?;
    let path = format!("/api/auth/oauth/{provider}/link/{}", ticket.expose());
    Ok(Json(LinkJson {
        url: app.cx.site.link(&path),
    }))
}

/// Unlink an identity
///
/// Nobody can sign in with it any more; sessions that began with it go on.
#[utoipa::path(
    delete,
    path = "/api/users/me/identities/{id}",
    operation_id = "unlink_identity",
    tag = "Own account",
    security(("access_token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The identity's id")),
    responses(
        CommonProblems,
        UserProblems,
        LimitProblems,
        (status = 204, description = "It is gone"),
        (status = 404, description = "`not_found`: no identity of the caller's", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "`last_credential`: nothing else would be left to sign in with", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn unlink(
    State(app): State<App>,
    client: Client,
    caller: CurrentUser,
    PathId(id): PathId<IdentityId>,
) -> Result<StatusCode, Problem> {
    let by = caller.origin(&client);
    let providers = app.oauth.providers();
    app.accounts.unlink(&caller.0, id, providers, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}
