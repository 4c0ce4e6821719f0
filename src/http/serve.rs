//! The accept loop: HTTP/1.1 on one listener, a bounded time for each request's head, and a clean end.
//!
//! HTTP/1.1 alone: browsers open sockets over it, and a proxy in front speaks HTTP/2 to the world.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use super::Peer;
use crate::lifecycle::Lifecycle;

/// How long a client may take to send the head of a request (slowloris), and how long a connection may
/// stay idle between two requests.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// The most that the head of a request may take.
const MAX_HEAD: usize = 32 * 1024;
/// How long to wait when the system has no more file descriptors.
const BREATHER: Duration = Duration::from_millis(50);

/// Serves `router` until [`Lifecycle::stopped`]. Also while draining: who asks is told so.
pub async fn serve(listener: TcpListener, router: Router, lifecycle: Lifecycle) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lifecycle.stopped().cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let task = connection(stream, Peer(peer), router.clone(), lifecycle.clone());
                lifecycle.spawn(task);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: Peer, router: Router, lifecycle: Lifecycle) {
    // Frames and answers are small, and each is whole: waiting for more would only delay them.
    let _may_fail = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MAX_HEAD);
    let connection = http
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A broken connection is the client's affair.
        _ = connection.as_mut() => {}
        () = lifecycle.stopped().cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _in_time = tokio::time::timeout(Duration::from_secs(2), connection).await;
        }
    }
}
