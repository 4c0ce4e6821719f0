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
                    // One of them may be somebody else's, planted by another site of this domain. Nor is the hub's own
                    // taken away: the planted one would be left, and would sign the person in as somebody else.
                    _ => return Err(Problem::new(Code::InvalidToken).into_response()),
                }
            }
        };
        Ok(Self { mode, token })
    }
}

/// Refresh
///
/// The same token presented again within the grace period gets the same successor. A refusal leaves the cookie of
/// cookie mode as it is.
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
        (status = 401, description = "`invalid_token`, `session_revoked`, `refresh_reused`. `authentication_required`: no cookie was sent", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 403, description = "`origin_refused`: in cookie mode", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn refresh(State(app): State<App>, client: Client, presented: Presented) -> Response {
    let Presented { mode, token } = presented;
    match app.sessions.refresh(&token, &client.anonymous()).await {
        Ok(pair) => mode.pair(pair),
        // The cookie stays, however dead its token is. The browser has one cookie for all tabs, and applies answers in
        // the order in which they come: while this one was on its way another tab may have signed in, and it would
        // take away the new cookie, of which nobody here can know. A dead cookie costs a refusal at each page that
        // looks for a session, until the next sign-in, a sign-out or its own end.
        Err(error) => Problem::from(error).into_response(),
    }
}
