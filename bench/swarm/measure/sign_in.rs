//! Sign-in with the production's argon2id, and what it does to a forced logout meanwhile.

use serde_json::{Value, json};

use super::baselines::{commit, float};
use super::{Bench, gather};
use crate::ground::PASSWORD;
use crate::http::{Line, keep_busy, send};
use crate::member::SignOut;
use crate::node::Bare;
use crate::process::{Meter, Process, Reading};
use crate::report::{Aim, Row, figure, spread};

/// Between two forced logouts.
const PAUSE_MS: u64 = 25;

pub async fn measure(bench: &mut Bench, node: &Process) -> anyhow::Result<()> {
    let time = bench.scale.load;
    let commit = commit(bench).await?;
    let limit = Bare::run(&["hash", &time.as_secs_f64().to_string()]).await?;
    let sessions = bench.sessions(&bench.idlers, 800).await?;
    let mut crowd = gather(bench, node, "/ws", &sessions).await?;
    let mut lines = Vec::new();
    for (_, email) in &bench.people {
        let body = json!({ "email": email, "password": PASSWORD }).to_string();
        lines.push((
            Line::open(node.address).await?,
            send("POST", "/api/auth", "", &body),
        ));
    }
    let order = SignOut {
        ask: node.address,
        service_key: bench.ground.service_key.clone(),
        trials: 350,
        pause_ms: PAUSE_MS,
        seconds: time.as_secs_f64() - 0.2,
    };
    let meter = Meter::start(vec![node.id])?;
    let signing_in = keep_busy(lines, time, async |(line, request)| {
        line.ask(request).await?.expect(200)?;
        Ok(())
    });
    let (signed_in, signed_out) = tokio::join!(signing_in, crowd.sign_out(order));
    let (reading, signed_in, signed_out) = (meter.read()?, signed_in?, signed_out?);
    add(bench, reading, signed_in, &limit)?;
    let wall = spread(signed_out.closed);
    let p99 = wall[1].value;
    bench.report.add(Row {
        operation: "forced logout beside sign-ins",
        cpu_us: None,
        wall,
        limit: vec![figure("bare commit p50", commit, "ms")],
        verdict: Some((figure("p99", p99, "ms"), Aim::AtMost(250.0))),
    });
    Ok(())
}

fn add(bench: &mut Bench, reading: Reading, signed_in: f64, limit: &Value) -> anyhow::Result<()> {
    let (cpu_us, rate) = (reading.cpu_us(signed_in), reading.per_second(signed_in));
    let [bare_us, bare_rate] = [float(limit, "cpu_us")?, float(limit, "per_second")?];
    bench.report.add(Row {
        operation: "sign-in",
        cpu_us: Some(cpu_us),
        wall: vec![figure("rate", rate, "/s")],
        limit: vec![
            figure("bare argon2id", bare_us, "µs CPU"),
            figure("rate", bare_rate, "/s"),
            figure("by CPU", bare_us / cpu_us, "×"),
        ],
        verdict: Some((figure("rate", rate / bare_rate, "×"), Aim::AtLeast(0.95))),
    });
    Ok(())
}
