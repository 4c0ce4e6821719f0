//! `make bench`: what the release binary costs and how fast it is, operation by operation, beside what this
//! machine can do at best. `bench/bare` is that best; both are measured with the same clients, in turn.
//!
//! Loopback only, bounded in count and time. The servers, and the clients in two processes of their own
//! (`swarm member`), are started here and end with this process. Processor time of the server comes first:
//! it is the server's own, while the wall clock is shared with the clients and with whatever else runs.

mod client;
mod crowd;
mod ground;
mod http;
mod measure;
mod member;
mod node;
mod process;
mod report;

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
    let argument = std::env::args().nth(1);
    let scale = match argument.as_deref() {
        Some("member") => return runtime.block_on(member::run()),
        Some("quick") => QUICK,
        None => FULL,
        Some(_) => anyhow::bail!("usage: swarm [quick]"),
    };
    runtime.block_on(async {
        // Whatever was started is killed when it is dropped, and dropped by whichever ends first.
        tokio::select! {
            done = tokio::time::timeout(BOUND, run(scale)) => done?,
            () = signalled() => anyhow::bail!("interrupted"),
        }
    })
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
