//! The socket: `GET /ws`.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;

/// Upgrades the request to a socket.
pub async fn upgrade(State(_app): State<App>, _request: Request) -> Response {
    StatusCode::NOT_IMPLEMENTED.into_response()
}
