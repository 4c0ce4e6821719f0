//! What a socket costs: memory while it idles, processor time to connect and authenticate.

use super::{Bench, number, settle};
use crate::crowd::Crowd;
use crate::member::Invitation;
use crate::node::Bare;
use crate::process::{Meter, Process};
use crate::report::{Aim, Row, figure};

/// What one socket took.
struct Cost {
    kib: f64,
    cpu_us: f64,
    per_second: f64,
}

/// Measures the bare server and then the hub; gives the hub's crowd, in which every session has one socket.
pub async fn measure(bench: &mut Bench, bare: &Bare, node: &Process) -> anyhow::Result<Crowd> {
    let scale = bench.scale;
    let strangers = vec![Invitation::default(); scale.sockets];
    let mut crowd = Crowd::gather()?;
    let limit = grow(&mut crowd, &bare.process, strangers, scale.base).await?;
    drop(crowd);

    // Those who stay to be signed out have a session each; the others are second sockets, and leave.
    let stay = (scale.idle + 3 * scale.trials).min(scale.sockets);
    let sessions = bench.sessions(&bench.idlers, stay).await?;
    let again: Vec<_> = sessions.iter().copied().cycle().take(scale.sockets).collect();
    let guests = bench.ground.invitations(&again[..stay]).await?;
    let seconds = bench.ground.invitations(&again[stay..]).await?;
    let mut crowd = Crowd::gather()?;
    let all = guests.into_iter().chain(seconds).collect();
    let hub = grow(&mut crowd, node, all, scale.base).await?;
    add(bench, &hub, &limit);
    crowd.shrink_to(stay).await?;
    Ok(crowd)
}

async fn grow(
    crowd: &mut Crowd,
    server: &Process,
    guests: Vec<Invitation>,
    base: usize,
) -> anyhow::Result<Cost> {
    let (first, rest) = guests.split_at(base);
    crowd.join(server.address, "/ws", first.to_vec()).await?;
    settle().await;
    let before = server.resident()?;
    let meter = Meter::start(vec![server.id])?;
    // In two parts, so that the last of the guests are the youngest of every client process.
    for part in rest.chunks(rest.len().div_ceil(4).max(1)) {
        crowd.join(server.address, "/ws", part.to_vec()).await?;
    }
    let reading = meter.read()?;
    settle().await;
    let count = number(rest.len());
    Ok(Cost {
        kib: (server.resident()? - before).max(0.0) / 1024.0 / count,
        cpu_us: reading.cpu_us(count),
        per_second: reading.per_second(count),
    })
}

fn add(bench: &mut Bench, hub: &Cost, bare: &Cost) {
    bench.report.add(Row {
        operation: "memory of an idle socket",
        cpu_us: None,
        wall: vec![figure("resident", hub.kib, "KiB")],
        limit: vec![figure("bare axum socket", bare.kib, "KiB")],
        verdict: Some((figure("hub", hub.kib, "KiB"), Aim::AtMost(5.0))),
    });
    bench.report.add(Row {
        operation: "connect, authenticate, ready",
        cpu_us: Some(hub.cpu_us),
        wall: vec![figure("rate", hub.per_second, "/s")],
        limit: vec![
            figure("bare upgrade", bare.cpu_us, "µs CPU"),
            figure("rate", bare.per_second, "/s"),
        ],
        verdict: Some((figure("CPU", hub.cpu_us / bare.cpu_us, "×"), Aim::AtMost(3.0))),
    });
}
