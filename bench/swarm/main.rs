//! A crowd of sockets against the real release binary: memory of an idle socket, and how long a forced
//! logout takes while the others idle. `make bench` runs it; it prints a table and one line of JSON.
//!
//! Loopback only, bounded in count and time. The server is a process of its own, on SQLite.

mod clients;
mod report;
mod server;

use std::time::Duration;

use anyhow::Context as _;

use clients::Crowd;
use report::Report;
use server::Server;

/// How many sockets idle.
const SOCKETS: usize = 10_000;
/// From how many on memory is measured: what the process needs anyway is then in place.
const BASE: usize = 1_000;
/// How many of them are signed out, one after another.
const TRIALS: usize = 1_000;

fn main() -> anyhow::Result<()> {
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let sockets = match std::env::args().nth(1).as_deref() {
        None => SOCKETS,
        Some(number) => number.parse().context("usage: swarm [SOCKETS]")?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(sockets))
}

async fn run(sockets: usize) -> anyhow::Result<()> {
    let trials = TRIALS.min(sockets / 2);
    let base = BASE.min(sockets / 2);
    let server = Server::start(sockets).await?;
    let mut report = Report::new(sockets, trials);
    let mut crowd = Crowd::new(server.address, server.users.clone());

    crowd.grow_to(base).await?;
    settle().await;
    let before = server.resident_bytes()?;
    let connecting = std::time::Instant::now();
    crowd.grow_to(sockets).await?;
    report.connected(sockets - base, connecting.elapsed());
    settle().await;
    report.memory(sockets - base, server.resident_bytes()?.saturating_sub(before));

    for _ in 0..trials {
        report.logout(&crowd.revoke_one(&server.service_key).await?);
    }
    report.unexpected(crowd.unexpected());
    report.print();
    server.stop().await
}

/// Lets allocations and timers come to rest before memory is read.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}
