//! REST.
pub mod client;
pub mod problem;
pub mod serve;
pub use client::Peer;
