//! `POST /api/auth/logout`: signs out whoever proves a session, by access or by refresh token. A token
//! that is unknown or dead is answered as a live one. When both are sent, both sessions end.

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use utoipa::ToSchema;

use super::client::Client;
use super::extract::{Bearer, Fields, NoMode, OptionalJson, Read, values};
use super::problem::{BodyProblems, CommonProblems, Problem};
use crate::app::App;
use crate::error::Code;
use crate::secret::PlainToken;
use crate::sessions::{LogoutProof, LogoutScope};

const SCOPES: &[(&str, LogoutScope)] = &[
    ("session", LogoutScope::Session),
    ("others", LogoutScope::Others),
    ("all", LogoutScope::All),
];

/// What ends. The body may be left out.
#[derive(Debug, ToSchema)]
pub struct LogoutBody {
    /// `session` unless set; `others` keeps this one alone, `all` keeps none.
    #[schema(value_type = Option<String>, pattern = "^(session|others|all)$")]
    scope: LogoutScope,
    /// Instead of an access token.
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
    request_body = Option<LogoutBody>,
    responses(
        CommonProblems,
        BodyProblems,
        (status = 204, description = "Signed out; also for an unknown or dead token"),
        (status = 401, description = "`authentication_required`: neither token was sent", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn log_out(
    State(app): State<App>,
    client: Client,
    bearer: Result<Bearer, Problem>,
    _: NoMode,
    OptionalJson(body): OptionalJson<LogoutBody>,
) -> Result<StatusCode, Problem> {
    // A text that cannot be a token is as dead as an expired one.
    let (access, sent) = match bearer {
        Ok(Bearer(token)) => (token.map(LogoutProof::Access), false),
        Err(problem) if problem.code() == Code::InvalidToken => (None, true),
        Err(problem) => return Err(problem),
    };
    let refresh = body.refresh_token;
    let refresh = refresh.map(|token| LogoutProof::Refresh(PlainToken::presented(token.expose_secret())));
    if access.is_none() && refresh.is_none() && !sent {
        return Err(Problem::new(Code::AuthenticationRequired));
    }
    for proof in [refresh, access].into_iter().flatten() {
        app.sessions
            .log_out(proof, body.scope, &client.anonymous())
            .await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
