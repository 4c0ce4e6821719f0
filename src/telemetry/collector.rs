//! How batches of spans reach the collector: by our own HTTP client, with TLS as everywhere else.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;

/// The most that is read of an answer, which says little.
const MAX_ANSWER: usize = 64 * 1024;

/// The client. It may be called from any thread.
pub(super) struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    /// The last batch did not arrive, and the log says so.
    away: AtomicBool,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

impl Collector {
    /// A client whose requests take `patience` at most.
    pub(super) fn new(patience: Duration) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(patience)
            .build()
            .context("the client of the collector cannot be built")?;
        Ok(Self {
            client,
            runtime: Handle::current(),
            away: AtomicBool::new(false),
        })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut answer = self.client.execute(request.try_into()?).await?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            if body.len() + piece.len() > MAX_ANSWER {
                return Err("the collector's answer is too long".into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Response::builder().status(status).body(body.into())?)
    }

    /// Says once that the collector is away, and once that it is back.
    fn note(&self, fault: Option<&str>) {
        let was_away = self.away.swap(fault.is_some(), Ordering::SeqCst);
        match fault {
            Some(fault) if !was_away => {
                tracing::warn!(
                    fault,
                    "telemetry.otlp_endpoint: traces cannot be delivered and are dropped"
                );
            }
            None if was_away => tracing::info!("traces are delivered again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // The SDK calls from a thread of its own, which knows no runtime.
        let answer = TokioContext::new(self.send(request), self.runtime.clone()).await;
        match &answer {
            Ok(answer) if answer.status().is_success() => self.note(None),
            Ok(answer) => self.note(Some(&format!("it answers {}", answer.status()))),
            Err(_) => self.note(Some("it cannot be reached, or does not answer")),
        }
        answer
    }
}
