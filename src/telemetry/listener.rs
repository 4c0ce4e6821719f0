//! `/metrics` on a listener of its own, away from the public one.
//!
//! The one place outside `http/` and `socket/` that speaks HTTP, with hyper alone: it has one page, no
//! bodies and no rules, and `http/` stands above this layer.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::lifecycle::Lifecycle;

/// Readers at once; more of them wait.
const READERS: usize = 8;
/// How long one reader may take for everything.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be accepted, as when files have run out.
const PAUSE: Duration = Duration::from_millis(100);

/// What writes the page.
pub(super) type Page = Arc<dyn Fn() -> String + Send + Sync>;

/// Answers `GET /metrics` until the server stops.
pub(super) async fn run(listener: TcpListener, page: Page, lifecycle: Lifecycle) {
    let places = Arc::new(Semaphore::new(READERS));
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = lifecycle.stopped().cancelled() => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let answering = answer_all(stream, Arc::clone(&page), lifecycle.clone());
                lifecycle.spawn(async move {
                    answering.await;
                    drop(place);
                });
            }
            Err(error) => accept_failed(&error).await,
        }
    }
}

async fn accept_failed(error: &io::Error) {
    tracing::warn!(%error, "a reader of metrics could not be accepted");
    tokio::time::sleep(PAUSE).await;
}

async fn answer_all(stream: TcpStream, page: Page, lifecycle: Lifecycle) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &page);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(16 * 1024);
    let connection = server.serve_connection(TokioIo::new(stream), service);
    // How a connection ends is the reader's affair.
    tokio::select! {
        () = lifecycle.stopped().cancelled() => {}
        _ = tokio::time::timeout(PATIENCE, connection) => {}
    }
}

fn answer(method: &Method, path: &str, page: &Page) -> Response<String> {
    const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    let mut response = match (path.trim_end_matches('/'), method) {
        ("/metrics", &Method::GET | &Method::HEAD) => Response::new(page()),
        ("/metrics", _) => {
            let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        _ => refusal(StatusCode::NOT_FOUND, "metrics are at /metrics\n"),
    };
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}

fn refusal(status: StatusCode, text: &str) -> Response<String> {
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn metrics_are_served_until_the_server_stops() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("portcullis_test_total").increment(7);
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lifecycle = Lifecycle::new();
        let handle = recorder.handle();
        lifecycle.spawn(run(
            listener,
            Arc::new(move || handle.render()),
            lifecycle.clone(),
        ));
        for (request, status, part) in [
            ("GET /metrics", "200", "portcullis_test_total 7"),
            ("GET /", "404", ""),
            ("POST /metrics", "405", "allow: GET"),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
            assert!(answer.contains(part), "{answer}");
        }
        assert!(lifecycle.stop(Duration::from_secs(5)).await);
        assert!(TcpStream::connect(address).await.is_err());
    }
}
