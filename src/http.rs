//! REST.
pub mod client;
pub mod problem;
pub mod serve;
pub use client::Peer;
pub fn openapi() -> serde_json::Value {
    todo!()
}
pub fn router(_app: crate::app::App) -> axum::Router {
    todo!()
}
