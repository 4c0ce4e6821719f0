//! Whether the process lives, and whether it can serve. Answered for any `Host`.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::client::Client;
use super::extract::Json;
use super::problem::Problem;
use super::render::StatusJson;
use super::sight::{self, Sight};
use crate::app::App;
use crate::error::Code;
use crate::store;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// That the process lives.
#[derive(Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
    /// Only for who holds the master secret: how the hub sees this very request.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Sight>,
}

/// Does the process live?
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "Around it",
    responses((status = 200, description = "It does", body = Health))
)]
pub async fn live(State(app): State<App>, client: Client, headers: HeaderMap) -> Json<Health> {
    let trusted = client.came_by(&app.cx.config.http.trusted_proxies);
    let seen = sight::tell(&app.cx.master, app.cx.now(), &headers, &client, trusted);
    Json(Health { status: "ok", seen })
}

/// Can it serve?
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "Around it",
    responses(
        (status = 200, description = "It can", body = StatusJson),
        (status = 503, description = "`unavailable`: draining, or cut off from SQL", body = super::problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn ready(State(app): State<App>) -> Result<Json<StatusJson>, Problem> {
    if app.lifecycle.draining().is_cancelled() {
        return Err(Problem::new(Code::Unavailable).detail("the server is draining"));
    }
    let ping = async {
        let mut tx = app.cx.db.read().await?;
        store::meta::ping(&mut tx).await
    };
    match tokio::time::timeout(PATIENCE, ping).await {
        Ok(Ok(())) => Ok(Json(StatusJson { status: "ready" })),
        failed => {
            if let Ok(Err(error)) = failed {
                tracing::warn!(%error, "not ready");
            }
            Err(Problem::new(Code::Unavailable).detail("the database does not answer"))
        }
    }
}
