//! `GET /problems/{code}`: the page that a problem's `type` points to.

use std::sync::Arc;

use axum::extract::Extension;
use axum::response::{IntoResponse, Response};
use minijinja::context;

use super::edge::Edge;
use super::extract::PathId;
use super::pages::Language;
use super::problem::{CommonProblems, Entry, Problem};
use crate::error::Code;

/// What an error code means
#[utoipa::path(
    get,
    path = "/problems/{code}",
    operation_id = "problem_page",
    tag = "Pages",
    params(("code" = String, Path, description = "As in `code` of a problem")),
    responses(
        CommonProblems,
        (status = 200, description = "HTML", content_type = "text/html", body = String),
        (status = 404, description = "`not_found`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn page(Extension(edge): Extension<Arc<Edge>>, PathId(wanted): PathId<String>) -> Response {
    let Some(code) = Code::ALL.iter().copied().find(|code| code.as_str() == wanted) else {
        return Problem::new(Code::NotFound).into_response();
    };
    let Entry {
        status,
        title,
        detail,
        remedy,
    } = Entry::of(code);
    let values = context! { code => code.as_str(), status => status.as_u16(), title, detail, remedy };
    // What a code means is told in English alone: it is for those who program.
    edge.pages.render("problem.html", Language::English, values)
}
