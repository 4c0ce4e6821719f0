//! The bare server: one GET, WebSockets, and an echo over plain TCP.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

use super::sockets::{self, Parked};

/// As long as what the hub answers to `GET /api/auth/site_role`.
const ANSWER: &str = r#"{"role":"user","permissions":[],"version":1}"#;

/// Serves until it is killed. The first lines of output say where.
pub async fn run() -> anyhow::Result<()> {
    let echo = listener()?;
    let listener = listener()?;
    println!("listening on http://{}", listener.local_addr()?);
    println!("echo on {}", echo.local_addr()?);
    #[expect(clippy::disallowed_methods, reason = "it lives as long as the process")]
    tokio::spawn(echo_all(echo));
    let router = Router::new()
        .route("/json", get(answer))
        .route("/ws", get(sockets::serve))
        .route("/parked", get(sockets::park))
        .route("/send/{times}", post(sockets::send_all))
        .route("/close", post(sockets::close_all))
        .with_state(Parked::default());
    Ok(axum::serve(listener, router).await?)
}

async fn answer() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
        ANSWER,
    )
}

/// With the hub's backlog, so that a burst does not wait for a resent SYN.
fn listener() -> anyhow::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(socket.listen(4096)?)
}

async fn echo_all(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let _nodelay = stream.set_nodelay(true);
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            if stream.write_all(&buffer[..length]).await.is_err() {
                break;
            }
        }
    }
}
