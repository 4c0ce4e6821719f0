//! C15: some clients never read. What is pushed to them piles up to a bound and no further, the others
//! notice nothing, and a revocation ends a socket that is full just as well.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::Executor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::actor::Rates;
use super::clients::{Session, User};
use super::run::{Run, Setup};
use super::swarm::Manner;

/// What shows that a client is there: `{"type":"pong"}`, masked with nothing. Unread, pings cannot be answered.
const SIGN_OF_LIFE: &[u8] = b"\x81\x8f\0\0\0\0{\"type\":\"pong\"}";
/// The least of buffers: what waits for this client, waits at the hub.
const TINY: u32 = 4 * 1024;
/// Sockets that are too slow and not signed out.
const DOZING: usize = 4;
/// How many sockets were signed out.
const SIGNED_OUT: &str = "portcullis_close_total{code=\"4001\"}";
/// How many sockets were closed for being too slow.
const SENT_AWAY: &str = "portcullis_close_total{code=\"4204\"}";

/// A socket of a client that reads its upgrade, and nothing more, and yet is there.
async fn deaf(run: &Run, session: &Session, node: usize) -> Arc<TcpStream> {
    let token = run.hub.ticket(session, node).await.text("token").unwrap();
    let address = run.nodes[node].address();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(TINY).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: portcullis.v1, portcullis.token.{token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    let stream = Arc::new(stream);
    tokio::spawn(live(Arc::downgrade(&stream)));
    stream
}

async fn live(stream: Weak<TcpStream>) {
    while let Some(stream) = stream.upgrade()
        && stream.try_write(SIGN_OF_LIFE).is_ok()
    {
        drop(stream);
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
}

/// So many of them, of one session on each node: what they are told is made once.
async fn deaf_ones(run: &Run, user: &User, count: usize) -> Vec<Arc<TcpStream>> {
    let mut sessions = Vec::new();
    for node in 0..2 {
        sessions.push(run.hub.sign_in(&user.email, node).await.unwrap());
    }
    let mut streams = Vec::new();
    for number in 0..count {
        streams.push(deaf(run, &sessions[number % 2], number % 2).await);
    }
    streams
}

/// How many sockets the hub holds open.
async fn held(run: &Run) -> f64 {
    run.metric("portcullis_connections").await
}

/// Two roles with states of some size, for those who never read: the buffers on the way are full before long.
const LARGE: [&str; 2] = ["large", "larger"];

async fn make_large_roles(run: &Run) {
    let permissions: Vec<String> = (0..800)
        .map(|number| format!("app:{}{number}", "x".repeat(50)))
        .collect();
    let permissions = serde_json::to_string(&permissions).unwrap();
    for role in LARGE {
        let make = format!(
            "insert into roles (name, permissions, created_at, updated_at)
            select '{role}', '{permissions}', created_at, updated_at from roles where name = 'user'"
        );
        run.sql().await.execute(sqlx::AssertSqlSafe(make)).await.unwrap();
    }
}

/// How many bytes wait at the hub for each of these clients to take, as the system tells; `None` where the hub
/// has given up.
fn waiting(streams: &[Arc<TcpStream>]) -> Vec<Option<u64>> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |field: &str| u16::from_str_radix(field.rsplit(':').next().unwrap(), 16).unwrap();
    let mut queues = HashMap::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (unsent, _) = fields[4].split_once(':').unwrap();
        let ends = (port(fields[1]), port(fields[2]));
        queues.insert(ends, u64::from_str_radix(unsent, 16).unwrap());
    }
    let ends = |stream: &Arc<TcpStream>| {
        let hub = stream.peer_addr().unwrap().port();
        (hub, stream.local_addr().unwrap().port())
    };
    streams
        .iter()
        .map(|stream| queues.get(&ends(stream)).copied())
        .collect()
}

