//! `GET /`: what runs here, and where to go; in development also a demonstration: two devices of one person, and what
//! passes between them and the hub. It uses the public routes alone: nothing here may do what others may not.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Response;
use minijinja::context;

use super::edge::Edge;
use super::pages::Language;
use super::problem::CommonProblems;
use crate::app::App;

/// Home page
#[utoipa::path(
    get,
    path = "/",
    operation_id = "home_page",
    tag = "Pages",
    responses(CommonProblems, (status = 200, description = "HTML", content_type = "text/html", body = String))
)]
pub async fn page(
    State(app): State<App>,
    Extension(edge): Extension<Arc<Edge>>,
    language: Language,
) -> Response {
    let name = if edge.development {
        "demo.html"
    } else {
        "home.html"
    };
    let values = context! {
        issuer => app.cx.site.issuer(),
        socket => app.cx.site.socket_url(),
        // Of production nobody needs to know.
        version => edge.development.then_some(env!("CARGO_PKG_VERSION")),
        database => edge.development.then(|| app.cx.db.kind()),
    };
    edge.pages.render(name, language, values)
}
