//! The harness: a real server on port 0, a real WebSocket client, and callers that speak the contract.
//!
//! Every test has a server, a database and a mailbox of its own. Nothing sleeps: [`eventually`] waits
//! for a condition, with a deadline.

pub mod app;
pub mod binary;
pub mod collector;
pub mod database;
pub mod document;
pub mod http;
pub mod hub;
pub mod jwt;
pub mod locks;
pub mod mail_server;
pub mod mailbox;
pub mod nginx;
pub mod people;
pub mod provider;
pub mod proxy;
pub mod raw;
pub mod redis;
pub mod rows;
pub mod smtp;
pub mod socket;
pub mod source;
pub mod sql;

use std::future::Future;
use std::time::Duration;

pub use people::Pair;

/// How long anything may take before a test gives up on it.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Asks again and again until `probe` answers with something.
///
/// # Panics
/// When it has not within [`DEADLINE`].
pub async fn eventually<T, F>(what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let asking = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, asking)
        .await
        .unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// An address that nobody listens on, below those from which Linux takes the local ends of connections:
/// a server that is killed finds it free again.
pub async fn free_address() -> std::net::SocketAddr {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    loop {
        let step = NEXT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let port = 20_000 + (std::process::id().wrapping_mul(31) + step * 7) % 12_000;
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        if tokio::net::TcpListener::bind(address).await.is_ok() {
            return address;
        }
    }
}
