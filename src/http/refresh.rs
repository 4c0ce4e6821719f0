//! `POST /api/auth/refresh`: a new token pair for a refresh token, which is in the body or, in cookie mode,
//! in its cookie.

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use utoipa::ToSchema;

use super::client::Client;
use super::cookies::Mode;
use super::extract::{Fault, Fields, Json, ModeHeader, OptionalJson, Read, values};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem};
use super::render::TokenPairJson;
use crate::app::App;
use crate::error::Code;
use crate::secret::PlainToken;

/// The token to spend.
#[derive(Debug, ToSchema)]
pub struct RefreshBody {
    /// In cookie mode the body is left out.
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

impl Read for RefreshBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        Some(Self {
            refresh_token: fields.required("refresh_token", values::token)?,
        })
    }
}

/// The body of cookie mode: no token.
struct NoToken;

impl Read for NoToken {
    fn read(fields: &mut Fields) -> Option<Self> {
        let refused = |_| Err::<Self, Fault>(not_in_body());
        fields.optional("refresh_token", refused);
        Some(Self)
    }
}

/// In cookie mode the cookie alone carries the token: a script that has it in hand has too much.
pub fn not_in_body() -> Fault {
    Fault::new("unknown_field", "in cookie mode the token is in its cookie alone")
}

/// A refresh token that was presented, and the way it came.
pub struct Presented {
    mode: Mode,
    token: PlainToken,
}

impl<S: Sync> FromRequest<S> for Presented {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let mode = Mode::from_request_parts(&mut parts, state).await;
        let mode = mode.map_err(Problem::into_response)?;
        let request = Request::from_parts(parts, body);
        let token = match &mode {
            Mode::Body => {
                let Json(body) = Json::<RefreshBody>::from_request(request, state)
                    .await
                    .map_err(Problem::into_response)?;
                PlainToken::presented(body.refresh_token.expose_secret())
            }
            Mode::Cookie(jar) => {
                OptionalJson::<NoToken>::from_request(request, state)
                    .await
                    .map_err(Problem::into_response)?;
                match jar.refresh_tokens() {
                    [token] => token.clone(),
                    [] => {
                        let missing = Problem::new(Code::AuthenticationRequired);
                        return Err(missing
                            .detail("there is no refresh cookie: sign in")
                            .into_response());
                    }
                    // One of them may be somebody else's, planted by another site of this domain.
                    _ => return Err(jar.emptied(Problem::new(Code::InvalidToken))),
                }
            }
        };
        Ok(Self { mode, token })
    }
}

/// Refresh
///
/// The same token presented again within the grace period gets the same successor.
#[utoipa::path(
    post,
    path = "/api/auth/refresh",
    tag = "Sign-in",
    params(ModeHeader),
    request_body = Option<RefreshBody>,
    responses(
        CommonProblems,
        BodyProblems,
        LimitProblems,
        (status = 200, description = "The next token pair of the session", body = TokenPairJson),
        (status = 401, description = "`invalid_token`, `session_revoked`, `refresh_reused`; in cookie mode then the cookie is gone. `authentication_required`: no cookie was sent", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 403, description = "`origin_refused`: in cookie mode", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn refresh(State(app): State<App>, client: Client, presented: Presented) -> Response {
    let Presented { mode, token } = presented;
    match app.sessions.refresh(&token, &client.anonymous()).await {
        Ok(pair) => mode.pair(pair),
        Err(error) => {
            let problem = Problem::from(error);
            match mode {
                Mode::Cookie(jar) if is_for_good(problem.code()) => jar.emptied(problem),
                _ => problem.into_response(),
            }
        }
    }
}

/// Whether the token will never be taken again. A limit or a database that is away may let it pass later.
const fn is_for_good(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidToken | Code::SessionRevoked | Code::RefreshReused
    )
}
