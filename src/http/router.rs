//! Every route on one screen, by who may call it, and the layers around them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::edge::Edge;
use super::problem::oauth::in_its_words;
use super::problem::{CommonProblems, get_only, method_not_allowed, not_found};
use super::{
    activation, assets, audit, client_files, cors, counting, dev_mailbox, docs, export, health, home, host,
    hub, identities, introspection, jwks, logout, mails, me, middleware, oauth, openapi as document,
    own_email, own_password, own_sessions, pages, path, problems, recovery, refresh, registration,
    revocations, roles, server_metadata, service_keys, sessions, setup, sign_in, site_role, socket_token,
    token_revocation, users,
};
use crate::app::App;
use crate::socket;

type Routes = OpenApiRouter<App>;

/// Nobody signed in: limits, or a mailed token, stand in front.
fn public() -> Routes {
    Routes::default()
        .routes(routes!(registration::register))
        .routes(routes!(activation::activate))
        .routes(routes!(activation::resend))
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(oauth::list))
        // Each of these uses up what leads to it, so HEAD is refused.
        .routes(routes!(oauth::departure::start).map(|route| route.head(get_only).fallback(get_only)))
        .routes(routes!(oauth::departure::start_link).map(|route| route.head(get_only).fallback(get_only)))
        .routes(routes!(oauth::callback::callback).map(|route| route.head(get_only).fallback(get_only)))
        .routes(routes!(oauth::exchange))
        .routes(routes!(refresh::refresh))
        .routes(routes!(logout::log_out))
        .routes(routes!(token_revocation::revoke).layer(map_response(in_its_words)))
        .routes(routes!(recovery::request))
        .routes(routes!(recovery::recover))
        .routes(routes!(own_email::confirm))
        .routes(routes!(own_email::undo))
        .routes(routes!(own_sessions::revoke_device))
        .routes(routes!(setup::set_up))
        .routes(routes!(jwks::read))
        .routes(routes!(server_metadata::read))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

/// A signed-in person.
fn user() -> Routes {
    Routes::default()
        .routes(routes!(me::read, me::update, me::delete))
        .routes(routes!(own_password::change))
        .routes(routes!(own_email::request))
        .routes(routes!(own_sessions::list, own_sessions::end_others))
        .routes(routes!(own_sessions::end))
        .routes(routes!(identities::list))
        // A provider's id, and an identity's.
        .routes(routes!(identities::link, identities::unlink))
        .routes(routes!(site_role::read))
        // GET is written down here, so HEAD is refused.
        .routes(routes!(export::export).map(|route| route.head(get_only).fallback(get_only)))
        // GET mints here, so HEAD is refused.
        .routes(routes!(socket_token::mint).map(|route| route.head(get_only).fallback(get_only)))
        .routes(routes!(open_socket).map(|route| route.head(get_only).fallback(get_only)))
}

/// A manager inside `management.allow`, or a service key, each with the permission that the handler names.
fn management() -> Routes {
    Routes::default()
        .routes(routes!(users::list))
        .routes(routes!(users::read, users::change, users::remove))
        .routes(routes!(site_role::assign))
        .routes(routes!(sessions::of_user))
        .routes(routes!(sessions::list))
        .routes(routes!(roles::list))
        .routes(routes!(roles::read, roles::write, roles::delete))
        .routes(routes!(revocations::revoke))
        .routes(routes!(revocations::receipt))
        .routes(routes!(hub::read))
        .routes(routes!(introspection::introspect).layer(map_response(in_its_words)))
        .routes(routes!(mails::list))
        .routes(routes!(audit::list))
        .routes(routes!(service_keys::list, service_keys::create))
        .routes(routes!(service_keys::read, service_keys::revoke))
}

/// Pages and documents for people. Nothing here is secret, so it may be compressed.
fn around() -> Routes {
    Routes::default()
        .routes(routes!(home::page))
        .routes(routes!(pages::sign_in::sign_in))
        .routes(routes!(pages::sign_in::sign_up))
        .routes(routes!(pages::sign_in::forgot))
        .routes(routes!(pages::sign_in::account))
        .routes(routes!(pages::links::activation))
        .routes(routes!(pages::links::recovery))
        .routes(routes!(pages::links::email))
        .routes(routes!(pages::links::email_undo))
        .routes(routes!(pages::links::device))
        .routes(routes!(pages::links::setup))
        .routes(routes!(problems::page))
        .routes(routes!(document::read))
        .routes(routes!(docs::page))
        .routes(routes!(client_files::module))
        .routes(routes!(client_files::global))
        .merge(docs::router().merge(assets::router()).into())
        .layer(CompressionLayer::new())
}

/// Callers on this machine, while mail is caught instead of sent.
fn development() -> Routes {
    Routes::default()
        .routes(routes!(dev_mailbox::page))
        .routes(routes!(dev_mailbox::list))
}

fn every(mailbox: bool) -> Routes {
    let frame = Routes::with_openapi(document::frame());
    let routes = frame
        .merge(public())
        .merge(user())
        .merge(management())
        .merge(around());
    let mut routes = if mailbox {
        routes.merge(development())
    } else {
        routes
    };
    document::complete(routes.get_openapi_mut());
    routes
}

/// The `OpenAPI` document of a production server.
#[must_use]
pub fn openapi() -> OpenApi {
    every(false).into_openapi()
}

/// Every route with its layers. The accept loop adds [`Peer`](super::Peer) to each request.
pub fn router(app: App) -> Router {
    let edge = Arc::new(Edge::new(&app.cx));
    let (routes, document) = every(edge.mailbox).split_for_parts();
    counting::begin(&document);
    let document = document::write(document, &edge.base);
    layered(routes.with_state(app).layer(Extension(document)), edge)
}

/// Puts the layers around `routes`: outermost first, after the trailing slash is gone.
fn layered(routes: Router, edge: Arc<Edge>) -> Router {
    let layers = ServiceBuilder::new()
        .layer(Extension(edge))
        .layer(from_fn(middleware::observe))
        .layer(from_fn(cors::apply))
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(from_fn(host::check));
    let routes = routes
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(layers);
    // Before routing, which a layer of the router itself would be too late for.
    Router::new().fallback_service(ServiceBuilder::new().map_request(path::normalise).service(routes))
}

/// Open a socket
///
/// RFC 6455 with the subprotocol `portcullis.v1`. See the socket's protocol.
#[utoipa::path(
    get,
    path = "/ws",
    tag = "Socket",
    responses(
        CommonProblems,
        (status = 101, description = "The socket is open and waits for a hello"),
        (status = 403, description = "`origin_refused`", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
async fn open_socket(state: State<App>, request: Request) -> Response {
    socket::upgrade(state, request).await
}

#[cfg(test)]
mod tests;
