//! `POST /api/auth/logout`: signs out whoever proves a session, by access or by refresh token, the latter
//! in the body or, in cookie mode, in its cookie. A token that is unknown or dead is answered as a live one.
//! When both are sent, both sessions end.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use utoipa::ToSchema;

use super::client::Client;
use super::cookies::Mode;
use super::extract::{Bearer, Fields, ModeHeader, OptionalJson, Read, values};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem};
use super::refresh::not_in_body;
use crate::app::App;
use crate::error::Code;
use crate::secret::PlainToken;
use crate::sessions::{LogoutProof, LogoutScope};

const SCOPES: &[(&str, LogoutScope)] = &[
    (LogoutScope::Session.as_str(), LogoutScope::Session),
    (LogoutScope::Others.as_str(), LogoutScope::Others),
    (LogoutScope::All.as_str(), LogoutScope::All),
];

/// What ends. The body may be left out.
#[derive(Debug, ToSchema)]
pub struct LogoutBody {
    /// `session` unless set; `others` keeps this one alone, `all` keeps none.
    #[schema(value_type = Option<String>, pattern = "^(session|others|all)$")]
    scope: LogoutScope,
    /// Instead of an access token. Not in cookie mode.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
}

impl Read for LogoutBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let scope = fields
            .optional("scope", values::word(SCOPES))
            .unwrap_or(LogoutScope::Session);
        let refresh_token = fields.optional("refresh_token", values::token);
        Some(Self { scope, refresh_token })
    }
}

/// Sign out
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    tag = "Sign-in",
    security((), ("access_token" = [])),
    params(ModeHeader),
    request_body = Option<LogoutBody>,
    responses(
        CommonProblems,
        BodyProblems,
        LimitProblems,
        (status = 204, description = "Signed out; also for an unknown or dead token, and in cookie mode without any; the cookie of a session that ended is gone"),
        (status = 401, description = "`authentication_required`: neither token was sent", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 403, description = "`origin_refused`: in cookie mode", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn log_out(
    State(app): State<App>,
    client: Client,
    mode: Mode,
    bearer: Result<Bearer, Problem>,
    OptionalJson(body): OptionalJson<LogoutBody>,
) -> Result<Response, Problem> {
    // A text that cannot be a token is as dead as an expired one.
    let (access, sent) = match bearer {
        Ok(Bearer(token)) => (token.map(LogoutProof::Access), false),
        Err(problem) if problem.code() == Code::InvalidToken => (None, true),
        Err(problem) => return Err(problem),
    };
    let refresh = refresh_tokens(&mode, body.refresh_token)?;
    // A browser whose cookie is gone is signed out as it wanted to be. To end others takes a proof.
    let is_gone = matches!(mode, Mode::Cookie(_)) && body.scope == LogoutScope::Session;
    if access.is_none() && refresh.is_empty() && !sent && !is_gone {
        return Err(Problem::new(Code::AuthenticationRequired));
    }
    let proofs = refresh.into_iter().map(LogoutProof::Refresh).chain(access);
    for proof in proofs {
        // When storage fails the cookie stays: it is what ends the session at the next try.
        app.sessions
            .log_out(proof, body.scope, &client.anonymous())
            .await?;
    }
    Ok(match mode {
        Mode::Cookie(jar) if body.scope != LogoutScope::Others => jar.emptied(StatusCode::NO_CONTENT),
        _ => StatusCode::NO_CONTENT.into_response(),
    })
}

/// The refresh tokens that a request presents the way its mode wants it.
fn refresh_tokens(mode: &Mode, in_body: Option<SecretString>) -> Result<Vec<PlainToken>, Problem> {
    let token = in_body.map(|token| PlainToken::presented(token.expose_secret()));
    match (mode, token) {
        (Mode::Body, token) => Ok(token.into_iter().collect()),
        (Mode::Cookie(jar), None) => Ok(jar.refresh_tokens().to_vec()),
        (Mode::Cookie(_), Some(_)) => {
            let fault = not_in_body();
            Err(Problem::field("refresh_token", fault.code, fault.detail))
        }
    }
}
