//! The pages behind mailed links and around them. They only render: GET looks nothing up and consumes
//! nothing, for mail scanners follow links (T07). A click sends the request.

use std::sync::Arc;

use axum::extract::Extension;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::edge::Edge;
use super::problem::{CommonProblems, Problem};
use crate::error::Code;

const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("pages/base.html")),
    ("activation.html", include_str!("pages/activation.html")),
    ("device.html", include_str!("pages/device.html")),
    ("docs.html", include_str!("pages/docs.html")),
    ("email.html", include_str!("pages/email.html")),
    ("email_undo.html", include_str!("pages/email_undo.html")),
    ("home.html", include_str!("pages/home.html")),
    ("mailbox.html", include_str!("pages/mailbox.html")),
    ("problem.html", include_str!("pages/problem.html")),
    ("recovery.html", include_str!("pages/recovery.html")),
    ("setup.html", include_str!("pages/setup.html")),
];

/// The templates, compiled once.
#[derive(Debug)]
pub struct Pages {
    templates: Environment<'static>,
    /// The path under which people reach the hub, without a slash at its end: mostly empty.
    root: String,
}

impl Pages {
    /// Compiles them.
    pub fn new(root: String) -> Self {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            if let Err(error) = templates.add_template(name, source) {
                tracing::error!(%error, template = name, "a page does not compile");
            }
        }
        Self { templates, root }
    }

    /// The page `name`, filled in; everything is escaped.
    pub fn render(&self, name: &str, values: Value) -> Response {
        let whole = context! { root => self.root.as_str(), ..values };
        let text = self
            .templates
            .get_template(name)
            .and_then(|template| template.render(whole));
        match text {
            Ok(text) => {
                let html = HeaderValue::from_static("text/html; charset=utf-8");
                ([(CONTENT_TYPE, html)], text).into_response()
            }
            Err(error) => {
                tracing::error!(%error, template = name, "a page could not be rendered");
                Problem::new(Code::Internal).into_response()
            }
        }
    }
}

/// Page behind the activation link
#[utoipa::path(
    get,
    path = "/activate/{token}",
    operation_id = "activation_page",
    tag = "Pages",
    params(("token" = String, Path, description = "From the mail")),
    responses(CommonProblems, (status = 200, description = "HTML; consumes nothing", content_type = "text/html", body = String))
)]
pub async fn activation(Extension(edge): Extension<Arc<Edge>>) -> Response {
    edge.pages.render("activation.html", context! {})
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
pub async fn recovery(Extension(edge): Extension<Arc<Edge>>) -> Response {
    edge.pages.render("recovery.html", context! {})
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
pub async fn email(Extension(edge): Extension<Arc<Edge>>) -> Response {
    edge.pages.render("email.html", context! {})
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
pub async fn email_undo(Extension(edge): Extension<Arc<Edge>>) -> Response {
    edge.pages.render("email_undo.html", context! {})
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
pub async fn device(Extension(edge): Extension<Arc<Edge>>) -> Response {
    edge.pages.render("device.html", context! {})
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
pub async fn setup(Extension(edge): Extension<Arc<Edge>>) -> Response {
    edge.pages.render("setup.html", context! {})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_renders_and_has_nothing_inline() {
        let edge = Edge::for_tests();
        for (name, source) in TEMPLATES {
            assert!(edge.pages.templates.get_template(name).is_ok(), "{name}");
            for inline in ["<style", " style=", "<script>", " onclick", "javascript:"] {
                assert!(!source.contains(inline), "{inline} in {name}");
            }
        }
        for name in [
            "activation.html",
            "device.html",
            "docs.html",
            "email.html",
            "email_undo.html",
            "recovery.html",
            "setup.html",
        ] {
            assert_eq!(edge.pages.render(name, context! {}).status(), 200, "{name}");
        }
    }
}
