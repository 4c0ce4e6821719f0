//! HTTP/1.1 over one kept connection with as little work as possible: what the client spends, the server
//! under measurement does not get.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The hub closes a connection that idles for 5 seconds; before that it is opened anew.
const STALE: Duration = Duration::from_secs(3);

pub fn get(path: &str, bearer: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bearer}\r\n\r\n").into_bytes()
}

pub fn post(path: &str, bearer: &str, json: &str) -> Vec<u8> {
    send("POST", path, bearer, json)
}

/// A request with a body; an empty `bearer` is left out.
pub fn send(method: &str, path: &str, bearer: &str, json: &str) -> Vec<u8> {
    let bearer = match bearer {
        "" => String::new(),
        bearer => format!("Authorization: Bearer {bearer}\r\n"),
    };
    let length = json.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}Content-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{json}"
    )
    .into_bytes()
}

/// A connection that is kept.
pub struct Line {
    address: SocketAddr,
    stream: TcpStream,
    used: Instant,
    buffer: Vec<u8>,
}

/// An answer, as long as nothing else is asked.
pub struct Answer<'a> {
    status: u16,
    pub body: &'a [u8],
}

impl Answer<'_> {
    pub fn expect(&self, status: u16) -> anyhow::Result<&Self> {
        let body = || String::from_utf8_lossy(self.body).into_owned();
        anyhow::ensure!(
            self.status == status,
            "{} and not {status}: {}",
            self.status,
            body()
        );
        Ok(self)
    }
}

impl Line {
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let (stream, used) = (Self::connect(address).await?, Instant::now());
        let buffer = Vec::with_capacity(4096);
        Ok(Self {
            address,
            stream,
            used,
            buffer,
        })
    }

    async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        if self.used.elapsed() > STALE {
            self.stream = Self::connect(self.address).await?;
        }
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (head, length) = loop {
            self.read().await?;
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.buffer[..end])?;
                break (end + 4, content_length(head)?);
            }
        };
        while self.buffer.len() < head + length {
            self.read().await?;
        }
        self.used = Instant::now();
        let status = std::str::from_utf8(&self.buffer[9..12])?.parse()?;
        let body = &self.buffer[head..head + length];
        Ok(Answer { status, body })
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        anyhow::ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

fn content_length(head: &str) -> anyhow::Result<usize> {
    for line in head.lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return value.trim().parse().context("content-length");
        }
    }
    Ok(0)
}

/// Each of `workers` takes one step after another until `time` is over; answers how many steps were taken.
pub async fn keep_busy<S>(
    workers: Vec<S>,
    time: Duration,
    step: impl AsyncFn(&mut S) -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let (began, step, at_once) = (Instant::now(), &step, workers.len());
    let working = stream::iter(workers).map(async |mut worker| {
        let mut steps = 0.0;
        while began.elapsed() < time {
            step(&mut worker).await?;
            steps += 1.0;
        }
        anyhow::Ok(steps)
    });
    let steps: Vec<_> = working.buffer_unordered(at_once).collect().await;
    steps.into_iter().sum()
}
