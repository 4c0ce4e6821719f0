//! `GET /ws`: what is checked before the switch of protocols, and the task that owns the socket after it.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::connection;
use super::hello::{Introduction, greet};
use super::meter::Metered;
use super::protocol::{MAX_FRAME, SUBPROTOCOL, TOKEN_SUBPROTOCOL};
use super::wire::{Rest, finish, linger};
use crate::app::App;
use crate::config::Env;
use crate::error::Code;
use crate::http::client::Client;
use crate::http::problem::Problem;
use crate::http::serve::{Line, Place};
use crate::hub::Room;
use crate::secret::PlainToken;

/// Within how many seconds clients that found no room come back, each at a time of its own.
const COME_BACK: u64 = 10;
/// A socket's read buffer. Frames are small, and ten thousand sockets have ten thousand buffers.
const READ_BUFFER: usize = 512;
/// What may wait to be written below the outbox.
const MAX_WRITE_BUFFER: usize = 64 * 1024;

/// Switches to `portcullis.v1`, or says why not.
pub async fn upgrade(State(app): State<App>, mut request: Request) -> Response {
    match prepare(&app, &mut request) {
        Ok((response, switch)) => {
            app.lifecycle.spawn(switch.run(app.clone()));
            response
        }
        Err(problem) => problem.into_response(),
    }
}

/// An accepted upgrade, before the client has read the answer.
struct Switch {
    on_upgrade: OnUpgrade,
    introduction: Introduction,
    ip: IpAddr,
    room: Room,
    /// The connection's place among all.
    place: Option<Place>,
}

fn prepare(app: &App, request: &mut Request) -> Result<(Response, Switch), Problem> {
    let client = Client::of(request.extensions(), request.headers(), &app.cx.config.http);
    if app.lifecycle.draining().is_cancelled() {
        return Err(no_room(app, "this node is draining"));
    }
    let room = app.cx.hub.take_room();
    let room = room.ok_or_else(|| no_room(app, "this node takes no more sockets now"))?;
    let admission = app.cx.hub.admission().check();
    admission.map_err(|_| no_room(app, "too many sockets come at once"))?;
    check_encryption(app, &client)?;
    check_origin(app, request.headers())?;
    let offered = offered_protocols(request.headers())?;
    let introduction = match offered.token {
        Some(token) => Introduction::Token(token),
        None => Introduction::Awaited(
            app.cx
                .hub
                .wait_for_hello(client.ip)
                .ok_or_else(|| no_room(app, "too many sockets from your address wait for a hello"))?,
        ),
    };
    let response = handshake(request)?;
    let place = request.extensions_mut().remove::<Place>();
    let on_upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let on_upgrade = on_upgrade.ok_or_else(|| bad_request("this connection cannot switch protocols"))?;
    Ok((
        response,
        Switch {
            on_upgrade,
            introduction,
            ip: client.ip,
            room,
            place,
        },
    ))
}

/// The answer of RFC 6455, 4.2.2, with the one subprotocol that we speak.
fn handshake(request: &mut Request) -> Result<Response, Problem> {
    let mut bare = axum::http::Request::new(());
    *bare.method_mut() = request.method().clone();
    *bare.version_mut() = request.version();
    // Nothing reads them after this.
    *bare.headers_mut() = std::mem::take(request.headers_mut());
    let response =
        create_response(&bare).map_err(|error| bad_request(&format!("no WebSocket upgrade: {error}")))?;
    let (mut parts, ()) = response.into_parts();
    parts.headers.insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(SUBPROTOCOL),
    );
    Ok(Response::from_parts(parts, Body::empty()))
}

/// With an https address, a socket is opened over TLS or not at all: the proxy that ended TLS says so.
fn check_encryption(app: &App, client: &Client) -> Result<(), Problem> {
    let wanted = app.cx.config.env == Env::Production && app.cx.site.url().scheme() == "https";
    if wanted && !client.is_encrypted {
        return Err(Problem::new(Code::Forbidden).detail(
            "sockets are opened over wss alone; a proxy that ends TLS must be in http.trusted_proxies and set X-Forwarded-Proto",
        ));
    }
    Ok(())
}

