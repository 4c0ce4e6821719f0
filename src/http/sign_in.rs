//! `POST /api/auth`: sign-in by e-mail and password.

use axum::extract::State;
use axum::response::Response;
use secrecy::SecretString;
use utoipa::ToSchema;

use super::client::Client;
use super::cookies::Mode;
use super::extract::{Fields, Json, ModeHeader, Read, values};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem};
use super::render::TokenPairJson;
use crate::app::App;
use crate::email::Email;
use crate::sessions::{MAX_DEVICE, SignIn};

/// What a person signs in with.
#[derive(Debug, ToSchema)]
pub struct SignInBody {
    #[schema(value_type = String, format = Email)]
    email: Email,
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// What to call this device.
    #[schema(max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    device: Option<String>,
}

impl Read for SignInBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let email = fields.required("email", values::email);
        let password = fields.required("password", values::password);
        let device = fields
            .optional("device", values::text_or_empty(MAX_DEVICE))
            .flatten();
        Some(Self {
            email: email?,
            password: password?,
            device,
        })
    }
}

/// Sign in
///
/// In cookie mode a session whose cookie gives way to the new one ends.
#[utoipa::path(
    post,
    path = "/api/auth",
    tag = "Sign-in",
    params(ModeHeader),
    request_body = SignInBody,
    responses(
        CommonProblems,
        BodyProblems,
        LimitProblems,
        (status = 200, description = "A session has begun", body = TokenPairJson),
        (status = 401, description = "`invalid_credentials`", body = super::problem::Body, content_type = "application/problem+json"),
        (status = 403, description = "`account_inactive`, `account_disabled`: after a right password only; `origin_refused`: in cookie mode", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn sign_in(
    State(app): State<App>,
    client: Client,
    mode: Mode,
    Json(body): Json<SignInBody>,
) -> Result<Response, Problem> {
    let who = SignIn {
        email: body.email,
        password: body.password,
        device: body.device,
        kept: mode.kept(),
    };
    let signed_in = app.sessions.sign_in(who, &client.anonymous()).await?;
    Ok(mode.signed_in(signed_in))
}
