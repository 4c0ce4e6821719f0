//! Requests as bytes: where one ends and the next begins (ASVS 4.2.1), and how long it may take (T26).

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::DEADLINE;
use crate::support::app::TestApp;

/// Reads until the server ends the connection; gives how long that took.
async fn until_closed(mut stream: TcpStream) -> Duration {
    let began = Instant::now();
    let mut rest = Vec::new();
    let _reset = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest))
        .await
        .expect("the server keeps the connection");
    began.elapsed()
}

#[tokio::test]
async fn t26_a_head_that_does_not_come_ends_the_connection_after_five_seconds() {
    let app = TestApp::spawn().await;
    let connect = || async { TcpStream::connect(app.address).await.unwrap() };
    let silent = connect().await;
    let mut slow = connect().await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        .await
        .unwrap();
    // After an answer the next head has the same time, once it has begun.
    let mut second = connect().await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    second.write_all(request).await.unwrap();
    second.read_u8().await.unwrap();
    second.write_all(b"GET /hea").await.unwrap();
    // Until then it is kept, for proxies.
    let mut kept = connect().await;
    kept.write_all(request).await.unwrap();
    let closed = async { tokio::join!(until_closed(silent), until_closed(slow), until_closed(second)) };
    let (silent, slow, second) = closed.await;
    for (about, taken) in [("silent", silent), ("slow", slow), ("second", second)] {
        let bounds = Duration::from_secs(4)..Duration::from_secs(10);
        assert!(bounds.contains(&taken), "{about}: {taken:?}");
    }
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answers = String::new();
    kept.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
}

/// Requests in which two readers may see different ends.
fn ambiguous(host: &str) -> Vec<(&'static str, String)> {
    let smuggled = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nX-Smuggled: 1\r\n\r\n");
    let post = |lines: &str, body: &str| {
        format!(
            "POST /api/auth/logout HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{lines}\r\n{body}"
        )
    };
    let chunked = format!("0\r\n\r\n{smuggled}");
    vec![
        (
            "length, then chunks",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", &chunked),
        ),
        (
            "chunks, then length",
            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", &chunked),
        ),
        (
            "two lengths",
            post("Content-Length: 0\r\nContent-Length: 5\r\n", &smuggled),
        ),
        ("a list of lengths", post("Content-Length: 0, 5\r\n", &smuggled)),
        ("a signed length", post("Content-Length: +5\r\n", &smuggled)),
        ("a negative length", post("Content-Length: -5\r\n", &smuggled)),
        (
            "a length beyond all",
            post("Content-Length: 18446744073709551621\r\n", &smuggled),
        ),
        (
            "chunks not last",
            post("Transfer-Encoding: chunked, identity\r\n", &chunked),
        ),
        (
            "an unknown coding",
            post("Transfer-Encoding: xchunked\r\n", &chunked),
        ),
        (
            "a blank before the colon",
            post("Content-Length : 5\r\n", &smuggled),
        ),
        ("a folded line", post("X-A: b\r\n c\r\n", &smuggled)),
        ("NUL in a header", post("X-A: b\0c\r\n", &smuggled)),
    ]
}

#[tokio::test]
async fn no_request_can_be_smuggled_behind_another() {
    let app = TestApp::spawn().await;
    for (about, bytes) in ambiguous("localhost") {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        let _reset = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut read))
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&read);
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{about}: {text}");
        // Chunks and a length: the chunks count, and nothing is read after them (RFC 9112, 6.1).
        let status = if about.contains("length, then chunks") || about.contains("chunks, then length") {
            "401"
        } else {
            "400"
        };
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{about}: {text}");
    }
}

#[tokio::test]
async fn requests_that_follow_each_other_honestly_are_answered_in_turn() {
    let app = TestApp::spawn().await;
    let one = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let two = "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = app.raw(format!("{one}{two}")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("HTTP/1.1 404"), "{}", answer.body);
}

#[tokio::test]
async fn older_and_fuller_forms_of_a_request_are_answered_or_refused_cleanly() {
    let app = TestApp::spawn().await;
    let own = app.address;
    for (request, status, code) in [
        ("GET /healthz HTTP/1.0\r\n\r\n".to_owned(), 200, None),
        (
            "GET /api/users/me HTTP/1.0\r\n\r\n".to_owned(),
            401,
            Some("authentication_required"),
        ),
        (
            format!("GET http://{own}/healthz HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"),
            200,
            None,
        ),
        (
            format!("GET http://{own}/api/users/me/ HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"),
            401,
            Some("authentication_required"),
        ),
        (
            format!(
                "GET http://evil.example/api/users/me HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"
            ),
            421,
            Some("misdirected_request"),
        ),
        (
            format!(
                "GET http://{own}/api/users/me HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
            ),
            421,
            Some("misdirected_request"),
        ),
        (
            "GET /api/users/me HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
            400,
            Some("bad_request"),
        ),
        (
            format!("GET /api/users/me HTTP/1.1\r\nHost: {own}\r\nHost: {own}\r\nConnection: close\r\n\r\n"),
            400,
            Some("bad_request"),
        ),
        (
            format!("OPTIONS * HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"),
            404,
            Some("not_found"),
        ),
        ("GET /healthz HTTP/2.0\r\n\r\n".to_owned(), 400, None),
        // No HTTP/2: hung up on without a word.
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 0, None),
        (
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".to_owned() + "\r\n\r\n",
            400,
            None,
        ),
        ("GET /a b HTTP/1.1\r\n\r\n".to_owned(), 400, None),
        ("GET\r\n\r\n".to_owned(), 400, None),
    ] {
        let answer = app.raw(&request).await;
        assert_eq!(answer.status, status, "{request:?}: {answer:?}");
        assert_eq!(answer.code().as_deref(), code, "{request:?}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let app = TestApp::spawn().await;
    let path = format!("/{}", "a".repeat(70_000));
    let long_path = app.raw_get(&path, &["Host: localhost"]).await;
    assert!([0, 414, 431].contains(&long_path.status), "{long_path:?}");
    let header = format!("X-A: {}", "a".repeat(70_000));
    let long_header = app.raw_get("/healthz", &["Host: localhost", &header]).await;
    assert!([0, 431].contains(&long_header.status), "{long_header:?}");
    let many: Vec<String> = (0..200).map(|number| format!("X-{number}: 1")).collect();
    let mut lines: Vec<&str> = many.iter().map(String::as_str).collect();
    lines.push("Host: localhost");
    let many = app.raw_get("/healthz", &lines).await;
    assert_eq!(many.status, 431, "{many:?}");
    // The server is none the worse for it.
    app.get("/healthz").await.expect(200);
}
