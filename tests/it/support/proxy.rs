//! A TCP proxy between a server and what it depends on. A test can slow it, stop it one way or both,
//! lose what is on it, cut it, heal it, and point it elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Bytes pass.
    Whole,
    /// Each piece takes `least`, and up to `jitter` more.
    Slow { least: Duration, jitter: Duration },
    /// Connections stay, and nothing passes: the worst case.
    Frozen,
    /// What the target says waits; what the client says passes.
    Deaf,
    /// What the client says waits; what the target says passes.
    Mute,
    /// Connections look open, and what they carry is lost, also after the heal: their other end is gone.
    HalfOpen,
    /// Connections are reset, and new ones end at once.
    Cut,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

impl Line {
    /// Whether bytes on this way wait.
    fn holds(self, way: Way) -> bool {
        match self {
            Self::Frozen => true,
            Self::Deaf => way == Way::Down,
            Self::Mute => way == Way::Up,
            Self::Whole | Self::Slow { .. } | Self::HalfOpen | Self::Cut => false,
        }
    }
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    line: Arc<watch::Sender<Line>>,
    target: Arc<watch::Sender<SocketAddr>>,
    accepted: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens, and passes on to `target`.
    pub async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, seen) = watch::channel(Line::Whole);
        let (target, goal) = watch::channel(target);
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(carry(client, *goal.borrow(), seen.clone()));
            }
        });
        Self {
            address,
            line: Arc::new(line),
            target: Arc::new(target),
            accepted,
        }
    }

    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// New connections go to `target`.
    pub fn lead_to(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }

    /// How many connections were asked for so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// Carries bytes both ways as the line allows.
async fn carry(client: TcpStream, target: SocketAddr, mut line: watch::Receiver<Line>) {
    let passes = |line: &Line| !line.holds(Way::Up) && !line.holds(Way::Down);
    if line.wait_for(passes).await.is_err() {
        return;
    }
    let now = *line.borrow();
    match now {
        Line::Cut => reset(client),
        Line::HalfOpen => lose(client, line).await,
        _ => {
            if let Ok(server) = TcpStream::connect(target).await {
                join(client, server, line).await;
            }
        }
    }
}

async fn join(mut client: TcpStream, mut server: TcpStream, mut line: watch::Receiver<Line>) {
    // A piece on its way is not held up by the next one, and small ones are many.
    let _fast = (client.set_nodelay(true), server.set_nodelay(true));
    let ended = {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let up = copy(&mut from_client, &mut to_server, line.clone(), Way::Up);
        let down = copy(&mut from_server, &mut to_client, line.clone(), Way::Down);
        tokio::select! {
            () = up => None,
            () = down => None,
            ended = line.wait_for(|line| matches!(line, Line::Cut | Line::HalfOpen)) => ended.ok().map(|line| *line),
        }
    };
    match ended {
        Some(Line::Cut) => {
            reset(client);
            reset(server);
        }
        Some(_) => {
            tokio::join!(lose(client, line.clone()), lose(server, line));
        }
        None => {}
    }
}

/// Ends a connection as a machine does that knows nothing of it.
fn reset(stream: TcpStream) {
    let _gone = stream.set_zero_linger();
    drop(stream);
}

/// Swallows what comes until the other side gives up, or the line is cut.
async fn lose(mut stream: TcpStream, mut line: watch::Receiver<Line>) {
    let swallow = async {
        let (mut from, _) = stream.split();
        let _ended = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    };
    tokio::select! {
        () = swallow => {}
        _ = line.wait_for(|line| *line == Line::Cut) => {}
    }
    reset(stream);
}

async fn copy(
    from: &mut tokio::net::tcp::ReadHalf<'_>,
    to: &mut tokio::net::tcp::WriteHalf<'_>,
    mut line: watch::Receiver<Line>,
    way: Way,
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = vec![0; 16 * 1024];
    let mut piece = 0_u32;
    loop {
        let Ok(read) = from.read(&mut buffer).await else {
            return;
        };
        let now = *line.borrow();
        if let Line::Slow { least, jitter } = now {
            piece = piece.wrapping_add(1);
            tokio::time::sleep(least + uneven(jitter, piece)).await;
        }
        let passes = line.wait_for(|line| !line.holds(way)).await.is_ok();
        if read == 0 || !passes || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// A share of `jitter` that differs from piece to piece, the same in each run.
fn uneven(jitter: Duration, piece: u32) -> Duration {
    jitter * (piece.wrapping_mul(2_654_435_761) >> 24) / 256
}
