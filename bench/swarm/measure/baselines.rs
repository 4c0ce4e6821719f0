//! The machine by itself: a round trip over loopback, and a commit.

use std::time::Instant;

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Bench;
use crate::node::Bare;
use crate::report::{Row, figure, spread};

const ROUND_TRIPS: usize = 3000;
/// As many as the hub's pool has connections for requests.
const WRITERS: usize = 16;

/// How many bare commits there are a second, of as many writers as the hub has.
pub struct Commits {
    pub postgres: f64,
    pub sqlite: f64,
}

pub async fn measure(bench: &mut Bench, bare: &Bare) -> anyhow::Result<Commits> {
    let times = round_trips(bare).await?;
    bench.report.add(Row {
        operation: "bare TCP round trip",
        cpu_us: None,
        wall: spread(times),
        limit: Vec::new(),
        verdict: None,
    });
    let seconds = bench.scale.load.as_secs_f64() / 2.0;
    let postgres = bench.bare_database.clone();
    let sqlite = bench.site.sqlite("bare");
    let (alone, _) = commits(&postgres, 1, seconds).await?;
    let (_, rate) = commits(&postgres, WRITERS, seconds).await?;
    let (file, file_rate) = commits(&sqlite, 1, seconds).await?;
    for (operation, p50, rate) in [
        ("bare commit, PostgreSQL", alone, rate),
        ("bare commit, SQLite", file, file_rate),
    ] {
        bench.report.add(Row {
            operation,
            cpu_us: None,
            wall: vec![figure("p50", p50, "ms"), figure("all writers", rate, "/s")],
            limit: Vec::new(),
            verdict: None,
        });
    }
    Ok(Commits {
        postgres: rate,
        sqlite: file_rate,
    })
}

async fn round_trips(bare: &Bare) -> anyhow::Result<Vec<f64>> {
    let mut stream = TcpStream::connect(bare.echo).await?;
    stream.set_nodelay(true)?;
    let (mut times, mut buffer) = (Vec::with_capacity(ROUND_TRIPS), [0; 64]);
    for _ in 0..ROUND_TRIPS {
        let began = Instant::now();
        stream.write_all(&buffer).await?;
        stream.read_exact(&mut buffer).await?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// The median time of one commit on PostgreSQL at this moment, in milliseconds.
pub async fn commit(bench: &Bench) -> anyhow::Result<f64> {
    let seconds = bench.scale.load.as_secs_f64() / 2.0;
    let (p50, _) = commits(&bench.bare_database, 1, seconds).await?;
    Ok(p50)
}

/// The median time of one commit, and how many there are a second.
async fn commits(url: &str, writers: usize, seconds: f64) -> anyhow::Result<(f64, f64)> {
    let (writers, seconds) = (writers.to_string(), seconds.to_string());
    let figures = Bare::run(&["commit", url, &writers, &seconds]).await?;
    Ok((float(&figures, "p50_ms")?, float(&figures, "per_second")?))
}

pub fn float(figures: &Value, name: &str) -> anyhow::Result<f64> {
    figures[name]
        .as_f64()
        .with_context(|| format!("no {name}: {figures}"))
}
