//! Clients that read slowly, or not at all: bounded memory, and no way to keep a session by it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis::hub::outbox::Push;
use portcullis::hub::registry::Socket;
use portcullis::ids::UserId;
use portcullis::store::journal::StateReason;
use portcullis::store::users::{AuthState, Status};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::support::app::{TestApp, Tuning};
use crate::support::people::Person;
use crate::support::socket::TestSocket;
use crate::support::{database, eventually};

const ADA: &str = "ada@example.org";

/// The least of buffers.
const TINY: u32 = 4 * 1024;
/// A write that takes so long hangs. This machine may be slow, and after eight seconds it is given up.
const HANGS: Duration = Duration::from_millis(1_500);
/// A client with this much is through its backlog at once, when it reads.
const AMPLE: u32 = 256 * 1024;

/// A socket of a client with this buffer, which reads nothing unless it is asked to.
async fn stubborn(hub: &TestApp, access: &str, buffer: u32) -> TestSocket {
    let token = hub.socket_token(access).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(buffer).unwrap();
    let mut stream = socket.connect(hub.address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: portcullis.v1, portcullis.token.{token}\r\n\r\n",
        hub.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&head)
    );
    let wire = WebSocketStream::from_raw_socket(MaybeTlsStream::Plain(stream), Role::Client, None).await;
    let mut socket = TestSocket { wire };
    socket.frame("ready").await;
    socket
}

fn only_socket(hub: &TestApp, person: &Person) -> Arc<Socket> {
    let sockets = hub.app.cx.hub.registry().of(person.id.parse().unwrap());
    assert_eq!(sockets.len(), 1);
    Arc::clone(&sockets[0])
}

/// Pushes large states, each after the one before it was taken from the queue, until the server's
/// write hangs. Gives the last version that was taken.
async fn fill(hub: &TestApp, person: &Person) -> i64 {
    let user: UserId = person.id.parse().unwrap();
    let socket = only_socket(hub, person);
    for version in 1_000..20_000 {
        let state = AuthState {
            version,
            role: "user".to_owned(),
            permissions: vec!["p".repeat(16 * 1024)],
            status: Status::Active,
            email_verified: true,
        };
        let (reason, state) = (StateReason::RoleChanged, Arc::new(state));
        let push = Push::state(None, reason, state);
        hub.app
            .cx
            .hub
            .registry()
            .for_user(user, |socket| socket.outbox.push(push.clone()));
        let began = Instant::now();
        while socket.version() != version {
            if began.elapsed() > HANGS {
                assert!(socket.outbox.urgent().is_none(), "states alone fill no queue");
                return version - 1;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    panic!("the client has taken everything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t26_who_never_reads_is_gone_soon_after_the_revocation() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let mut client = stubborn(&hub, &pair.access, TINY).await;
    let last = fill(&hub, &ada).await;
    let asked = Instant::now();
    let order = json!({ "session_id": pair.session, "reason": "x" });
    let done = hub
        .try_revoke(&key, "?timeout_ms=4000", order)
        .await
        .expect(200)
        .json();
    assert_eq!(done["receipt"]["complete"], true, "{done}");
    assert_eq!(done["receipt"]["sockets_closed"], 1, "{done}");
    // A write that nobody interrupts hangs for longer than the receipt waits.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(hub.sockets(), 0);
    // The connection was reset: what waited to be sent is gone, and nothing of it comes late.
    let (frames, code) = client.read_to_the_end().await;
    assert_eq!(code, None);
    let newest = frames
        .last()
        .map(|frame| frame["state"]["version"].as_i64().unwrap());
    assert!(newest < Some(last), "{newest:?} of {last}");
}

/// Another node's word for having applied it is a word for its sockets, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_for_all_waits_for_a_full_socket_on_another_node() {
    let url = database::fresh_postgres().await;
    let node = || {
        let configured = Tuning::new().database(url.clone()).configure(|config| {
            config.public_url = Some("http://127.0.0.1:9".parse().unwrap());
            config.hub.poll = 0.05;
        });
        configured.spawn()
    };
    let (here, there) = (node().await, node().await);
    let key = here.backend().await;
    let (ada, pair) = here.signed_in(ADA, "user").await;
    let _client = stubborn(&there, &pair.access, TINY).await;
    fill(&there, &ada).await;
    let order = json!({ "session_id": pair.session, "reason": "x" });
    let answer = here.try_revoke(&key, "?wait=all&timeout_ms=10000", order).await;
    // Looked at first: it closes soon after.
    assert_eq!(there.sockets(), 0, "its socket is still open");
    assert_eq!(answer.expect(200).json()["receipt"]["complete"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t26_who_reads_again_in_time_sees_the_sign_out_behind_what_was_on_its_way() {
    let hub = TestApp::spawn().await;
    let key = hub.backend().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let mut client = stubborn(&hub, &pair.access, AMPLE).await;
    let last = fill(&hub, &ada).await;
    let socket = only_socket(&hub, &ada);
    let reading = async {
        eventually("the socket is told", || async {
            socket.outbox.is_signed_out().then_some(())
        })
        .await;
        client.read_to_the_end().await
    };
    let (done, (frames, code)) = tokio::join!(hub.revoke_session(&key, &pair.session), reading);
    assert_eq!(done["receipt"]["complete"], true, "{done}");
    assert_eq!(code, Some(4001));
    let (goodbye, before) = frames.split_last().unwrap();
    assert_eq!(goodbye["type"], "signed_out");
    // The frame that hung is whole, and the one behind it was passed over.
    assert_eq!(before.last().unwrap()["state"]["version"], last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t26_a_queue_that_is_full_closes_the_socket_and_keeps_the_session() {
    let hub = TestApp::spawn().await;
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let mut client = stubborn(&hub, &pair.access, TINY).await;
    fill(&hub, &ada).await;
    let socket = only_socket(&hub, &ada);
    // One state waits already.
    for sequence in 1_000_000..1_000_032 {
        assert!(socket.outbox.urgent().is_none());
        let frame = json!({ "type": "event", "sequence": sequence, "name": "x", "data": {} });
        let push = Push::Event {
            sequence,
            frame: frame.to_string().into(),
        };
        socket.outbox.push(push);
    }
    let (frames, code) = client.read_to_the_end().await;
    assert_eq!(code, Some(4204));
    assert!(
        frames.iter().all(|frame| frame["type"] == "state"),
        "no signed_out"
    );
    hub.sockets_become(0).await;
    hub.open(&pair.access).await;
}
