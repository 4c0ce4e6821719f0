//! The machine's own limits: each of the hub's operations stripped to what nothing can do without. `swarm`
//! runs it in the same minutes as the hub and measures both with the same clients.
//!
//! `bare serve` is a server of its own; `bare hash` and `bare commit` do their work and print one line of JSON.

mod commits;
mod hashes;
mod serve;
mod sockets;

use std::time::Duration;

/// The hub's allocator, or the two would not be compared by what they allocate.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const USAGE: &str = "usage: bare serve | hash SECONDS | commit URL WRITERS SECONDS";

fn main() -> anyhow::Result<()> {
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => runtime.block_on(serve::run()),
        ["hash", time] => hashes::run(seconds(time)?),
        ["commit", url, writers, time] => {
            runtime.block_on(commits::run(url, writers.parse()?, seconds(time)?))
        }
        _ => anyhow::bail!(USAGE),
    }
}

fn seconds(text: &str) -> anyhow::Result<Duration> {
    Ok(Duration::from_secs_f64(text.parse()?))
}
