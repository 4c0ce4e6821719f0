//! A server on loopback that answers what a test says, and notes who called.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use url::Url;

/// It runs until the test program ends.
pub(crate) struct Server {
    base: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request with what `answer` makes of the server's own address and the request.
    pub(crate) fn answering(answer: impl Fn(&str, &str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = Self {
            base: base.clone(),
            seen: Arc::clone(&seen),
        };
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // Noted before anything is read: a connection alone is one too many for some tests.
                seen.lock().unwrap().push(String::new());
                let request = request(&mut stream);
                let answer = answer(&base, &request);
                *seen.lock().unwrap().last_mut().unwrap() = request;
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        server
    }

    /// One that nobody should call.
    pub(crate) fn canary() -> Self {
        Self::answering(|_, _| answer(200, "{}"))
    }

    /// Its address, without a slash at the end.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn port(&self) -> u16 {
        self.url("/").port().unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        format!("{}{path}", self.base).parse().unwrap()
    }

    /// Every request so far, head and body; a connection that asked nothing is an empty text.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests began with `line`.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.seen()
            .iter()
            .filter(|request| request.starts_with(line))
            .count()
    }
}

fn request(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() >= length.parse().unwrap()) {
                return text;
            }
        }
        match stream.read(&mut part) {
            Ok(read @ 1..) => request.extend_from_slice(&part[..read]),
            _ => return text,
        }
    }
}

/// An answer with this status and body, which does not say what it is.
pub(crate) fn answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// An answer with JSON.
pub(crate) fn json(value: &Value) -> String {
    answer(200, &value.to_string())
}

/// An answer that sends elsewhere.
pub(crate) fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 x\r\nConnection: close\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}
