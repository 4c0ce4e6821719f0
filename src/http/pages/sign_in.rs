//! The pages for a site that has none of its own: to sign in, to sign up, to ask for another password, and one's
//! account.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use minijinja::{Value, context};

use super::super::edge::Edge;
use super::super::problem::CommonProblems;
use super::{Language, return_to};
use crate::app::App;
use crate::providers::Provider;

/// Page to sign in
///
/// `?return_to=` names where to go then: a path of the hub's own origin, or an address of `links.return_to`. Whatever else
/// it names is not heard; the account page comes next.
#[utoipa::path(
    get,
    path = "/sign-in",
    operation_id = "sign_in_page",
    tag = "Pages",
    responses(CommonProblems, (status = 200, description = "HTML", content_type = "text/html", body = String))
)]
pub async fn sign_in(
    State(app): State<App>,
    Extension(edge): Extension<Arc<Edge>>,
    language: Language,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let values = context! {
        // Asking who is signed in would be refused, in red, to whoever opens the browser's console.
        ask => edge.cookies.may_be_signed_in(&headers),
        ..destination(&app, &edge, query.as_deref())
    };
    edge.pages.render("sign_in.html", language, values)
}

/// Page to sign up
#[utoipa::path(
    get,
    path = "/sign-up",
    operation_id = "sign_up_page",
    tag = "Pages",
    responses(CommonProblems, (status = 200, description = "HTML", content_type = "text/html", body = String))
)]
pub async fn sign_up(
    State(app): State<App>,
    Extension(edge): Extension<Arc<Edge>>,
    language: Language,
    RawQuery(query): RawQuery,
) -> Response {
    let values = destination(&app, &edge, query.as_deref());
    edge.pages.render("sign_up.html", language, values)
}

/// Page to ask for another password
#[utoipa::path(
    get,
    path = "/forgot",
    operation_id = "forgot_page",
    tag = "Pages",
    responses(CommonProblems, (status = 200, description = "HTML", content_type = "text/html", body = String))
)]
pub async fn forgot(
    State(app): State<App>,
    Extension(edge): Extension<Arc<Edge>>,
    language: Language,
    RawQuery(query): RawQuery,
) -> Response {
    let values = destination(&app, &edge, query.as_deref());
    edge.pages.render("forgot.html", language, values)
}

/// Page of one's own account
///
/// Who is signed in its script finds out; the page itself is the same for everybody.
#[utoipa::path(
    get,
    path = "/account",
    operation_id = "account_page",
    tag = "Pages",
    responses(CommonProblems, (status = 200, description = "HTML", content_type = "text/html", body = String))
)]
pub async fn account(
    State(app): State<App>,
    Extension(edge): Extension<Arc<Edge>>,
    language: Language,
) -> Response {
    let values = context! { offered => offered(&app) };
    edge.pages.render("account.html", language, values)
}

/// Whom else one can sign in with.
fn offered(app: &App) -> Vec<Value> {
    let providers = app.oauth.providers().all().iter();
    let shown = |provider: &Provider| context! { id => provider.id(), name => provider.name() };
    providers.map(shown).collect()
}

/// Where to go after a sign-in, and the query that takes the wish along.
fn destination(app: &App, edge: &Edge, query: Option<&str>) -> Value {
    let listed = app.cx.config.links.return_to.as_deref();
    let asked = return_to::asked(query, listed.unwrap_or_default());
    context! {
        offered => offered(app),
        query => return_to::query(asked.as_deref()),
        next => asked.unwrap_or_else(|| edge.pages.address("/account")),
    }
}
