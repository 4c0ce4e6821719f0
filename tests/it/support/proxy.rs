//! A TCP proxy between the server and its database or Redis, which a test can cut and heal.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Bytes pass.
    Whole,
    /// Connections stay, and nothing passes: the worst case.
    Frozen,
    /// What the server sends arrives, and whatever comes back is lost: its sending works, its ears do not.
    Deaf,
    /// Connections are reset, and new ones end at once.
    Cut,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    line: Arc<watch::Sender<Line>>,
    accepted: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens, and passes on to `target`.
    pub async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, seen) = watch::channel(Line::Whole);
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(carry(client, target, seen.clone()));
            }
        });
        let line = Arc::new(line);
        Self {
            address,
            line,
            accepted,
        }
    }

    /// How many connections have come so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

/// Carries bytes both ways while the line is whole.
async fn carry(mut client: TcpStream, target: SocketAddr, mut line: watch::Receiver<Line>) {
    if line.wait_for(|line| *line != Line::Frozen).await.is_err() || *line.borrow() == Line::Cut {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = copy(&mut from_client, &mut to_server, line.clone(), false);
    let down = copy(&mut from_server, &mut to_client, line.clone(), true);
    tokio::select! {
        () = up => {}
        () = down => {}
        _ = line.wait_for(|line| *line == Line::Cut) => {}
    }
}

async fn copy(
    from: &mut tokio::net::tcp::ReadHalf<'_>,
    to: &mut tokio::net::tcp::WriteHalf<'_>,
    mut line: watch::Receiver<Line>,
    comes_back: bool,
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(read) = from.read(&mut buffer).await else {
            return;
        };
        let whole = line.wait_for(|line| *line != Line::Frozen).await.is_ok();
        if read != 0 && comes_back && *line.borrow() == Line::Deaf {
            continue;
        }
        if read == 0 || !whole || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
