//! The accept loop: HTTP/1.1 on one listener, a bounded number of connections, a bounded time for each request's head
//! and for reading its answer, and a clean end.
//!
//! HTTP/1.1 alone: browsers open sockets over it, and a proxy in front speaks HTTP/2 to the world.

mod line;
mod places;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

pub use line::Line;
use line::Turn;
pub use places::{Place, Places};

use super::Peer;
use crate::lifecycle::Lifecycle;

/// How long a connection may stay idle between two requests: longer than proxies keep theirs (nginx: 60 s), so that it
/// is not closed just when the next request is on its way.
const IDLE_WITHIN: Duration = Duration::from_secs(75);
/// The most that the head of a request may take.
const MAX_HEAD: usize = 32 * 1024;
/// How long to wait when the system has no more file descriptors.
const BREATHER: Duration = Duration::from_millis(50);

/// Serves `router` until [`Lifecycle::stopped`]. Also while draining: who asks is told so.
pub async fn serve(listener: TcpListener, router: Router, places: Places, lifecycle: Lifecycle) {
    loop {
        let next = async {
            let place = places.take().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = lifecycle.stopped().cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(of_address) = places.of(peer.ip()) else {
                    continue;
                };
                let served = connection(
                    stream,
                    (Peer(peer), place),
                    router.clone(),
                    places.clone(),
                    lifecycle.clone(),
                );
                lifecycle.spawn(async move {
                    served.await;
                    drop(of_address);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    (peer, place): (Peer, Place),
    router: Router,
    places: Places,
    lifecycle: Lifecycle,
) {
    // Frames and answers are small, and each is whole: waiting for more would only delay them.
    let _may_fail = stream.set_nodelay(true);
    let turn = Turn::default();
    let line = Line::new(stream, turn.clone());
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        turn.pass();
        request.extensions_mut().insert(peer);
        // What becomes a socket takes it along.
        request.extensions_mut().insert(place.clone());
        let answer = router.clone().oneshot(request.map(Body::new));
        let (turn, places) = (turn.clone(), places.clone());
        async move {
            let answer = answer.await.map(|mut answer| {
                if places.are_few() && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                    let close = HeaderValue::from_static("close");
                    answer.headers_mut().insert(CONNECTION, close);
                }
                answer
            });
            turn.pass();
            answer
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // Of the head alone `Line` takes care.
        .header_read_timeout(IDLE_WITHIN)
        .max_buf_size(MAX_HEAD);
    let connection = http.serve_connection(TokioIo::new(line), service).with_upgrades();
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

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// The head and the body of one answer.
    async fn answer(client: &mut TcpStream) -> String {
        let mut text = String::new();
        while !text.ends_with("done") {
            match client.read_u8().await {
                Ok(byte) => text.push(byte.into()),
                Err(_) => break,
            }
        }
        text
    }

    #[tokio::test]
    async fn t26_when_places_are_few_connections_end_with_their_answer_and_who_waits_is_served() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let life = Lifecycle::new();
        let router = Router::new().route("/", get(|| async { "done" }));
        life.spawn(serve(listener, router, Places::new(8, &[]), life.clone()));
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        // More than there are places for: each that is served makes room for another.
        let mut closed = 0;
        for client in &mut clients {
            client.write_all(REQUEST).await.unwrap();
            let answer = answer(client).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            closed += usize::from(answer.contains("connection: close"));
        }
        assert!((12..20).contains(&closed), "{closed}");
        drop(clients);
        assert!(life.stop(Duration::from_secs(5)).await);
    }
}
