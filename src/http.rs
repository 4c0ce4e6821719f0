//! REST: routes, extractors, problems and pages.

/// The OpenAPI document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    todo!()
}