/// A page of another site must not open a socket with what it got hold of.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let refused = || Problem::new(Code::OriginRefused).detail("this origin is not in http.allowed_origins");
    match (origins.next(), origins.next()) {
        (Some(origin), None) => {
            let origin = origin.to_str().map_err(|_| refused())?;
            if app.cx.allows_origin(origin) {
                Ok(())
            } else {
                Err(refused())
            }
        }
        (None, _) if headers.keys().any(|name| name.as_str().starts_with("sec-fetch-")) => Err(refused()),
        (None, _) => Ok(()),
        (Some(_), Some(_)) => Err(refused()),
    }
}

struct Offered {
    token: Option<PlainToken>,
}

/// What the client offers: `portcullis.v1`, and perhaps a token beside it.
fn offered_protocols(headers: &HeaderMap) -> Result<Offered, Problem> {
    let mut speaks = false;
    let mut token = None;
    for value in headers.get_all(header::SEC_WEBSOCKET_PROTOCOL) {
        let value = value
            .to_str()
            .map_err(|_| bad_request("Sec-WebSocket-Protocol is not readable"))?;
        for offered in value.split(',').map(str::trim) {
            if offered == SUBPROTOCOL {
                speaks = true;
            } else if let Some(text) = offered.strip_prefix(TOKEN_SUBPROTOCOL)
                && token.replace(PlainToken::presented(text)).is_some()
            {
                return Err(bad_request("more than one token was offered"));
            }
        }
    }
    if speaks {
        Ok(Offered { token })
    } else {
        Err(bad_request("offer the subprotocol portcullis.v1"))
    }
}

fn bad_request(detail: &str) -> Problem {
    Problem::new(Code::BadRequest).detail(detail)
}

fn no_room(app: &App, detail: &str) -> Problem {
    Problem::new(Code::Overloaded)
        .detail(detail)
        .retry_after(Duration::from_secs(1 + app.cx.rng.below(COME_BACK)))
}

impl Switch {
    async fn run(self, app: App) {
        let Self {
            on_upgrade,
            introduction,
            ip,
            room,
            place: of_all,
        } = self;
        // What is needed only for a moment is boxed, and given back before the long wait begins.
        let Some(mut wire) = Box::pin(take_over(&app, on_upgrade)).await else {
            return;
        };
        let (rest, place) = match Box::pin(greet(&app, &mut wire, introduction, ip)).await {
            Ok(greeted) => {
                let (end, place) = connection::serve(&app, &mut wire, greeted).await;
                (Box::pin(finish(&mut wire, end)).await, Some(place))
            }
            Err(end) => (Box::pin(finish(&mut wire, end)).await, None),
        };
        match rest {
            Rest::Clean => {
                drop(place);
                Box::pin(linger(&mut wire)).await;
            }
            Rest::Stuck => {
                // Reset: what the client has not read by now, it shall not read later. Only then does
                // its place go, and with it the receipt that it is closed.
                let _may_fail = wire.get_ref().stream().set_zero_linger();
                drop(wire);
                drop(place);
            }
        }
        drop((room, of_all));
    }
}

/// Waits until the client has the answer, and takes the bare TCP stream: hyper's own layers and buffers
/// would stay in memory for as long as the socket is open.
async fn take_over(app: &App, on_upgrade: OnUpgrade) -> Option<WebSocketStream<Metered>> {
    let patience = tokio::time::timeout(Duration::from_secs(5), on_upgrade);
    let upgraded = tokio::select! {
        upgraded = patience => upgraded.ok()?.ok()?,
        () = app.lifecycle.stopped().cancelled() => return None,
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<Line<TcpStream>>>() else {
        tracing::error!("an upgraded connection is not TCP");
        return None;
    };
    let (stream, early) = (
        Metered::new(parts.io.into_inner().into_inner()),
        parts.read_buf.to_vec(),
    );
    drop(parts.read_buf);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    Some(WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await)
}
