//! `make bench`: what the release binary costs and how fast it is, operation by operation, beside what this
//! machine can do at best. `bench/bare` is that best; both are measured with the same clients, in turn.
//!
//! Loopback only, bounded in count and time. The servers, and the clients in two processes of their own
//! (`swarm member`), are started here and end with this process. Processor time of the server comes first:
//! it is the server's own, while the wall clock is shared with the clients and with whatever else runs.
//!
//! `make timing` (`swarm timing`) measures something else with the same server and clients: see `timing.rs`.

mod client;
mod crowd;
mod ground;
mod http;
mod measure;
mod member;
mod node;
mod process;
mod report;
mod timing;

use std::time::{Duration, Instant};

use measure::{Bench, Scale};

const FULL: Scale = Scale {
    rounds: 3,
    sockets: 18_000,
    base: 1_000,
    idle: 10_000,
    trials: 1_000,
    patience: 15.0,
    load: Duration::from_secs(6),
    pushes: 10,
};
/// For whoever develops: less of everything.
const QUICK: Scale = Scale {
    rounds: 1,
    sockets: 6_000,
    base: 1_000,
    idle: 4_000,
    trials: 200,
    patience: 5.0,
    load: Duration::from_secs(3),
    pushes: 4,
};
/// Nothing here may hang for ever.
const BOUND: Duration = Duration::from_mins(15);

fn main() -> anyhow::Result<()> {
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    runtime.block_on(async {
        match arguments.as_slice() {
            ["member"] => member::run().await,
            [] => within(BOUND, run(FULL)).await,
            ["quick"] => within(BOUND, run(QUICK)).await,
            ["timing"] => within(timing::BOUND, timing::run(timing::FULL)).await,
            ["timing", "quick"] => within(timing::BOUND, timing::run(timing::QUICK)).await,
            _ => anyhow::bail!("usage: swarm [timing] [quick]"),
        }
    })
}

async fn within(bound: Duration, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    // Whatever was started is killed when it is dropped, and dropped by whichever ends first.
    tokio::select! {
        done = tokio::time::timeout(bound, work) => done?,
        () = signalled() => anyhow::bail!("interrupted"),
    }
}

async fn run(scale: Scale) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut bench = Bench::prepare(scale).await?;
    for round in 1..=scale.rounds {
        eprintln!("round {round} of {}", scale.rounds);
        bench.round().await?;
    }
    let cores = std::thread::available_parallelism()?;
    let title = format!(
        "{} rounds, medians; {} sockets, {} idle, {cores} cores; {} s",
        scale.rounds,
        scale.sockets,
        scale.idle,
        began.elapsed().as_secs()
    );
    bench
        .report
        .print(&title, &node::target_folder()?.join("bench.json"))?;
    bench.close().await;
    Ok(())
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let signals = kinds.into_iter().filter_map(|kind| signal(kind).ok());
    let waiting = signals.map(|mut signal| Box::pin(async move { signal.recv().await }));
    futures_util::future::select_all(waiting).await;
}
