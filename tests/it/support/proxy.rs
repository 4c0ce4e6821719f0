//! A TCP proxy between the server and its database, which a test can cut and heal.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Bytes pass.
    Whole,
    /// Connections stay, and nothing passes: the worst case.
    Frozen,
    /// Connections are reset, and new ones end at once.
    Cut,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    line: Arc<watch::Sender<Line>>,
}

impl Proxy {
    /// Listens, and passes on to `target`.
    pub async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, seen) = watch::channel(Line::Whole);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(client, target, seen.clone()));
            }
        });
        let line = Arc::new(line);
        Self { address, line }
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
    let up = copy(&mut from_client, &mut to_server, line.clone());
    let down = copy(&mut from_server, &mut to_client, line.clone());
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
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(read) = from.read(&mut buffer).await else {
            return;
        };
        let whole = line.wait_for(|line| *line != Line::Frozen).await.is_ok();
        if read == 0 || !whole || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// A proxy before the server that `url` names, and the URL that leads through it.
pub async fn through(url: &str) -> (Proxy, String) {
    let (before, rest) = url.rsplit_once('@').unwrap();
    let (target, after) = rest.split_once('/').unwrap();
    let proxy = Proxy::before(target.parse().unwrap()).await;
    let url = format!("{before}@{}/{after}", proxy.address);
    (proxy, url)
}
