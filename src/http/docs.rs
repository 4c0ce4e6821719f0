//! `/api/docs`: Swagger UI, from files compiled in, started by a script of our own; nothing inline and
//! nothing from elsewhere, so it works offline and under the pages' policy.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use minijinja::context;

use super::assets::File;
use super::edge::Edge;
use super::pages::Language;
use super::problem::{CommonProblems, Problem};
use crate::error::Code;

/// What the page loads of all that the package has.
const FILES: &[(&str, &str)] = &[
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
];

/// API documentation
#[utoipa::path(
    get,
    path = "/api/docs",
    operation_id = "docs_page",
    tag = "Around it",
    responses(CommonProblems, (status = 200, description = "Swagger UI", content_type = "text/html", body = String))
)]
pub async fn page(Extension(edge): Extension<Arc<Edge>>) -> Response {
    edge.pages.render("docs.html", Language::English, context! {})
}

/// The files of Swagger UI.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/api/docs/{file}", get(file))
}

async fn file(path: Option<Path<String>>, asked: HeaderMap) -> Response {
    let wanted = path.map(|Path(name)| name).unwrap_or_default();
    let Some((name, kind)) = FILES.iter().find(|(name, _)| *name == wanted) else {
        return Problem::new(Code::NotFound).into_response();
    };
    match utoipa_swagger_ui::serve(name, Arc::default()) {
        Ok(Some(found)) => File::new(kind, found.bytes.into_owned()).answer(&asked),
        _ => Problem::new(Code::NotFound).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_loads_is_compiled_in() {
        for (name, _) in FILES {
            assert!(
                utoipa_swagger_ui::serve(name, Arc::default()).unwrap().is_some(),
                "{name}"
            );
        }
    }
}
