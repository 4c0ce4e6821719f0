//! A TCP proxy between a server and what it depends on. A test can slow it, stop it one way or both,
//! lose what is on it, cut it, heal it, and point it elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// After how long a server finds that nobody answers any more: as our connections to PostgreSQL ask it to
/// (`store/pools.rs`).
const ASKED_IN_VAIN: Duration = Duration::from_secs(25);

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
    /// What the target says is lost.
    Lossy,
    /// Connections look open, and what they carry is lost, also after the heal: their other end is gone.
    HalfOpen,
    /// Bytes pass until the client has said this, in lower case; then the line is frozen.
    UntilSaid(&'static str),
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
            _ => false,
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
    /// Connections up to this number carry nothing any more.
    lost: Arc<watch::Sender<usize>>,
}

impl Proxy {
    /// Listens, and passes on to `target`.
    pub async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let line = Arc::new(watch::Sender::new(Line::Whole));
        let lost = Arc::new(watch::Sender::new(0));
        let (target, goal) = watch::channel(target);
        let accepted = Arc::new(AtomicUsize::new(0));
        let (count, lines, losses) = (Arc::clone(&accepted), Arc::clone(&line), Arc::clone(&lost));
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let carrier = Carrier {
                    number: count.fetch_add(1, Ordering::SeqCst) + 1,
                    lines: Arc::clone(&lines),
                    line: lines.subscribe(),
                    lost: losses.subscribe(),
                };
                let target = *goal.borrow();
                tokio::spawn(carrier.carry(client, target));
            }
        });
        Self {
            address,
            line,
            target: Arc::new(target),
            accepted,
            lost,
        }
    }

    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// New connections go to `target`.
    pub fn lead_to(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }

    /// Nothing passes any more over the connections that there are, and nobody is told: as when a firewall
    /// on the way was restarted. New ones work.
    pub fn lose_connections(&self) {
        self.lost.send_replace(self.accepted());
    }

    /// How many connections were asked for so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// One connection.
#[derive(Clone)]
struct Carrier {
    number: usize,
    lines: Arc<watch::Sender<Line>>,
    line: watch::Receiver<Line>,
    lost: watch::Receiver<usize>,
}

impl Carrier {
    /// Carries bytes both ways as the line allows.
    async fn carry(mut self, client: TcpStream, target: SocketAddr) {
        let passes = |line: &Line| !line.holds(Way::Up) && !line.holds(Way::Down);
        if self.line.wait_for(passes).await.is_err() {
            return;
        }
        let now = *self.line.borrow();
        match now {
            Line::Cut => reset(client),
            Line::HalfOpen => lose(client, self.line).await,
            _ => {
                if let Ok(server) = TcpStream::connect(target).await {
                    self.join(client, server).await;
                }
            }
        }
    }

    async fn join(mut self, mut client: TcpStream, mut server: TcpStream) {
        // A piece on its way is not held up by the next one, and small ones are many.
        let _fast = (client.set_nodelay(true), server.set_nodelay(true));
        let ended = {
            let (mut from_client, mut to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            let up = self.clone().copy(&mut from_client, &mut to_server, Way::Up);
            let down = self.clone().copy(&mut from_server, &mut to_client, Way::Down);
            let number = self.number;
            let broken = self
                .line
                .wait_for(|line| matches!(line, Line::Cut | Line::HalfOpen));
            tokio::select! {
                () = up => None,
                () = down => None,
                ended = broken => ended.ok().map(|line| *line),
                _ = self.lost.wait_for(|lost| *lost >= number) => Some(Line::HalfOpen),
            }
        };
        match ended {
            Some(Line::Cut) => {
                reset(client);
                reset(server);
            }
            Some(_) => {
                // To a server that asks whether anybody is there, nobody answers.
                let server = tokio::time::timeout(ASKED_IN_VAIN, lose(server, self.line.clone()));
                let ((), _gone) = tokio::join!(lose(client, self.line), server);
            }
            None => {}
        }
    }

    async fn copy(mut self, from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>, way: Way) {
        let mut buffer = vec![0; 16 * 1024];
        let mut piece = 0_u32;
        loop {
            let Ok(read) = from.read(&mut buffer).await else {
                return;
            };
            let now = *self.line.borrow();
            if let Line::Slow { least, jitter } = now {
                piece = piece.wrapping_add(1);
                tokio::time::sleep(least + uneven(jitter, piece)).await;
            }
            let passes = self.line.wait_for(|line| !line.holds(way)).await.is_ok();
            if read > 0 && way == Way::Down && *self.line.borrow() == Line::Lossy {
                continue;
            }
            if way == Way::Up {
                self.listen(&buffer[..read]);
            }
            if read == 0 || !passes || to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    }

    /// Freezes the line when these are the words for it. They are still passed on: it is the answer that
    /// nobody hears.
    fn listen(&self, said: &[u8]) {
        self.lines.send_if_modified(|line| {
            let Line::UntilSaid(words) = *line else {
                return false;
            };
            let said = said.to_ascii_lowercase();
            let heard = said.windows(words.len()).any(|window| window == words.as_bytes());
            if heard {
                *line = Line::Frozen;
            }
            heard
        });
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

/// A share of `jitter` that differs from piece to piece, the same in each run.
fn uneven(jitter: Duration, piece: u32) -> Duration {
    jitter * (piece.wrapping_mul(2_654_435_761) >> 24) / 256
}

/// A proxy before the server that `url` names, and the URL that leads through it.
pub async fn through(url: &str) -> (Proxy, String) {
    let mut url: url::Url = url.parse().unwrap();
    let server = (url.host_str().unwrap(), url.port().unwrap());
    let target = tokio::net::lookup_host(server).await.unwrap().next().unwrap();
    let proxy = Proxy::before(target).await;
    url.set_host(Some(&proxy.address.ip().to_string())).unwrap();
    url.set_port(Some(proxy.address.port())).unwrap();
    (proxy, url.into())
}
