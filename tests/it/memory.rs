//! What an idle socket and a flood of passwords cost in memory, measured on a process of its own, so that CI fails
//! when a socket grows by half. `make bench` measures it on the release build, up to 18,000 sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::SinkExt;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::support::binary::{Installation, Server};
use crate::support::people::PASSWORD;

type Wire = WebSocketStream<MaybeTlsStream<TcpStream>>;

const ADA: &str = "ada@example.org";
/// From here on the process has what it needs anyway: pools, buffers of the allocator.
const BASE: usize = 400;
/// Measured so often: now and then the allocator takes more at once, while a socket takes what it takes
/// each time, so the middle of them counts.
const BATCH: usize = 800;
/// What stands for 8 KiB of the release build: in this one, where nothing is optimised, the futures that
/// hold a socket are larger, and a socket that takes 5 KiB there takes 8 here.
const MOST: usize = 12 * 1024;

/// Resident bytes of the server.
fn resident(server: &Server) -> usize {
    bytes(server, "VmRSS:")
}

/// The most bytes that ever were.
fn peak(server: &Server) -> usize {
    bytes(server, "VmHWM:")
}

/// What the kernel counts for the server under this name.
fn bytes(server: &Server, name: &str) -> usize {
    let id = server.process.id().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kib: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}

/// Answers heartbeats, or a slow machine would see its sockets closed while others connect.
async fn idle(mut wire: Wire, lost: Arc<AtomicUsize>) {
    while let Some(Ok(Message::Text(text))) = wire.next().await {
        let mut frame: Value = serde_json::from_str(&text).unwrap();
        if frame["type"] == "ping" {
            frame["type"] = "pong".into();
            wire.send(Message::text(frame.to_string())).await.unwrap();
        }
    }
    lost.fetch_add(1, Ordering::SeqCst);
}

async fn grow(server: &Server, access: &str, count: usize, lost: &Arc<AtomicUsize>) {
    let caller = &server.caller;
    stream::iter(0..count)
        .for_each_concurrent(16, |_| async move {
            let (socket, _ready) = caller.open(access).await;
            tokio::spawn(idle(socket.wire, Arc::clone(lost)));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_socket_takes_a_few_kib_and_no_more() {
    let mut installation = Installation::new().await;
    for cap in ["PORTCULLIS_HUB__PER_SESSION", "PORTCULLIS_HUB__PER_USER"] {
        installation.set(cap, "10000");
    }
    let create = ["user", "create", "--email", ADA, "--active", "--password-stdin"];
    installation.ask_with(&create, &format!("{PASSWORD}\n")).await;
    let server = installation.serve().await;
    let access = server.caller.sign_in(ADA).await.access;
    let lost = Arc::new(AtomicUsize::new(0));
    grow(&server, &access, BASE, &lost).await;
    let mut each = Vec::new();
    for _ in 0..3 {
        let before = resident(&server);
        grow(&server, &access, BATCH, &lost).await;
        each.push(resident(&server).saturating_sub(before) / BATCH);
    }
    let lost = lost.load(Ordering::SeqCst);
    assert_eq!(lost, 0, "sockets were closed while they idled");
    each.sort_unstable();
    eprintln!("bytes for each idle socket: {each:?}");
    assert!(each[1] < MOST, "bytes for each idle socket: {each:?}");
}

/// Memory of one hash, as in production.
const HASH_KIB: usize = 19_456;
/// More sign-ins at once than there is room for.
const FLOOD: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn t12_a_flood_of_sign_ins_takes_the_memory_of_its_cores_and_health_is_told_meanwhile() {
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_PASSWORDS__MEMORY_KIB", &HASH_KIB.to_string());
    installation.set("PORTCULLIS_LIMITS__ENABLED", "false");
    let log = installation.folder.path().join("log");
    let server = installation.serve_logging_to(&log).await;
    let caller = &server.caller;
    caller.try_sign_in(ADA, "a first one").await.expect(401);
    let before = peak(&server);
    let told = AtomicUsize::new(0);
    let asking = async {
        loop {
            caller.get("/healthz").await.expect(200);
            told.fetch_add(1, Ordering::SeqCst);
        }
    };
    let flood = (0..FLOOD).map(|_| caller.try_sign_in(ADA, "nobody has this password"));
    let answers = tokio::select! {
        answers = join_all(flood) => answers,
        () = asking => unreachable!("it is asked again and again"),
    };
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(count(401) > cores, "{} were looked at", count(401));
    assert_eq!(count(401) + count(503), FLOOD);
    assert!(
        told.load(Ordering::SeqCst) > 3,
        "the flood left no room for others"
    );
    let rise = peak(&server) - before;
    eprintln!("a flood of {FLOOD} sign-ins took {rise} bytes");
    assert!(rise <= cores * HASH_KIB * 1024 + 64 * 1024 * 1024, "{rise} bytes");
}
