//! The crowd: real WebSocket clients, each with a session of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::SinkExt;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::server::PASSWORD;

/// How many clients connect at a time.
const AT_ONCE: usize = 32;

/// How long one forced logout took, from the request.
pub struct Logout {
    /// Until the client had read the close frame.
    pub closed: Duration,
    /// Until the backend had its receipt.
    pub answered: Duration,
}

/// Everybody who is connected.
pub struct Crowd {
    address: SocketAddr,
    http: reqwest::Client,
    users: Vec<String>,
    /// By session: told when its socket has closed.
    open: HashMap<String, oneshot::Receiver<Instant>>,
    unexpected: Arc<AtomicUsize>,
}

impl Crowd {
    pub fn new(address: SocketAddr, users: Vec<String>) -> Self {
        let (open, unexpected) = (HashMap::new(), Arc::default());
        Self {
            address,
            http: reqwest::Client::new(),
            users,
            open,
            unexpected,
        }
    }

    /// Signs in and connects until there are `count` sockets.
    pub async fn grow_to(&mut self, count: usize) -> anyhow::Result<()> {
        let (here, users) = (self.open.len(), &self.users);
        let connecting = stream::iter(here..count).map(|number| self.join(&users[number % users.len()]));
        let joined: Vec<_> = connecting.buffer_unordered(AT_ONCE).collect().await;
        for session in joined {
            let (id, closed) = session?;
            self.open.insert(id, closed);
        }
        Ok(())
    }

    async fn join(&self, email: &str) -> anyhow::Result<(String, oneshot::Receiver<Instant>)> {
        let base = format!("http://{}", self.address);
        let body = json!({ "email": email, "password": PASSWORD });
        let pair = self
            .http
            .post(format!("{base}/api/auth"))
            .json(&body)
            .send()
            .await?
            .error_for_status()?;
        let pair: Value = pair.json().await?;
        let access = pair["access_token"].as_str().context("no access token")?;
        let answer = self
            .http
            .get(format!("{base}/api/auth/socket"))
            .bearer_auth(access)
            .send()
            .await?;
        let token: Value = answer.error_for_status()?.json().await?;
        let token = token["token"].as_str().context("no socket token")?;

        let mut request = format!("ws://{}/ws", self.address).into_client_request()?;
        let protocols = format!("portcullis.v1, portcullis.token.{token}");
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", protocols.parse()?);
        let (mut wire, _) = connect_async(request).await?;
        let ready = wire.next().await.context("closed before ready")??;
        anyhow::ensure!(ready.to_text()?.contains("\"ready\""), "not ready: {ready}");
        let session = pair["session_id"].as_str().context("no session id")?.to_owned();

        let (told, closed) = oneshot::channel();
        let unexpected = Arc::clone(&self.unexpected);
        let client = async move {
            let mut told = Some(told);
            while let Some(Ok(message)) = wire.next().await {
                match message {
                    Message::Text(text) if text.contains("\"ping\"") => {
                        let pong = text.replacen("ping", "pong", 1);
                        if wire.send(Message::text(pong)).await.is_err() {
                            break;
                        }
                    }
                    Message::Close(_) => {
                        if let Some(told) = told.take() {
                            let _nobody_asked = told.send(Instant::now());
                        }
                    }
                    _ => {}
                }
            }
            if told.is_some() {
                unexpected.fetch_add(1, Ordering::SeqCst);
            }
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "clients live as long as the measurement"
        )]
        tokio::spawn(client);
        Ok((session, closed))
    }

    /// Revokes the session of one socket and waits until it has closed.
    pub async fn revoke_one(&mut self, service_key: &str) -> anyhow::Result<Logout> {
        let id = self.open.keys().next().context("nobody is connected")?.clone();
        let closed = self.open.remove(&id).context("nobody is connected")?;
        let body = json!({ "session_id": id, "reason": "measured" });
        let url = format!("http://{}/api/revocations", self.address);
        let began = Instant::now();
        let request = self.http.post(url).bearer_auth(service_key).json(&body).send();
        let receipt: Value = request.await?.error_for_status()?.json().await?;
        let answered = began.elapsed();
        anyhow::ensure!(receipt["receipt"]["complete"] == true, "not complete: {receipt}");
        let closed = tokio::time::timeout(Duration::from_secs(5), closed)
            .await
            .context("never closed")??;
        Ok(Logout {
            closed: closed.saturating_duration_since(began),
            answered,
        })
    }

    /// How many sockets closed without a close frame.
    pub fn unexpected(&self) -> usize {
        self.unexpected.load(Ordering::SeqCst)
    }
}
