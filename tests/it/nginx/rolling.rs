//! One hub is replaced after the other while 500 sockets are open and people sign in: nobody is signed out,
//! nobody is refused, everybody is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::PublicUrl;
use crate::support::http::Answer;
use crate::support::nginx::Visitor;
use crate::support::people::{PASSWORD, Pair};
use crate::support::socket::{Heard, TestSocket};

const PEOPLE: u8 = 10;
const SOCKETS_EACH: usize = 50;
const SOCKETS: usize = PEOPLE as usize * SOCKETS_EACH;

/// What a client of the crowd went through.
#[derive(Debug, Default)]
struct Crowd {
    open: AtomicUsize,
    sent_away: AtomicUsize,
    over: CancellationToken,
}

/// Keeps a socket open as a client does: sent away with 42xx it comes back at its time, with a new ticket.
async fn stay(visitor: Visitor, pair: Pair, crowd: Arc<Crowd>) {
    loop {
        let Some(mut socket) = opened(&visitor, &pair).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        crowd.open.fetch_add(1, Ordering::SeqCst);
        let mut in_ms = 0;
        let ended = loop {
            let heard = tokio::select! {
                heard = listen(&mut socket) => heard,
                () = crowd.over.cancelled() => return,
            };
            match heard {
                Heard::Frame(frame) if frame["type"] == "reconnect" => {
                    in_ms = frame["in_ms"].as_u64().unwrap();
                }
                Heard::Frame(_) => {}
                ended => break ended,
            }
        };
        crowd.open.fetch_sub(1, Ordering::SeqCst);
        // 1012 is said to those who are still there at the end, as on a machine that does much else.
        let sent_away = matches!(ended, Heard::Closed(4201 | 1012));
        assert!(sent_away, "after {in_ms} ms: {ended:?}");
        crowd.sent_away.fetch_add(1, Ordering::SeqCst);
    }
}

/// On a machine that does much else, PostgreSQL may be too slow for a hub, which then says so (503, with the id of the
/// request). nginx that finds no hub says 503 without one, and that must not happen.
fn is_told_to_wait(answer: &Answer) -> bool {
    answer.status == 503 && answer.header("retry-after").is_some() && answer.header("x-request-id").is_some()
}

/// A socket that is ready; `None` when there is no room for it just now: no connection in time, an upgrade that was
/// refused, a socket that was sent away at the door (4206).
async fn opened(visitor: &Visitor, pair: &Pair) -> Option<TestSocket<TlsStream<TcpStream>>> {
    let asked = visitor.caller.request(Method::GET, "/api/auth/socket");
    let response = asked.bearer_auth(&pair.access).send().await.ok()?;
    let status = response.status().as_u16();
    if status == 503 && response.headers().contains_key("x-request-id") {
        return None;
    }
    let ticket: serde_json::Value = serde_json::from_slice(&response.bytes().await.ok()?).unwrap();
    assert_eq!(status, 200, "{ticket}");
    let mut socket = visitor.try_open(ticket["token"].as_str().unwrap()).await?;
    match listen(&mut socket).await {
        Heard::Frame(frame) if frame["type"] == "ready" => Some(socket),
        Heard::Closed(4200..=4299) | Heard::Gone => None,
        other => panic!("expected to be let in or sent away, heard {other:?}"),
    }
}

/// What is heard next, however long it takes.
async fn listen(socket: &mut TestSocket<TlsStream<TcpStream>>) -> Heard {
    socket.hear_within(Duration::from_mins(2)).await
}

/// Everybody signs in, one after the other from an address of their own, until told to stop; gives how often.
async fn sign_in_all_the_time(visitors: &[Visitor], stop: &AtomicBool) -> usize {
    let mut done = 0;
    while !stop.load(Ordering::SeqCst) {
        let number = done % visitors.len();
        let visitor = &visitors[number];
        let number = u8::try_from(number).unwrap();
        let answer = visitor.caller.try_sign_in(&email(number), PASSWORD).await;
        if !is_told_to_wait(&answer) {
            assert_eq!(answer.status, 200, "sign-in {done}: {}", answer.text());
            done += 1;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    done
}

fn email(number: u8) -> String {
    format!("person-{number}@example.org")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c19_hubs_are_replaced_one_by_one_and_nobody_notices() {
    let settings = [
        ("PORTCULLIS_HUB__DRAIN", "3"),
        ("PORTCULLIS_HUB__PER_SESSION", "100"),
    ];
    let mut site = PublicUrl::tuned(&settings).await;
    let crowd = Arc::new(Crowd::default());
    let mut clients = Vec::new();
    for number in 0..PEOPLE {
        site.person(&email(number)).await;
        let visitor = site.from([9, number + 1]);
        let pair = visitor.caller.sign_in(&email(number)).await;
        for _ in 0..SOCKETS_EACH {
            let task = stay(visitor.clone(), pair.clone(), Arc::clone(&crowd));
            clients.push(tokio::spawn(task));
        }
    }
    everybody_is_there(&crowd).await;

    let stop = AtomicBool::new(false);
    let newcomers: Vec<Visitor> = (0..PEOPLE).map(|number| site.from([10, number + 1])).collect();
    for node in 0..2 {
        let server = site.servers.remove(0);
        stop.store(false, Ordering::SeqCst);
        let replaced = async {
            server.terminate().await;
            let server = site.serve(node).await;
            everybody_is_there(&crowd).await;
            stop.store(true, Ordering::SeqCst);
            server
        };
        let (server, sign_ins) = tokio::join!(replaced, sign_in_all_the_time(&newcomers, &stop));
        assert!(sign_ins >= 5, "{sign_ins} people signed in meanwhile");
        site.servers.push(server);
    }
    let moved = crowd.sent_away.load(Ordering::SeqCst);
    assert!(moved >= SOCKETS, "each socket was on one of the two: {moved}");
    crowd.over.cancel();
    for client in join_all(clients).await {
        client.unwrap();
    }
    let faults = site.nginx.log().into_iter();
    let faults: Vec<_> = faults
        .filter(|line| line["status"].as_u64() >= Some(500) && line["request_id"] == "")
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}

async fn everybody_is_there(crowd: &Crowd) {
    let all_open = async {
        while crowd.open.load(Ordering::SeqCst) < SOCKETS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // Seconds, and more where the machine is full.
    let waited = tokio::time::timeout(Duration::from_mins(2), all_open).await;
    assert!(waited.is_ok(), "{crowd:?} of {SOCKETS}");
}
