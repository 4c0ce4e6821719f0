//! Calling the hub as applications and backends do: with a time-out, on a node of one's choice, and with
//! each answer noted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::ledger::{Act, At, Ledger, SessionLog, What};
use super::node::Node;
use crate::support::http::IDLE;
use crate::support::people::PASSWORD;

/// How long a caller waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// All nodes, as a client sees them.
#[derive(Debug)]
pub struct Hub {
    pub nodes: Vec<Arc<Node>>,
    pub http: reqwest::Client,
    pub ledger: Arc<Ledger>,
    /// A service key that may do everything.
    pub key: String,
    /// What stands before the nodes, if clients do not choose among them.
    front: Option<SocketAddr>,
}

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub email: String,
}

/// Somebody signed in.
#[derive(Debug)]
pub struct Session {
    pub id: String,
    pub user: String,
    pub email: String,
    pub access: Mutex<String>,
    /// One refresh at a time.
    pub refresh: tokio::sync::Mutex<String>,
}

/// An answer, or none.
#[derive(Clone, Debug)]
pub struct Reply {
    pub node: usize,
    /// 0: no answer.
    pub status: u16,
    pub body: Value,
    pub retry_after: bool,
    pub sent: At,
    pub answered: At,
}

impl Reply {
    pub fn text(&self, key: &str) -> Option<String> {
        Some(self.body[key].as_str()?.to_owned())
    }

    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn took(&self) -> Duration {
        self.answered.saturating_sub(self.sent)
    }

    pub fn act(&self, what: What) -> Act {
        Act {
            what,
            node: self.node,
            sent: self.sent,
            answered: self.answered,
            status: self.status,
            complete: self.body["receipt"]["complete"].as_bool(),
        }
    }
}

impl Hub {
    pub fn new(nodes: Vec<Arc<Node>>, ledger: Arc<Ledger>, key: String) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .pool_max_idle_per_host(64)
            .pool_idle_timeout(IDLE)
            .build()
            .unwrap();
        Self {
            nodes,
            http,
            ledger,
            key,
            front: None,
        }
    }

    /// With what stands before the nodes.
    pub fn behind(mut self, front: Option<SocketAddr>) -> Self {
        self.front = front;
        self
    }

    /// Where a client calls that would like this node.
    pub fn address(&self, node: usize) -> SocketAddr {
        self.front.unwrap_or_else(|| self.nodes[node].address())
    }

    /// One request; a body that is null is none.
    pub async fn call(&self, method: Method, node: usize, path: &str, bearer: &str, body: &Value) -> Reply {
        let mut request = self
            .http
            .request(method, format!("http://{}{path}", self.address(node)));
        if !bearer.is_empty() {
            request = request.bearer_auth(bearer);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let sent = self.ledger.now();
        let answer = async {
            let response = request.send().await.ok()?;
            let status = response.status().as_u16();
            let retry_after = response.headers().contains_key("retry-after");
            let bytes = response.bytes().await.ok()?;
            Some((
                status,
                retry_after,
                serde_json::from_slice(&bytes).unwrap_or_default(),
            ))
        };
        let (status, retry_after, body) = answer.await.unwrap_or_default();
        Reply {
            node,
            status,
            body,
            retry_after,
            sent,
            answered: self.ledger.now(),
        }
    }

    pub async fn get(&self, node: usize, path: &str, bearer: &str) -> Reply {
        self.call(Method::GET, node, path, bearer, &Value::Null).await
    }

    pub async fn post(&self, node: usize, path: &str, bearer: &str, body: &Value) -> Reply {
        self.call(Method::POST, node, path, bearer, body).await
    }

    /// Signs in once; notes the session.
    pub async fn sign_in(&self, email: &str, node: usize) -> Result<Arc<Session>, Reply> {
        let body = json!({ "email": email, "password": PASSWORD });
        let reply = self.post(node, "/api/auth", "", &body).await;
        let user = reply.body["user"]["id"].as_str().map(str::to_owned);
        let (Some(user), true) = (user, reply.is_good()) else {
            return Err(reply);
        };
        let session = Session {
            id: reply.text("session_id").unwrap(),
            user: user.clone(),
            email: email.to_owned(),
            access: Mutex::new(reply.text("access_token").unwrap()),
            refresh: tokio::sync::Mutex::new(reply.text("refresh_token").unwrap()),
        };
        let log = SessionLog {
            user,
            asked: reply.sent,
            made: reply.answered,
        };
        self.ledger.write().sessions.insert(session.id.clone(), log);
        Ok(Arc::new(session))
    }

    /// Asks for a socket token.
    pub async fn ticket(&self, session: &Session, node: usize) -> Reply {
        let access = session.access.lock().unwrap().clone();
        let reply = self.get(node, "/api/auth/socket", &access).await;
        let session = session.id.clone();
        self.ledger.act(reply.act(What::Ticket { session }));
        reply
    }

    /// Exchanges the refresh token, and keeps what came.
    pub async fn refresh(&self, session: &Session, node: usize) -> Reply {
        let mut refresh = session.refresh.lock().await;
        let body = json!({ "refresh_token": refresh.as_str() });
        let reply = self.post(node, "/api/auth/refresh", "", &body).await;
        let given = reply.text("refresh_token");
        self.ledger.act(reply.act(What::Refresh {
            session: session.id.clone(),
            presented: refresh.clone(),
            given: given.clone(),
        }));
        if let (Some(given), Some(access)) = (given, reply.text("access_token")) {
            *refresh = given;
            *session.access.lock().unwrap() = access;
        }
        reply
    }
}
