//! C15: some clients never read. What is pushed to them piles up to a bound and no further, the others
//! notice nothing, and a revocation ends a socket that is full just as well.

use std::time::{Duration, Instant};

use sqlx::Executor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::clients::Session;
use super::run::{Run, Setup};
use super::swarm::Manner;

/// The least of buffers: what waits for this client, waits at the hub.
const TINY: u32 = 4 * 1024;
/// Sockets that are too slow and not signed out.
const DOZING: usize = 4;
/// How many sockets were closed for being too slow.
const SENT_AWAY: &str = "portcullis_close_total{code=\"4204\"}";

/// A socket of a client that reads its upgrade, and nothing more.
async fn deaf(run: &Run, session: &Session, node: usize) -> TcpStream {
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
    stream
}

/// How many sockets the hub holds open.
async fn held(run: &Run) -> f64 {
    run.metric("portcullis_connections").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_reads_hurts_nobody_and_is_signed_out() {
    let run = Run::start("C15", Setup::nodes(2).unswept()).await;
    let (good, slow) = (run.scale.count(40, 9_000), run.scale.count(15, 1_000));
    run.gather(good, Manner::default()).await;
    // Sessions of one user each have a state of their own; theirs changes all the time.
    let stubborn = run.actor.users()[39].clone();
    // States of some size, so that the buffers on the way are full before long.
    let large: Vec<String> = (0..800)
        .map(|number| format!("app:{}{number}", "x".repeat(50)))
        .collect();
    let large = serde_json::to_string(&large).unwrap();
    let enlarge = format!("update roles set permissions = '{large}' where name in ('user', 'moderator')");
    run.sql()
        .await
        .execute(sqlx::AssertSqlSafe(enlarge))
        .await
        .unwrap();
    let mut streams = Vec::new();
    let mut sessions = Vec::new();
    for number in 0..slow {
        let session = run.hub.sign_in(&stubborn.email, number % 2).await.unwrap();
        streams.push(deaf(&run, &session, number % 2).await);
        sessions.push(session);
    }
    // Some others read as little, and nobody signs them out: they are sent away for being slow.
    let dozing = run.actor.users()[38].clone();
    for number in 0..DOZING {
        let session = run.hub.sign_in(&dozing.email, number % 2).await.unwrap();
        streams.push(deaf(&run, &session, number % 2).await);
        sessions.push(session);
    }
    let all = run.swarm.open() + slow + DOZING;
    let before = run.holdings();
    let until = Instant::now() + run.scale.seconds(3.0, 60.0);
    let mut round = 0;
    while Instant::now() < until {
        round += 1;
        let role = ["moderator", "user"][round % 2];
        run.actor.assign(round % 2, &stubborn.id, role).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("{round} states for {slow} clients that read nothing");
    // One at a time would prove less: they are all ended by one order.
    let body = serde_json::json!({ "user_id": stubborn.id, "reason": "faults" });
    let asked = Instant::now();
    let selector = super::ledger::Selector::Users([stubborn.id.clone()].into());
    assert!(run.actor.revoke(0, selector, &body, "none").await);
    // Sooner than they would be sent away for being slow.
    let most = run.scale.seconds(5.0, 4.0);
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
    // A write that hangs does so for eight seconds.
    let (began, most) = (Instant::now(), run.scale.seconds(30.0, 15.0));
    while run.metric(SENT_AWAY).await < f64::from(u32::try_from(DOZING).unwrap()) {
        assert!(began.elapsed() < most, "who reads nothing keeps the socket");
        round += 1;
        let role = ["moderator", "user"][round % 2];
        run.actor.assign(round % 2, &dozing.id, role).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("the others are sent away after {:?}", began.elapsed());
    let after = run.holdings();
    for (node, (memory, _)) in &after {
        let grown = memory.saturating_sub(before[node].0);
        assert!(grown < 64 * 1024, "node {node} has grown by {grown} KiB");
    }
    drop(streams);
    run.judge().await.clean(0);
}
