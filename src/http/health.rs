//! Whether the process lives, and whether it can serve. Answered for any `Host`.

use std::time::Duration;

use axum::extract::State;

use super::extract::Json;
use super::problem::Problem;
use super::render::StatusJson;
use crate::app::App;
use crate::error::Code;
use crate::store;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Does the process live?
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "Around it",
    responses((status = 200, description = "It does", body = StatusJson))
)]
pub async fn live() -> Json<StatusJson> {
    Json(StatusJson { status: "ok" })
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
