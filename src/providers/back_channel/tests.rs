//! What the back channel calls and what it does not, and what it makes of each answer.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::super::tests::server::{Server, answer, json as answer_json, redirect};
use super::*;

#[derive(Debug, serde::Deserialize)]
struct Right {
    n: u8,
}

async fn get(channel: &BackChannel, url: &str) -> Result<Value, Error> {
    channel.get(&url.parse().unwrap(), None, ANSWER).await
}

fn channel(reach: Reach) -> BackChannel {
    BackChannel::new(reach).unwrap()
}

fn is_unavailable<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Unavailable(_)))
}

#[tokio::test]
async fn t18_no_writing_of_loopback_reaches_it() {
    let canary = Server::canary();
    let port = canary.port();
    let channel = channel(Reach::Public);
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "127。0。0。1",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            let answer = get(&channel, &url).await;
            assert!(is_unavailable(&answer), "{url}: {answer:?}");
        }
    }
    assert_eq!(canary.seen().len(), 0, "connections");
    let near = self::channel(Reach::Loopback);
    assert_eq!(
        get(&near, &format!("http://127.0.0.1:{port}/")).await,
        Ok(json!({}))
    );
    assert_eq!(
        get(&near, &format!("http://localhost:{port}/")).await,
        Ok(json!({}))
    );
    assert_eq!(canary.seen().len(), 2, "the canary does sing");
}

#[tokio::test]
async fn t18_a_redirect_is_not_followed() {
    let canary = Server::canary();
    let to = canary.base().to_owned();
    let server = Server::answering(move |_, _| redirect(&to));
    for reach in [Reach::Loopback, Reach::Any] {
        assert!(is_unavailable(&get(&channel(reach), server.base()).await));
    }
    assert_eq!((server.seen().len(), canary.seen().len()), (2, 0));
}

#[tokio::test]
async fn t18_a_name_that_becomes_a_private_address_is_not_called() {
    let canary = Server::canary();
    // Public at first, private when it is asked for again (DNS rebinding); of several only the public ones.
    let public: IpAddr = "2606:4700::1".parse().unwrap();
    let private: IpAddr = "127.0.0.1".parse().unwrap();
    let answers = Mutex::new(vec![
        vec![private],
        vec![private],
        vec![private, public],
        vec![public],
    ]);
    let lookup = move |_: String| {
        let answer = answers.lock().unwrap().pop().unwrap();
        async move { Ok(answer) }
    };
    let guarded = Guarded {
        reach: Reach::Public,
        lookup: Arc::new(lookup),
    };
    let ask = || guarded.resolve("rebound.example.org".parse().unwrap());
    for _ in 0..2 {
        let found: Vec<IpAddr> = ask().await.unwrap().map(|address| address.ip()).collect();
        assert_eq!(found, [public]);
    }
    assert!(ask().await.is_err());
    let url = format!("https://rebound.example.org:{}/", canary.port());
    let lookup = move |_: String| async move { Ok(vec![private]) };
    let channel = BackChannel::resolving(Reach::Public, lookup).unwrap();
    let answer = get(&channel, &url).await;
    assert_eq!(answer, Err(Error::Unavailable(refusal("rebound.example.org"))));
    assert_eq!(canary.seen().len(), 0);
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_now_is_told_from_one_that_is_wrong() {
    let server = Server::answering(|_, request| match request.split(' ').nth(1).unwrap() {
        "/html" => answer(200, "<html></html>"),
        "/empty" => answer(200, ""),
        "/long" => answer(200, &format!("\"{}\"", "x".repeat(ANSWER))),
        "/endless" => format!("HTTP/1.1 200 x\r\n\r\n\"{}", "x".repeat(10 * ANSWER)),
        "/status" => answer(503, "{}"),
        "/busy" => answer(429, "{}"),
        "/missing" => answer(404, "{\"n\":1}"),
        "/wrong" => answer_json(&json!({ "secret": "canary" })),
        _ => answer_json(&json!({ "n": 1 })),
    });
    let channel = channel(Reach::Loopback);
    let ask = |path: &str| {
        let url = server.url(path);
        let channel = &channel;
        async move {
            channel
                .get::<Right>(&url, Some(("Bearer", "token")), ANSWER)
                .await
        }
    };
    for path in ["/html", "/empty", "/long", "/endless", "/status", "/busy"] {
        assert!(is_unavailable(&ask(path).await), "{path}");
    }
    for path in ["/missing", "/wrong"] {
        let answer = ask(path).await;
        assert!(matches!(&answer, Err(Error::Refused(_))), "{path}");
        assert!(!format!("{answer:?}").contains("canary"));
    }
    assert_eq!(ask("/right").await.unwrap().n, 1);
    let last = server.seen().pop().unwrap().to_lowercase();
    assert!(
        last.contains("authorization: bearer token\r\n") && last.contains("user-agent: portcullis\r\n"),
        "{last}"
    );
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert!(is_unavailable(&get(&channel, &format!("http://{closed}/")).await));
}

#[tokio::test(start_paused = true)]
async fn t18_who_does_not_answer_is_waited_for_briefly() {
    use tokio::time::{Instant, timeout};

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // With its queue full, so that nobody gets through.
    let full = tokio::net::TcpSocket::new_v4().unwrap();
    full.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = full.listen(1).unwrap();
    let busy = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(first) = timeout(Duration::from_secs(1), tokio::net::TcpStream::connect(busy)).await {
        waiting.push(first.unwrap());
    }
    let channel = channel(Reach::Loopback);
    for (address, limit) in [(silent.local_addr().unwrap(), CALL), (busy, CONNECT)] {
        let began = Instant::now();
        let url = format!("http://{address}/");
        let answer = timeout(Duration::from_hours(1), get(&channel, &url)).await;
        assert_eq!(
            answer.unwrap(),
            Err(Error::Unavailable("it takes too long".to_owned()))
        );
        let waited = began.elapsed();
        assert!(
            waited >= limit && waited < limit + Duration::from_secs(1),
            "{waited:?}"
        );
    }
}
