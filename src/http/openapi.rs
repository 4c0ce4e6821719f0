//! The `OpenAPI` document: what no single route knows, and the route that serves it.

use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, Server};
use utoipa::{Modify, OpenApi as _};

use super::problem;

mod complete;

pub use complete::complete;

/// The document as it is sent.
#[derive(Clone, Debug)]
pub struct Document(pub Bytes);

/// The frame that routes are added to.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Portcullis",
        // That of the interface. Which release is running is not told to whoever asks (ASVS 13.4.6).
        version = "1",
        description = "An auth server whose decisions reach people who are already connected. Every path answers with and without a trailing slash. Errors are problems (RFC 9457); match on `code`.",
    ),
    components(schemas(problem::Body, problem::Fault)),
    modifiers(&Credentials),
    tags(
        (name = "Account", description = "Registration, activation, recovery"),
        (name = "Own account", description = "What a signed-in person does to their own account"),
        (name = "Sign-in", description = "Sessions and their tokens"),
        (name = "Management", description = "For signed-in managers inside `management.allow`, and for service keys"),
        (name = "Socket", description = "The connection over which decisions are pushed"),
        (name = "Around it", description = "Keys, health, documentation"),
        (name = "Pages", description = "HTML for people"),
        (name = "Development", description = "Gone in production"),
    )
)]
struct Frame;

/// The two kinds of bearer credential.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = |description: &str, format: &str| {
            let http = Http::builder()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format(format);
            SecurityScheme::Http(http.description(Some(description)).build())
        };
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("access_token", bearer("An access token of a session", "JWT"));
        components.add_security_scheme("service_key", bearer("A service key of the scope named", "pck_…"));
    }
}

/// The document without routes.
pub fn frame() -> OpenApi {
    Frame::openapi()
}

/// Puts the server's own address in, and writes the document as JSON.
pub fn write(mut document: OpenApi, base: &str) -> Document {
    document.servers = Some(vec![Server::new(base)]);
    let text = document.to_json().unwrap_or_else(|error| {
        tracing::error!(%error, "the OpenAPI document cannot be written");
        String::new()
    });
    Document(text.into())
}

/// This document
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    operation_id = "read_openapi",
    tag = "Around it",
    responses(problem::CommonProblems, (status = 200, description = "OpenAPI 3.1", body = serde_json::Value))
)]
pub async fn read(Extension(Document(text)): Extension<Document>) -> Response {
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    ([(CONTENT_TYPE, kind)], text).into_response()
}
