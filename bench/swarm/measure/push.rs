//! A role change that very many sockets hear of, beside the bare sending of as long a frame to each.

use serde_json::json;

use super::{Bench, background, gather, millis, number, park, settle};
use crate::client::now;
use crate::crowd::Crowd;
use crate::http::{Line, send};
use crate::node::Bare;
use crate::process::{Meter, Process};
use crate::report::{Aim, Row, figure, spread};

pub async fn measure(bench: &mut Bench, bare: &Bare, node: &Process) -> anyhow::Result<()> {
    let count = bench.scale.idle;
    let each = bench.sessions(&[bench.popular], count).await?;
    let length = push(bench, bare, node, "role change, own sessions, a socket", &each).await?;
    let one = vec![each[0]; count];
    push(bench, bare, node, "role change, one session, a socket", &one).await?;
    anyhow::ensure!(length > 0, "nobody heard anything");
    Ok(())
}

/// Gives the length of the frame.
async fn push(
    bench: &mut Bench,
    bare: &Bare,
    node: &Process,
    operation: &'static str,
    sessions: &[portcullis::ids::SessionId],
) -> anyhow::Result<usize> {
    let mut crowd = gather(bench, node, "/ws", sessions).await?;
    settle().await;
    let pushes = bench.scale.pushes;
    let sent = number(crowd.size()) * f64::from(pushes);
    let idle = background(vec![node.id]).await?;
    let meter = Meter::start(vec![node.id])?;
    let (times, length) = change_roles(bench, node, &mut crowd).await?;
    let cpu_us = meter.read()?.less(idle).cpu_us(sent);
    drop(crowd);
    settle().await;
    let bare_us = bare_send(bare, sessions.len(), pushes, length).await?;
    let last = spread(times);
    bench.report.add(Row {
        operation,
        cpu_us: Some(cpu_us),
        wall: vec![
            figure("to the last frame, p50", last[0].value, "ms"),
            figure("frame", number(length), "bytes"),
        ],
        limit: vec![figure("bare send", bare_us, "µs CPU")],
        verdict: Some((figure("CPU", cpu_us / bare_us, "×"), Aim::AtMost(1.35))),
    });
    Ok(length)
}

/// One role change after another: how long each took to the last socket, and how long the frame is.
async fn change_roles(bench: &Bench, node: &Process, crowd: &mut Crowd) -> anyhow::Result<(Vec<f64>, usize)> {
    let mut line = Line::open(node.address).await?;
    let path = format!("/api/users/{}/site_role", bench.popular);
    let (mut times, mut length) = (Vec::new(), 0);
    for number in 0..bench.scale.pushes {
        let role = if number % 2 == 0 { "moderator" } else { "user" };
        let body = json!({ "role": role }).to_string();
        let request = send("PUT", &path, &bench.ground.service_key, &body);
        crowd.mark().await?;
        let asked = now();
        line.ask(&request).await?.expect(200)?;
        let heard = crowd.hear(1, false).await?;
        length = heard.length;
        let last = heard.frames.iter().map(|at| millis(asked, *at));
        times.push(last.fold(0.0, f64::max));
    }
    Ok((times, length))
}

async fn bare_send(bare: &Bare, count: usize, pushes: u32, length: usize) -> anyhow::Result<f64> {
    let mut crowd = park(bare, count).await?;
    let mut line = Line::open(bare.process.address).await?;
    let meter = Meter::start(vec![bare.process.id])?;
    let request = send("POST", &format!("/send/{pushes}"), "", &"x".repeat(length));
    line.ask(&request).await?.expect(200)?;
    let reading = meter.read()?;
    let each = usize::try_from(pushes)?;
    let heard = crowd.hear(each, false).await?;
    // The next crowd must not share the sending with this one.
    line.ask(&send("POST", "/close", "", "")).await?.expect(200)?;
    Ok(reading.cpu_us(number(heard.frames.len())))
}
