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
    /// Bytes pass until the client has said this, in lower case; then the line is frozen.
    UntilSaid(&'static str),
}

/// The line, and how many connections were lost for good.
#[derive(Clone, Copy, Debug)]
struct State {
    line: Line,
    opened: u64,
    lost: u64,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    state: Arc<watch::Sender<State>>,
}

impl Proxy {
    /// Listens, and passes on to `target`.
    pub async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, opened, lost) = (Line::Whole, 0, 0);
        let state = Arc::new(watch::Sender::new(State { line, opened, lost }));
        let shared = state.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                shared.send_modify(|state| state.opened += 1);
                let number = shared.borrow().opened;
                let (state, seen) = (shared.clone(), shared.subscribe());
                tokio::spawn(Carrier { number, state, seen }.carry(client, target));
            }
        });
        Self { address, state }
    }

    pub fn set(&self, line: Line) {
        self.state.send_modify(|state| state.line = line);
    }

    /// Nothing passes any more over the connections that there are, and nobody is told: as when a firewall
    /// on the way was restarted. New ones work.
    pub fn lose_connections(&self) {
        self.state.send_modify(|state| state.lost = state.opened);
    }
}

/// One connection.
#[derive(Clone)]
struct Carrier {
    number: u64,
    state: Arc<watch::Sender<State>>,
    seen: watch::Receiver<State>,
}

impl Carrier {
    /// Carries bytes both ways while the line is whole.
    async fn carry(mut self, mut client: TcpStream, target: SocketAddr) {
        self.passable().await;
        if self.seen.borrow().line == Line::Cut {
            return;
        }
        let Ok(mut server) = TcpStream::connect(target).await else {
            return;
        };
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let up = self.clone().copy(&mut from_client, &mut to_server, true);
        let down = self.clone().copy(&mut from_server, &mut to_client, false);
        tokio::select! {
            () = up => {}
            () = down => {}
            _ = self.seen.wait_for(|state| state.line == Line::Cut) => {}
        }
    }

    async fn passable(&mut self) {
        let number = self.number;
        let passes = |state: &State| state.line != Line::Frozen && state.lost < number;
        self.seen.wait_for(passes).await.unwrap();
    }

    async fn copy(
        mut self,
        from: &mut tokio::net::tcp::ReadHalf<'_>,
        to: &mut tokio::net::tcp::WriteHalf<'_>,
        up: bool,
    ) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let Ok(read) = from.read(&mut buffer).await else {
                return;
            };
            self.passable().await;
            if up {
                self.listen(&buffer[..read]);
            }
            if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    }

    /// Freezes the line when these are the words for it. They are still passed on: it is the answer that
    /// nobody hears.
    fn listen(&self, said: &[u8]) {
        self.state.send_if_modified(|state| {
            let Line::UntilSaid(words) = state.line else {
                return false;
            };
            let said = said.to_ascii_lowercase();
            let heard = said.windows(words.len()).any(|window| window == words.as_bytes());
            if heard {
                state.line = Line::Frozen;
            }
            heard
        });
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
