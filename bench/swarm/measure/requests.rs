//! Requests at full rate over kept connections: a checked GET, and a refresh on either database.

use anyhow::Context as _;
use serde_json::json;

use super::Bench;
use super::baselines::Commits;
use crate::ground::Session;
use crate::http::{Line, get, keep_busy, send};
use crate::node::Bare;
use crate::process::{Meter, Process};
use crate::report::{Aim, Row, figure};

/// Connections at a time.
const LINES: usize = 16;

/// `GET /api/auth/site_role`: a signature and, each time, the truth about its session.
pub async fn checked_get(bench: &mut Bench, bare: &Bare, node: &Process) -> anyhow::Result<()> {
    let sessions = bench.sessions(&bench.idlers, LINES).await?;
    let (mut lines, mut bare_lines) = (Vec::new(), Vec::new());
    for session in sessions {
        let token = bench.ground.access_token(session).await?;
        lines.push((
            Line::open(node.address).await?,
            get("/api/auth/site_role", &token),
        ));
        // With as long a header, so that both read as much.
        bare_lines.push((Line::open(bare.process.address).await?, get("/json", &token)));
    }
    let (limit_us, limit_rate) = ask(bench, &bare.process, bare_lines).await?;
    let (cpu_us, rate) = ask(bench, node, lines).await?;
    bench.report.add(Row {
        operation: "checked GET",
        cpu_us: Some(cpu_us),
        wall: vec![figure("rate", rate, "/s")],
        limit: vec![
            figure("bare GET", limit_us, "µs CPU"),
            figure("rate", limit_rate, "/s"),
            figure("by CPU", limit_us / cpu_us, "×"),
        ],
        verdict: Some((figure("rate", rate / limit_rate, "×"), Aim::AtLeast(0.75))),
    });
    Ok(())
}

async fn ask(bench: &Bench, server: &Process, lines: Vec<(Line, Vec<u8>)>) -> anyhow::Result<(f64, f64)> {
    let meter = Meter::start(vec![server.id])?;
    let answers = keep_busy(lines, bench.scale.load, async |(line, request)| {
        line.ask(request).await?.expect(200)?;
        Ok(())
    })
    .await?;
    let reading = meter.read()?;
    Ok((reading.cpu_us(answers), reading.per_second(answers)))
}

pub async fn refresh_on_postgres(bench: &mut Bench, node: &Process, commits: &Commits) -> anyhow::Result<()> {
    let users: Vec<_> = bench.idlers.iter().copied().take(LINES).collect();
    let sessions = bench.ground.sessions(users).await?;
    refresh(bench, node, sessions, "refresh, PostgreSQL", commits.postgres).await
}

pub async fn refresh_on_sqlite(bench: &mut Bench, commits: &Commits) -> anyhow::Result<()> {
    let (file, ground, user) = &bench.sqlite;
    let node = bench.site.node(file).await?;
    let sessions = ground.sessions(vec![*user; LINES]).await?;
    refresh(bench, &node, sessions, "refresh, SQLite", commits.sqlite).await?;
    node.stop().await
}

async fn refresh(
    bench: &mut Bench,
    node: &Process,
    sessions: Vec<Session>,
    operation: &'static str,
    commits: f64,
) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for session in sessions {
        lines.push((
            Line::open(node.address).await?,
            session.refresh_token.expose().to_owned(),
        ));
    }
    let meter = Meter::start(vec![node.id])?;
    let postgres = Meter::start(bench.site.postgres_processes().await?)?;
    let refreshed = keep_busy(lines, bench.scale.load, async |(line, token)| {
        let body = json!({ "refresh_token": token }).to_string();
        let request = send("POST", "/api/auth/refresh", "", &body);
        let answer = line.ask(&request).await?;
        *token = refresh_token(answer.expect(200)?.body)?;
        Ok(())
    })
    .await?;
    let reading = meter.read()?;
    let rate = reading.per_second(refreshed);
    let mut wall = vec![figure("rate", rate, "/s")];
    if operation.ends_with("PostgreSQL") {
        wall.push(figure("PostgreSQL", postgres.read()?.cpu_us(refreshed), "µs CPU"));
    }
    bench.report.add(Row {
        operation,
        cpu_us: Some(reading.cpu_us(refreshed)),
        wall,
        limit: vec![figure("bare commits", commits, "/s")],
        verdict: Some((figure("rate", rate / commits, "×"), Aim::AtLeast(0.35))),
    });
    Ok(())
}

/// Cut out of the answer: to parse all of it would take the server's time.
fn refresh_token(body: &[u8]) -> anyhow::Result<String> {
    let body = std::str::from_utf8(body)?;
    let (_, rest) = body
        .split_once(r#""refresh_token":""#)
        .context("no refresh token")?;
    let (token, _) = rest.split_once('"').context("no refresh token")?;
    Ok(token.to_owned())
}
