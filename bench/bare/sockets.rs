//! Bare WebSockets: the upgrade exactly as axum's own `ws` does it (which is not compiled in: the hub does
//! not use it), with a read buffer of 1 KiB and none to write.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Sockets that nobody reads: to send to them costs nothing but the sending.
pub type Parked = Arc<Mutex<Vec<Socket>>>;

/// A socket with a task that reads it: an idle one is the least that a socket can weigh.
pub async fn serve(request: Request) -> Response {
    switch(request, |mut socket: Socket| async move {
        // One frame, as the hub says `ready`.
        if socket.send(Message::text("ready")).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    })
}

/// A socket that is kept for [`send_all`].
pub async fn park(State(parked): State<Parked>, request: Request) -> Response {
    switch(request, |mut socket: Socket| async move {
        if socket.send(Message::text("ready")).await.is_ok() {
            parked.lock().await.push(socket);
        }
    })
}

/// Sends the body to each parked socket, so often: one frame, shared, one write each.
pub async fn send_all(State(parked): State<Parked>, Path(times): Path<u32>, frame: String) -> Response {
    let frame = Utf8Bytes::from(frame);
    let mut sockets = parked.lock().await;
    for _ in 0..times {
        for socket in sockets.iter_mut() {
            if socket.send(Message::Text(frame.clone())).await.is_err() {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        }
    }
    StatusCode::OK.into_response()
}

/// Sends a close frame to each parked socket, and drops it.
pub async fn close_all(State(parked): State<Parked>) -> StatusCode {
    for mut socket in std::mem::take(&mut *parked.lock().await) {
        let _may_be_gone = socket.close(None).await;
    }
    StatusCode::OK
}

fn switch<F>(mut request: Request, then: impl FnOnce(Socket) -> F + Send + 'static) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let mut bare = axum::http::Request::new(());
    *bare.method_mut() = request.method().clone();
    *bare.version_mut() = request.version();
    *bare.headers_mut() = request.headers().clone();
    let (Some(upgrade), Ok(response)) = (upgrade, create_response(&bare)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let task = async move {
        let Ok(upgraded) = upgrade.await else { return };
        let config = WebSocketConfig::default()
            .read_buffer_size(1024)
            .write_buffer_size(0)
            .max_write_buffer_size(64 * 1024)
            .max_message_size(Some(8 * 1024))
            .max_frame_size(Some(8 * 1024));
        let io = TokioIo::new(upgraded);
        then(WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await).await;
    };
    #[expect(clippy::disallowed_methods, reason = "as axum does it")]
    tokio::spawn(task);
    response.map(|()| Body::empty())
}
