//! The programs under measurement: started, watched through `/proc`, and killed when dropped.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// What `/proc` counts processor time in: `USER_HZ` is 100 on Linux, whatever the kernel's own clock.
const TICK_MS: u64 = 10;

/// A running program that says on its first line where it listens.
pub struct Process {
    pub address: SocketAddr,
    pub id: u32,
    lines: Lines<BufReader<ChildStdout>>,
    child: Child,
}

impl Process {
    pub async fn start(mut command: Command) -> anyhow::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let id = child.id().context("it has ended")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let first = lines.next_line().await?.context("it ended before it listened")?;
        let address = first
            .strip_prefix("listening on http://")
            .context("no address on the first line")?;
        Ok(Self {
            address: address.parse()?,
            id,
            lines,
            child,
        })
    }

    /// The next line of its output.
    pub async fn line(&mut self) -> anyhow::Result<String> {
        self.lines.next_line().await?.context("it has ended")
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u32 = line.context("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
        Ok(f64::from(kib) * 1024.0)
    }

    pub async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// The program that cargo built beside this one.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let examples = std::env::current_exe()?;
    let examples = examples.parent().context("no target folder")?;
    let folder = match name {
        "portcullis" => examples.parent().context("no target folder")?,
        _ => examples,
    };
    Ok(folder.join(name))
}

/// Processor time between two moments, of some processes together.
pub struct Meter {
    processes: Vec<u32>,
    began: Instant,
    before: Duration,
}

/// What a [`Meter`] read.
#[derive(Clone, Copy)]
pub struct Reading {
    pub wall: f64,
    pub cpu: f64,
}

impl Meter {
    pub fn start(processes: Vec<u32>) -> anyhow::Result<Self> {
        let before = cpu_of(&processes)?;
        Ok(Self {
            processes,
            began: Instant::now(),
            before,
        })
    }

    /// Seconds since the start: of the wall and of the processor.
    pub fn read(&self) -> anyhow::Result<Reading> {
        let wall = self.began.elapsed().as_secs_f64();
        let cpu = cpu_of(&self.processes)?.saturating_sub(self.before).as_secs_f64();
        Ok(Reading { wall, cpu })
    }
}

impl Reading {
    /// Without what the processes spend each second on nothing in particular: heartbeats, sweeps.
    pub fn less(self, background: f64) -> Self {
        let cpu = (self.cpu - background * self.wall).max(0.0);
        Self { cpu, ..self }
    }

    /// Microseconds of the processor for one of `count`.
    pub fn cpu_us(self, count: f64) -> f64 {
        self.cpu * 1e6 / count.max(1.0)
    }

    pub fn per_second(self, count: f64) -> f64 {
        count / self.wall
    }
}

/// What a process and its threads, the ended ones too, have taken of the processor.
fn cpu_of(processes: &[u32]) -> anyhow::Result<Duration> {
    let mut ticks = 0;
    for id in processes {
        let fields = stat(*id)?;
        // Fields 14 and 15 of proc(5), counted from the state, which is the third.
        let (user, system): (u64, u64) = (fields[11].parse()?, fields[12].parse()?);
        ticks += user + system;
    }
    Ok(Duration::from_millis(ticks * TICK_MS))
}

/// The fields of `/proc/ID/stat` behind the name, which may hold anything.
fn stat(id: u32) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    let (_, rest) = text.rsplit_once(')').context("not a process")?;
    let fields: Vec<_> = rest.split_whitespace().map(str::to_owned).collect();
    anyhow::ensure!(fields.len() > 12, "not a process");
    Ok(fields)
}

/// A server of several processes: the one that `child` belongs to, and all of its children. For PostgreSQL,
/// whose connections outlive a measurement.
pub fn family_of(child: u32) -> anyhow::Result<Vec<u32>> {
    let parent = stat(child)?[1].clone();
    let mut family = vec![parent.parse()?];
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if stat(id).is_ok_and(|fields| fields[1] == parent) {
            family.push(id);
        }
    }
    Ok(family)
}
