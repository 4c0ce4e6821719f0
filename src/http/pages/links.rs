//! The pages behind mailed links, and the one that makes the first admin. They only render: GET looks nothing up and
//! consumes nothing, for mail scanners follow links (T07). A click sends the request.

use std::sync::Arc;

use axum::extract::Extension;
use axum::response::Response;
use minijinja::context;

use super::super::edge::Edge;
use super::super::problem::CommonProblems;
use super::Language;

/// Page behind the activation link
#[utoipa::path(
    get,
    path = "/activate/{token}",
    operation_id = "activation_page",
    tag = "Pages",
    params(("token" = String, Path, description = "From the mail")),
    responses(CommonProblems, (status = 200, description = "HTML; consumes nothing", content_type = "text/html", body = String))
)]
pub async fn activation(Extension(edge): Extension<Arc<Edge>>, language: Language) -> Response {
    edge.pages.render("activation.html", language, context! {})
}

/// Page behind the recovery link
#[utoipa::path(
    get,
    path = "/recovery/{token}",
    operation_id = "recovery_page",
    tag = "Pages",
    params(("token" = String, Path, description = "From the mail")),
    responses(CommonProblems, (status = 200, description = "HTML; consumes nothing", content_type = "text/html", body = String))
)]
pub async fn recovery(Extension(edge): Extension<Arc<Edge>>, language: Language) -> Response {
    edge.pages.render("recovery.html", language, context! {})
}

/// Page behind the link that confirms a new address
#[utoipa::path(
    get,
    path = "/email/{token}",
    operation_id = "email_page",
    tag = "Pages",
    params(("token" = String, Path, description = "From the mail")),
    responses(CommonProblems, (status = 200, description = "HTML; consumes nothing", content_type = "text/html", body = String))
)]
pub async fn email(Extension(edge): Extension<Arc<Edge>>, language: Language) -> Response {
    edge.pages.render("email.html", language, context! {})
}

/// Page behind the link that takes a change of address back
#[utoipa::path(
    get,
    path = "/email-undo/{token}",
    operation_id = "email_undo_page",
    tag = "Pages",
    params(("token" = String, Path, description = "From the mail")),
    responses(CommonProblems, (status = 200, description = "HTML; consumes nothing", content_type = "text/html", body = String))
)]
pub async fn email_undo(Extension(edge): Extension<Arc<Edge>>, language: Language) -> Response {
    edge.pages.render("email_undo.html", language, context! {})
}

/// Page behind the link that signs a device out
#[utoipa::path(
    get,
    path = "/device/{token}",
    operation_id = "device_page",
    tag = "Pages",
    params(("token" = String, Path, description = "From the mail")),
    responses(CommonProblems, (status = 200, description = "HTML; consumes nothing", content_type = "text/html", body = String))
)]
pub async fn device(Extension(edge): Extension<Arc<Edge>>, language: Language) -> Response {
    edge.pages.render("device.html", language, context! {})
}

/// Page that makes the first admin
#[utoipa::path(
    get,
    path = "/setup/{token}",
    operation_id = "setup_page",
    tag = "Pages",
    params(("token" = String, Path, description = "From the address that `serve` prints")),
    responses(CommonProblems, (status = 200, description = "HTML; consumes nothing", content_type = "text/html", body = String))
)]
pub async fn setup(Extension(edge): Extension<Arc<Edge>>, language: Language) -> Response {
    edge.pages.render("setup.html", language, context! {})
}
