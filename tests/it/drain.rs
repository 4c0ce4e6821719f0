//! SIGTERM and SIGKILL, sent to the real binary with sockets open.

use std::time::{Duration, Instant};

use portcullis::roles::Permission;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::binary::{Installation, Server};
use crate::support::http::Caller;
use crate::support::people::PASSWORD;
use crate::support::socket::{Heard, TestSocket};
use crate::support::{DEADLINE, Pair};

const ADA: &str = "ada@example.org";
const SOCKETS: usize = 300;
const DRAIN: Duration = Duration::from_secs(2);

async fn user(installation: &Installation) {
    let arguments = ["user", "create", "--email", ADA, "--active", "--password-stdin"];
    installation.ask_with(&arguments, &format!("{PASSWORD}\n")).await;
}

fn signal(server: &Server, signal: &str) {
    let process = server.process.id().unwrap().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", signal, &process])
        .status();
    assert!(sent.unwrap().success());
}

/// What a socket saw of the drain: `in_ms`, and when it was closed.
async fn sent_away(mut socket: TestSocket, since: Instant) -> (u64, Duration) {
    let reconnect = socket.frame("reconnect").await;
    assert_eq!(reconnect["code"], 4201);
    assert_eq!(socket.hear().await, Heard::Closed(4201));
    (reconnect["in_ms"].as_u64().unwrap(), since.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_sends_every_socket_away_each_at_its_time() {
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_HUB__DRAIN", "2");
    installation.set("PORTCULLIS_HUB__PER_SESSION", "1000");
    installation.set("PORTCULLIS_HUB__PER_USER", "1000");
    installation.set("PORTCULLIS_LIMITS__ENABLED", "false");
    user(&installation).await;
    let mut server = installation.serve().await;
    let hub = server.caller.clone();
    let pair = hub.sign_in(ADA).await;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        sockets.push(hub.open(&pair.access).await.0);
    }
    let spare = hub.socket_token(&pair.access).await;
    signal(&server, "TERM");
    let began = Instant::now();
    let leaving: Vec<_> = sockets
        .into_iter()
        .map(|socket| tokio::spawn(sent_away(socket, began)))
        .collect();
    refuses(&hub, &spare).await;
    let mut seen = Vec::new();
    for socket in leaving {
        seen.push(socket.await.unwrap());
    }
    let status = tokio::time::timeout(DEADLINE, server.process.wait())
        .await
        .unwrap()
        .unwrap();
    let took = began.elapsed();
    assert_eq!(status.code(), Some(0));
    assert!(took < DRAIN + Duration::from_secs(10), "{took:?}");

    // Spread evenly: each tenth of the time has about a tenth of the sockets.
    seen.sort_unstable();
    let drain = u64::try_from(DRAIN.as_millis()).unwrap();
    for tenth in 0..10 {
        let within = drain * tenth / 10..drain * (tenth + 1) / 10;
        let count = seen.iter().filter(|(in_ms, _)| within.contains(in_ms)).count();
        assert!((25..=35).contains(&count), "{count} of them in {within:?}");
    }
    for (in_ms, closed) in seen {
        let due = Duration::from_millis(in_ms);
        assert!(
            closed + Duration::from_millis(100) > due && closed < due + Duration::from_secs(5),
            "{due:?} {closed:?}"
        );
    }
}

/// While it drains, the node says so to whoever comes.
async fn refuses(hub: &Caller, token: &str) {
    crate::support::eventually("the node says that it drains", || async {
        (hub.get("/readyz").await.status == 503).then_some(())
    })
    .await;
    hub.get("/readyz").await.problem(503, "unavailable");
    hub.get("/healthz").await.expect(200);
    for protocols in [
        "portcullis.v1".to_owned(),
        format!("portcullis.v1, portcullis.token.{token}"),
    ] {
        let refused = hub.upgrade(&[("Sec-WebSocket-Protocol", &protocols)]).await;
        refused.problem(503, "overloaded");
        assert!(refused.header("retry-after").is_some());
    }
}

#[tokio::test]
async fn what_was_revoked_stays_revoked_after_sigkill() {
    let mut installation = Installation::new().await;
    installation.set("PORTCULLIS_PUBLIC_URL", "http://127.0.0.1:9");
    user(&installation).await;
    let key = installation
        .ask(&[
            "key",
            "create",
            "--name",
            "backend",
            "--scopes",
            Permission::SessionsRevoke.as_str(),
        ])
        .await;
    let key = key.trim_end().lines().last().unwrap().to_owned();
    let mut server = installation.serve().await;
    let (dead, alive) = (server.caller.sign_in(ADA).await, server.caller.sign_in(ADA).await);
    let (mut socket, _) = server.caller.open(&dead.access).await;
    let (mut other, _) = server.caller.open(&alive.access).await;
    let tokens = [
        server.caller.socket_token(&dead.access).await,
        server.caller.socket_token(&alive.access).await,
    ];
    server.caller.revoke_session(&key, &dead.session).await;
    server.process.kill().await.unwrap();
    socket.signed_out("revoked").await;
    let (frames, code): (Vec<Value>, _) = other.read_to_the_end().await;
    assert!(
        code.is_none() && frames.iter().all(|frame| frame["type"] == "event"),
        "{code:?} {frames:?}"
    );

    let again = installation.serve().await;
    let hub = &again.caller;
    hub.get_as(&dead.access, "/api/auth/socket")
        .await
        .problem(401, "session_revoked");
    hub.try_refresh(&dead.refresh)
        .await
        .problem(401, "session_revoked");
    let (frames, code) = hub.connect_with(&tokens[0]).await.read_to_the_end().await;
    assert!(
        frames.iter().all(|frame| frame["type"] == "signed_out"),
        "{frames:?}"
    );
    // SQLite forgets with the process which tokens were handed out; PostgreSQL says why.
    let expected = if crate::support::database::is_postgres() {
        4001
    } else {
        4102
    };
    assert_eq!(code, Some(expected));
    let fresh = Pair::of(&hub.try_refresh(&alive.refresh).await.expect(200));
    let (mut back, ready) = hub.open(&fresh.access).await;
    assert_eq!(ready["session_id"], alive.session.as_str());
    hub.revoke_session(&key, &alive.session).await;
    back.signed_out("revoked").await;
    let again = json!({ "session_id": dead.session, "reason": "x" });
    let done = hub.try_revoke(&key, "", again).await.expect(200).json();
    assert_eq!(done["sessions_revoked"], 0);
}

#[tokio::test]
async fn a_job_that_panics_ends_the_server_with_an_error() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let (mut socket, _) = hub.open(&ada.access).await;
    hub.app
        .lifecycle
        .spawn(async { panic!("one client's task, as a test wants it") });
    let address = hub.address;
    tokio::net::TcpStream::connect(&address).await.unwrap();
    hub.app
        .lifecycle
        .spawn_job("test", async { panic!("as a test wants it") });
    let ended = hub.app.clone().until(std::future::pending()).await;
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("the job `test` panicked"), "{error}");
    assert!(matches!(socket.hear().await, Heard::Closed(_)));
    assert!(
        tokio::net::TcpStream::connect(&address).await.is_err(),
        "nobody listens"
    );
}
