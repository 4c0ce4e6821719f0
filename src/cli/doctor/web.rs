//! Asking the hub by its public address, as a browser does: by way of the operator's own proxy.

use std::error::Error;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};

use super::Patient;
use crate::http::sight::{self, Sight};

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// HTTP/1.1 alone, because sockets open over it; no proxy of this machine's environment; no redirects.
pub(super) fn client() -> reqwest::Result<Client> {
    Client::builder()
        .no_proxy()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
}

/// Why there is no answer, in the words of whoever knows best: the innermost cause.
pub(super) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// How the hub sees a request that comes by its public address with `trail` for an `X-Forwarded-For` of our own.
pub(super) async fn seen(patient: &Patient, client: &Client, trail: Option<&str>) -> Option<Sight> {
    let (site, master) = (patient.site.as_ref()?, patient.master.as_ref()?);
    let proof = sight::proof(master, patient.clock.now());
    let mut request = client.get(site.link("/healthz")).header(sight::PROOF, proof);
    if let Some(trail) = trail {
        request = request.header("x-forwarded-for", trail);
    }
    let body: serde_json::Value = send_json(request).await?;
    serde_json::from_value(body.get("seen")?.clone()).ok()
}

async fn send_json(request: RequestBuilder) -> Option<serde_json::Value> {
    request.send().await.ok()?.json().await.ok()
}
