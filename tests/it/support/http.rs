//! Calling REST: requests as a client sends them, answers as a test wants to look at them.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

/// The server closes a connection that says nothing for five seconds: a request must not meet that.
pub const IDLE: Duration = Duration::from_secs(3);

/// Calls one server.
#[derive(Clone, Debug)]
pub struct Caller {
    pub address: SocketAddr,
    pub client: Client,
    /// What comes before every path.
    base: String,
}

/// What came back, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Caller {
    pub fn new(address: SocketAddr) -> Self {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .build()
            .unwrap();
        Self::with(address, client, format!("http://{address}"))
    }

    /// Calls whoever listens at `address` by the name in `base`, as `client` does.
    pub fn with(address: SocketAddr, client: Client, base: String) -> Self {
        Self {
            address,
            client,
            base,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn get_as(&self, bearer: &str, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).bearer_auth(bearer)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn post_as(&self, bearer: &str, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).bearer_auth(bearer).json(&body)).await
    }

    /// Sends a form, as the clients of OAuth do.
    pub async fn form(&self, path: &str, bearer: Option<&str>, fields: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(fields).finish();
        let mut request = self.request(Method::POST, path).body(body);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        Answer::of(request).await
    }

    pub async fn put_as(&self, bearer: &str, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).bearer_auth(bearer).json(&body)).await
    }

    pub async fn patch(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::PATCH, path)).await
    }

    /// Any method, with or without a bearer and a body.
    pub async fn call(&self, method: &str, path: &str, bearer: Option<&str>, body: Option<&Value>) -> Answer {
        let mut request = self.request(method.parse().unwrap(), path);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        Answer::of(request).await
    }

    pub async fn delete_as(&self, bearer: &str, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path).bearer_auth(bearer)).await
    }
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self {
            status,
            headers,
            bytes: response.bytes().await.unwrap().to_vec(),
        }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// All that a stranger can compare: status, headers and body, without what differs between any two
    /// answers (`Date` and the request id).
    pub fn likeness(&self) -> String {
        let mut headers: Vec<String> = self
            .headers
            .iter()
            .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort_unstable();
        let id = self
            .header("x-request-id")
            .expect("every answer has a request id");
        let body = self.text().replace(id, "[request_id]");
        format!("{}\n{}\n\n{body}", self.status, headers.join("\n"))
    }

    /// Fails unless the status is `status`; gives the answer back.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    /// Fails unless this is the error `error` of OAuth with `status` (RFC 6749, 5.2); gives its body.
    #[track_caller]
    pub fn oauth_error(&self, status: u16, error: &str) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        assert_eq!(
            self.header("content-type"),
            Some("application/json; charset=utf-8")
        );
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let body = self.json();
        assert_eq!(body["error"], error, "{body}");
        let description = body["error_description"].as_str().unwrap();
        let allowed = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        assert!(
            !description.is_empty() && description.chars().all(allowed),
            "{description}"
        );
        body
    }

    /// Fails unless this is the problem `code` with `status`; gives its body.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status);
        body
    }
}