/// Changes the states of these users again and again until nothing more goes to any of `streams`.
async fn fill(run: &Run, users: &[User], streams: &[Arc<TcpStream>]) {
    let began = Instant::now();
    let (mut seen, mut since, mut rounds) = (waiting(streams), Instant::now(), 0);
    for round in 1.. {
        change(run, users, round).await;
        let now = waiting(streams);
        if now != seen || now.contains(&Some(0)) {
            (seen, since, rounds) = (now, Instant::now(), round);
        }
        // A state may still be on its way to the node.
        if since.elapsed() > Duration::from_secs(1) && round >= rounds + 3 {
            println!("full after {rounds} states, {:?}", began.elapsed());
            return;
        }
        let patience = Duration::from_mins(3);
        assert!(began.elapsed() < patience, "their buffers never fill up");
    }
}

async fn change(run: &Run, users: &[User], round: usize) {
    let role = LARGE[round % 2];
    let changes = users
        .iter()
        .map(|user| run.actor.assign(round % 2, &user.id, role));
    join_all(changes).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_reads_hurts_nobody_and_is_signed_out() {
    let run = Run::start("C15", Setup::nodes(2).unswept()).await;
    let (good, slow) = (run.scale.count(40, 9_000), run.scale.count(15, 1_000));
    make_large_roles(&run).await;
    // Whoever joins is one of the others from here on.
    let stubborn = run.actor.users()[39].clone();
    let dozing = run.actor.users()[38].clone();
    run.gather(good, Manner::default()).await;
    let streams = deaf_ones(&run, &stubborn, slow).await;
    // Some others read as little, and nobody signs them out: they are sent away for being slow.
    let dozers = deaf_ones(&run, &dozing, DOZING).await;
    let all = run.swarm.open() + slow + DOZING;
    let before = run.holdings();
    run.act(Rates {
        roles: if run.scale.long { 20.0 } else { 4.0 },
        ..Rates::default()
    });
    fill(&run, &[stubborn.clone(), dozing.clone()], &streams).await;
    assert!(
        waiting(&streams).iter().all(Option::is_some),
        "sent away too early"
    );
    // One at a time would prove less: they are all ended by one order.
    let body = serde_json::json!({ "user_id": stubborn.id, "reason": "faults" });
    let asked = Instant::now();
    let selector = super::ledger::Selector::Users([stubborn.id.clone()].into());
    assert!(run.actor.revoke(0, selector, &body, "none").await);
    let most = Duration::from_secs(4);
    let left = run.swarm.members();
    let gone = left
        .iter()
        .filter(|member| member.session.user == stubborn.id)
        .count();
    let rest = f64::from(u32::try_from(all - slow - gone).unwrap());
    while held(&run).await > rest {
        assert!(
            asked.elapsed() < most,
            "{} sockets are open, {rest} should be",
            held(&run).await
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("gone after {:?}", asked.elapsed());
    // Not for being slow, in the time that any write has.
    let signed_out = run.metric(SIGNED_OUT).await;
    assert!(
        signed_out >= f64::from(u32::try_from(slow).unwrap()),
        "{signed_out} were signed out"
    );
    // A write that hangs does so for eight seconds, and theirs are about to, or do already.
    let (began, most) = (Instant::now(), run.scale.seconds(60.0, 15.0));
    for round in 0.. {
        if run.metric(SENT_AWAY).await >= f64::from(u32::try_from(DOZING).unwrap()) {
            break;
        }
        assert!(began.elapsed() < most, "who reads nothing keeps the socket");
        change(&run, std::slice::from_ref(&dozing), round).await;
    }
    println!("the others are sent away after {:?}", began.elapsed());
    let after = run.holdings();
    for (node, (memory, _)) in &after {
        let grown = memory.saturating_sub(before[node].0);
        assert!(grown < 64 * 1024, "node {node} has grown by {grown} KiB");
    }
    drop((streams, dozers));
    let judgement = run.judge().await;
    let states = judgement.verdict.states.get("healthy").expect("states arrived");
    let (slowest, most) = (states.percentile(99), run.scale.seconds(1.5, 0.1));
    assert!(slowest <= most, "p99 of those who read is {slowest:?}");
    judgement.clean(0);
}
