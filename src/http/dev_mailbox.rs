//! `/dev/mailbox`: the mails that development catches. They hold live tokens, so the routes exist only
//! with that transport, and answer only this machine: a loopback peer, nothing forwarded, a near `Host`.
//! Everybody else is told that there is nothing here.

use std::sync::Arc;

use axum::extract::{Extension, FromRequestParts, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use minijinja::{Value, context};
use serde::Serialize;
use utoipa::ToSchema;

use super::client::Client;
use super::edge::Edge;
use super::extract::Json;
use super::pages::Language;
use super::problem::{CommonProblems, Problem};
use crate::app::App;
use crate::mail::{self, CaughtMail};

/// Somebody at this machine.
#[derive(Debug)]
pub struct Near;

impl<S: Send + Sync> FromRequestParts<S> for Near {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(client) = Client::from_request_parts(parts, state).await;
        let edge = parts.extensions.get::<Arc<Edge>>();
        let mut hosts = parts.headers.get_all(HOST).iter();
        let host = hosts
            .next()
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        let near = client.peer.is_loopback()
            && !client.forwarded
            && hosts.next().is_none()
            && edge.is_some_and(|edge| edge.hosts.is_near(host));
        if near {
            Ok(Self)
        } else {
            Err(super::problem::not_found().await)
        }
    }
}

/// What was caught, newest first.
#[derive(Serialize, ToSchema)]
pub struct Mailbox {
    #[schema(value_type = Vec<MailSchema>)]
    items: Vec<CaughtMail>,
}

/// The schema of [`CaughtMail`].
#[derive(ToSchema)]
#[schema(as = CaughtMail)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct MailSchema {
    id: uuid::Uuid,
    /// A plain address.
    to: String,
    subject: String,
    text: String,
    html: String,
    links: Vec<String>,
    /// What the link carries, where it carries one.
    token: Option<String>,
    #[schema(format = DateTime)]
    sent_at: String,
}

/// Read caught mails
///
/// Development only, for callers on this machine.
#[utoipa::path(
    get,
    path = "/dev/mailbox.json",
    operation_id = "list_caught_mails",
    tag = "Development",
    responses(
        CommonProblems,
        (status = 200, description = "Newest first", body = Mailbox),
        (status = 404, description = "`not_found`: to everybody who is not at this machine", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<App>, _: Near) -> Result<Json<Mailbox>, Problem> {
    Ok(Json(Mailbox {
        items: mail::caught(&app.cx.db).await?,
    }))
}

/// Page of caught mails
#[utoipa::path(
    get,
    path = "/dev/mailbox",
    operation_id = "mailbox_page",
    tag = "Development",
    responses(
        CommonProblems,
        (status = 200, description = "HTML", content_type = "text/html", body = String),
        (status = 404, description = "`not_found`: to everybody who is not at this machine", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn page(
    State(app): State<App>,
    Extension(edge): Extension<Arc<Edge>>,
    language: Language,
    _: Near,
) -> Response {
    match mail::caught(&app.cx.db).await {
        Ok(mails) => {
            let mails: Vec<Value> = mails.into_iter().map(shown).collect();
            edge.pages.render("mailbox.html", language, context! { mails })
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// A mail for the page: its text and its links. Its HTML is not run here.
fn shown(mail: CaughtMail) -> Value {
    let web = |link: &String| link.starts_with("https://") || link.starts_with("http://");
    let links: Vec<String> = mail.links.into_iter().filter(web).collect();
    context! {
        id => mail.id.to_string(),
        to => mail.to,
        subject => mail.subject,
        text => mail.text,
        links,
        sent_at => mail.sent_at.to_string(),
    }
}
