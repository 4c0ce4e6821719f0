//! A Redis process of a test's own, which it may kill, freeze and start again; and prefixes on the Redis
//! that `scripts/with-test-servers` runs.

use std::future::Future;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::app::TestApp;
use super::database::Folder;
use super::eventually;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// The Redis server that all tests share. Take a prefix of your own, and leave the rest alone.
pub fn shared() -> String {
    std::env::var("PORTCULLIS_TEST_REDIS").expect("run the tests by `make test`")
}

/// A prefix that no other test has.
pub fn fresh_prefix() -> String {
    let number = COUNT.fetch_add(1, Ordering::SeqCst);
    format!("t{}-{number}", std::process::id())
}

/// A connection to the shared Redis for the test's own commands, which waits as long as it takes.
pub async fn patient() -> MultiplexedConnection {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    let client = redis::Client::open(shared()).unwrap();
    let connected = client.get_multiplexed_async_connection_with_config(&config).await;
    connected.unwrap()
}

/// Waits until the node has found its way to Redis.
pub async fn connected(node: &TestApp, redis: &mut MultiplexedConnection, prefix: &str) {
    let key = format!("{prefix}:presence:node:{}", node.app.cx.hub.node());
    let redis = &*redis;
    eventually("the node is connected", || async {
        let mut exists = redis::cmd("EXISTS");
        let exists: bool = exists.arg(&key).query_async(&mut redis.clone()).await.unwrap();
        exists.then_some(())
    })
    .await;
}

/// Redis answers within 250 ms, but on a busy machine not always; who is not answered counts alone, as the
/// product promises. So it has to happen once in five tries.
pub async fn once_in_five<F: Future<Output = anyhow::Result<()>>>(mut scenario: impl FnMut() -> F) {
    let mut reasons = Vec::new();
    for _ in 0..5 {
        match scenario().await {
            Ok(()) => return,
            Err(reason) => reasons.push(reason.to_string()),
        }
    }
    panic!("never in five tries: {reasons:?}");
}

/// A Redis process. It dies with the test.
#[derive(Debug)]
pub struct Redis {
    pub address: SocketAddr,
    process: Child,
    folder: Folder,
}

impl Redis {
    /// Starts one on a free port, empty.
    pub async fn start() -> Self {
        let folder = Folder::new();
        // No port can be reserved for another program: whoever finds its port taken gets another one.
        // They are below those from which Linux takes the local ends of connections.
        loop {
            let number = COUNT.fetch_add(1, Ordering::SeqCst);
            let port = 20_000 + (std::process::id().wrapping_mul(211) + number * 37) % 12_768;
            let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
            let mut process = spawn(address, &folder);
            if is_ready(address, &mut process).await {
                return Self {
                    address,
                    process,
                    folder,
                };
            }
        }
    }

    /// What `redis.url` is set to.
    pub fn url(&self) -> String {
        url(self.address)
    }

    /// Ends it without warning, and waits until it is gone. Its data are lost.
    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Starts it again after [`kill`](Self::kill), at the same address, empty.
    pub async fn start_again(&mut self) {
        loop {
            self.process = spawn(self.address, &self.folder);
            if is_ready(self.address, &mut self.process).await {
                return;
            }
        }
    }

    /// Stops it in its tracks: connections stay and new ones succeed, but nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process.id().expect("it runs")).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// A connection for the test's own commands.
    pub async fn connect(&self) -> MultiplexedConnection {
        connect(&self.url()).await.unwrap()
    }
}

/// A connection to `url`.
pub async fn connect(url: &str) -> redis::RedisResult<MultiplexedConnection> {
    redis::Client::open(url)?.get_multiplexed_async_connection().await
}

fn url(address: SocketAddr) -> String {
    format!("redis://{address}/0")
}

fn spawn(address: SocketAddr, folder: &Folder) -> Child {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        .current_dir(folder.path());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
        .spawn()
        .expect("redis-server is installed: scripts/install-test-tools")
}

/// Waits until this very process answers; `false` when it ends instead, its port being taken.
async fn is_ready(address: SocketAddr, process: &mut Child) -> bool {
    let process = tokio::sync::Mutex::new(process);
    eventually("Redis answers", || async {
        let mut process = process.lock().await;
        if process.try_wait().unwrap().is_some() {
            return Some(false);
        }
        let mut connection = connect(&url(address)).await.ok()?;
        let about: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await
            .ok()?;
        let own = format!("process_id:{}\r\n", process.id()?);
        about.contains(&own).then_some(true)
    })
    .await
}
