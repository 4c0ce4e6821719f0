//! Forced logout: one at a time while all others idle, on each way that the news can take; then everybody.

use super::baselines::commit;
use super::{Bench, background, number, park, settle};
use crate::client::now;
use crate::crowd::Crowd;
use crate::http::{Line, post, send};
use crate::member::{SignOut, SignedOut};
use crate::node::{Bare, Frozen};
use crate::process::{Meter, Process};
use crate::report::{Aim, Figure, Row, figure, spread};

/// From the request at one node to the close frame of a socket on the first.
pub async fn one_by_one(bench: &mut Bench, nodes: &[Process; 2], crowd: &mut Crowd) -> anyhow::Result<()> {
    // Right before it is compared: what a disk can do differs from minute to minute.
    let commit = commit(bench).await?;
    settle().await;
    let idle = background(nodes.iter().map(|node| node.id).collect()).await?;
    let [same, other] = nodes;
    let mut row = trials(bench, same, nodes, idle, crowd).await?;
    row.operation = "forced logout, same node";
    let more = row.wall[0].value - commit;
    row.verdict = Some((figure("p50 less the commit", more, "ms"), Aim::AtMost(0.5)));
    row.limit = vec![figure("bare commit p50", commit, "ms")];
    bench.report.add(row);

    let mut row = trials(bench, other, nodes, idle, crowd).await?;
    row.operation = "forced logout, other node";
    row.verdict = Some((p99(&row), Aim::AtMost(50.0)));
    row.limit = vec![figure("bare commit p50", commit, "ms")];
    bench.report.add(row);

    let stopped = Frozen::freeze(bench.site.redis_process().await?)?;
    let mut row = trials(bench, other, nodes, idle, crowd).await?;
    drop(stopped);
    row.operation = "forced logout, other node, no Redis";
    row.verdict = Some((p99(&row), Aim::AtMost(2_000.0)));
    row.limit = vec![figure("bare commit p50", commit, "ms")];
    bench.report.add(row);
    Ok(())
}

fn p99(row: &Row) -> Figure {
    figure("p99", row.wall[1].value, "ms")
}

/// One forced logout after another, asked for at `ask`.
async fn trials(
    bench: &Bench,
    ask: &Process,
    nodes: &[Process; 2],
    idle: f64,
    crowd: &mut Crowd,
) -> anyhow::Result<Row> {
    let order = SignOut {
        ask: ask.address,
        service_key: bench.ground.service_key.clone(),
        trials: bench.scale.trials,
        pause_ms: 0,
        seconds: bench.scale.patience,
    };
    let meter = Meter::start(nodes.iter().map(|node| node.id).collect())?;
    let postgres = Meter::start(bench.site.postgres_processes().await?)?;
    let SignedOut { closed, answered } = crowd.sign_out(order).await?;
    let trials = number(closed.len());
    let cpu_us = meter.read()?.less(idle).cpu_us(trials);
    let mut wall = spread(closed);
    wall.extend(receipts(answered));
    wall.push(figure("trials", trials, ""));
    wall.push(figure("PostgreSQL", postgres.read()?.cpu_us(trials), "µs CPU"));
    Ok(Row {
        operation: "",
        cpu_us: Some(cpu_us),
        wall,
        limit: Vec::new(),
        verdict: None,
    })
}

fn receipts(answered: Vec<f64>) -> Option<Figure> {
    let p50 = spread(answered).into_iter().next();
    p50.map(|p50| figure("receipt p50", p50.value, p50.unit))
}

/// One request that ends every session: until the last client has its close frame.
pub async fn everybody(
    bench: &mut Bench,
    bare: &Bare,
    node: &Process,
    mut crowd: Crowd,
) -> anyhow::Result<()> {
    crowd.shrink_to(bench.scale.idle).await?;
    settle().await;
    let count = number(crowd.size());
    let idle = background(vec![node.id]).await?;
    let mut line = Line::open(node.address).await?;
    let request = post(
        "/api/revocations",
        &bench.ground.service_key,
        r#"{"all":true,"reason":"measured"}"#,
    );
    crowd.mark().await?;
    let meter = Meter::start(vec![node.id])?;
    let asked = now();
    line.ask(&request).await?.expect(200)?;
    let answered = super::millis(asked, now());
    let heard = crowd.hear(0, true).await?;
    let reading = meter.read()?.less(idle);
    let mut wall = spread(heard.closes.iter().map(|at| super::millis(asked, *at)).collect());
    wall.push(figure("receipt", answered, "ms"));
    drop(crowd);
    let limit = figure(
        "bare close",
        bare_close(bare, heard.closes.len()).await?,
        "µs CPU",
    );
    bench.report.add(Row {
        operation: "sign everybody out, a socket",
        cpu_us: Some(reading.cpu_us(count)),
        wall,
        limit: vec![limit],
        verdict: None,
    });
    Ok(())
}

/// Microseconds of the processor to send a close frame to one of so many sockets.
async fn bare_close(bare: &Bare, count: usize) -> anyhow::Result<f64> {
    let mut crowd = park(bare, count).await?;
    let mut line = Line::open(bare.process.address).await?;
    let meter = Meter::start(vec![bare.process.id])?;
    line.ask(&send("POST", "/close", "", "")).await?.expect(200)?;
    let heard = crowd.hear(0, true).await?;
    Ok(meter.read()?.cpu_us(number(heard.closes.len())))
}
