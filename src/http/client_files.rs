//! `/client.js` and `/client.global.js`: the JavaScript client, for pages that have no build of their own. It is
//! public code, so pages of every origin may load it; what they may do with it `http.allowed_origins` decides.

use std::sync::Arc;

use axum::extract::Extension;
use axum::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::assets::{File, SCRIPT};
use super::edge::Edge;
use super::headers::RESOURCE_POLICY;
use super::problem::CommonProblems;

/// The client, in both forms.
#[derive(Debug)]
pub struct ClientFiles {
    module: File,
    global: File,
}

impl Default for ClientFiles {
    fn default() -> Self {
        let file = |text: &'static str| File::new(SCRIPT, text).kept();
        Self {
            module: file(include_str!("../../client-js/dist/client.js")),
            global: file(include_str!("../../client-js/dist/client.global.js")),
        }
    }
}

/// The JavaScript client as a module
///
/// `import { createClient } from "<public_url>/client.js"`, from a page of any origin.
#[utoipa::path(
    get,
    path = "/client.js",
    operation_id = "client_module",
    tag = "Around it",
    responses(
        CommonProblems,
        (status = 200, description = "An ES module", content_type = "text/javascript", body = String),
        (status = 304, description = "It is what `If-None-Match` names"),
    )
)]
pub async fn module(Extension(edge): Extension<Arc<Edge>>, asked: HeaderMap) -> Response {
    for_everybody(&edge.client.module, &asked)
}

/// The JavaScript client as a script
///
/// Sets `globalThis.Portcullis`.
#[utoipa::path(
    get,
    path = "/client.global.js",
    operation_id = "client_script",
    tag = "Around it",
    responses(
        CommonProblems,
        (status = 200, description = "A script", content_type = "text/javascript", body = String),
        (status = 304, description = "It is what `If-None-Match` names"),
    )
)]
pub async fn global(Extension(edge): Extension<Arc<Edge>>, asked: HeaderMap) -> Response {
    for_everybody(&edge.client.global, &asked)
}

/// The file, for pages of every origin, which send no credentials with it.
fn for_everybody(file: &File, asked: &HeaderMap) -> Response {
    let open = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (RESOURCE_POLICY, HeaderValue::from_static("cross-origin")),
    ];
    (open, file.answer(asked)).into_response()
}
