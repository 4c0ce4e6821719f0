//! The socket: `GET /ws`, as `docs/PROTOCOL.md` describes it.
//!
//! [`upgrade`](fn@upgrade) checks the request and switches protocols; one task then owns the socket:
//! [`hello`] until it is ready, [`connection`] until it closes.

mod close;
mod connection;
#[cfg(test)]
mod harness;
mod hello;
mod meter;
mod pace;
mod protocol;
mod upgrade;
mod wire;

pub use close::CloseCode;
pub use upgrade::upgrade;
