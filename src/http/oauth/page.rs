//! The page for a browser that cannot be sent on: nobody is redirected who did not begin here.

use axum::http::StatusCode;
use axum::response::Response;
use minijinja::context;

use super::super::edge::Edge;
use super::super::pages::Language;
use super::super::problem::Problem;
use crate::oauth::Error;

/// Says why the sign-in stops here; what has nothing to do with it is a problem as everywhere.
pub fn stopped(error: Error, edge: &Edge, language: Language) -> Result<Response, Problem> {
    let (status, why, faults) = match error {
        Error::Stray => (StatusCode::BAD_REQUEST, "stray", Vec::new()),
        Error::Invalid(faults) => (StatusCode::BAD_REQUEST, "invalid", faults),
        Error::UnknownProvider => (StatusCode::NOT_FOUND, "unknown", Vec::new()),
        other => return Err(other.into()),
    };
    let faults: Vec<_> = faults
        .into_iter()
        .map(|fault| context! { field => fault.field, detail => fault.detail })
        .collect();
    let mut page = edge
        .pages
        .render("stopped.html", language, context! { why, faults });
    if page.status().is_success() {
        *page.status_mut() = status;
    }
    Ok(page)
}
