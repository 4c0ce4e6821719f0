//! `POST /api/users`: registration. The answer is the same for an address that has an account (T09).

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use utoipa::ToSchema;

use super::client::Client;
use super::extract::{Fields, Json, Read, values};
use super::problem::{BodyProblems, CommonProblems, LimitProblems, Problem};
use super::render::StatusJson;
use crate::accounts::{MAX_NAME, Registration};
use crate::app::App;
use crate::email::Email;

/// Who wants an account.
#[derive(Debug, ToSchema)]
pub struct RegistrationBody {
    #[schema(value_type = String, format = Email)]
    pub email: Email,
    #[schema(value_type = String, format = Password)]
    pub password: SecretString,
    #[schema(max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub name: Option<String>,
}

impl Read for RegistrationBody {
    fn read(fields: &mut Fields) -> Option<Self> {
        let email = fields.required("email", values::email);
        let password = fields.required("password", values::password);
        let name = fields.optional("name", values::text_or_empty(MAX_NAME)).flatten();
        Some(Self {
            email: email?,
            password: password?,
            name,
        })
    }
}

impl From<RegistrationBody> for Registration {
    fn from(body: RegistrationBody) -> Self {
        Self {
            email: body.email,
            password: body.password,
            name: body.name,
        }
    }
}

/// Register
#[utoipa::path(
    post,
    path = "/api/users",
    tag = "Account",
    request_body = RegistrationBody,
    responses(
        CommonProblems,
        BodyProblems,
        LimitProblems,
        (status = 202, description = "A mail was sent, whether or not the address has an account", body = StatusJson),
        (status = 403, description = "`registration_closed`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn register(
    State(app): State<App>,
    client: Client,
    Json(body): Json<RegistrationBody>,
) -> Result<(StatusCode, Json<StatusJson>), Problem> {
    app.accounts.register(body.into(), &client.anonymous()).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(StatusJson {
            status: "activation_sent",
        }),
    ))
}
