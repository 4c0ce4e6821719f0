//! C16: the wall clock of one node jumps: an hour ahead, two hours back, to and fro. Nobody is signed out
//! by it, sockets live on (they go by the monotonic clock), and logouts arrive in the journal's order.
//!
//! libfaketime stands between the process and its clock.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::actor::Rates;
use super::ledger::Fault;
use super::run::{Run, Setup};
use super::swarm::Manner;

/// Where Debian's package `faketime` puts its library.
fn library() -> PathBuf {
    let mut found = std::fs::read_dir("/usr/lib")
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketime.so.1")))
        .filter(|path| path.exists());
    found
        .next()
        .expect("libfaketime; scripts/install-test-tools installs it")
}

/// The clock of a process that reads its offset from a file.
fn set_clock(file: &Path, offset: &str) {
    let fresh = file.with_extension("fresh");
    std::fs::write(&fresh, offset).unwrap();
    std::fs::rename(fresh, file).unwrap();
}

/// By how many seconds the clock of the second node is off, as its tokens tell.
async fn seen_jump(run: &Run) -> i64 {
    let session = run.hub.sign_in(&run.actor.users()[0].email, 1).await.unwrap();
    let token = session.access.lock().unwrap().clone();
    let claims = token.split('.').nth(1).unwrap();
    let claims = data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    claims["iat"].as_i64().unwrap() - i64::try_from(now).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wall_clock_that_jumps_signs_nobody_out() {
    let run = Run::start("C16", Setup::nodes(2).unswept()).await;
    let scale = run.scale;
    let folder = crate::support::database::Folder::new();
    let clock = folder.path().join("clock");
    set_clock(&clock, "+0");
    let node = &run.nodes[1];
    for (name, value) in [
        ("LD_PRELOAD", library().display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", clock.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("FAKETIME_DONT_RESET", "1".to_owned()),
    ] {
        node.set(name, &value);
    }
    node.kill().await;
    node.start_surely().await;
    run.gather(
        scale.count(40, 5_000),
        Manner {
            talks: true,
            ..Manner::default()
        },
    )
    .await;
    run.act(Rates {
        revocations: 10.0,
        roles: 4.0,
        refreshes: 5.0,
        ..Rates::default()
    });
    for offset in ["+3600", "-7200", "+5", "-5", "+5", "-5", "+0"] {
        set_clock(&clock, offset);
        if let Ok(jump @ (3600 | -7200)) = offset.parse::<i64>() {
            let seen = seen_jump(&run).await;
            assert!(
                (seen - jump).abs() < 60,
                "the node is off by {seen} s, not {jump}"
            );
        }
        tokio::time::sleep(scale.seconds(0.8, 20.0)).await;
    }
    // A little of lag is no fault of the node: its library looks the file up each time.
    let settled = run.during(
        Fault::Slow,
        Some(1),
        tokio::time::sleep(Duration::from_millis(100)),
    );
    settled.await;
    let logs = run.judge().await.clean(20);
    let lost = logs
        .sockets
        .iter()
        .filter(|socket| socket.ready.is_some() && socket.closed.is_some() && socket.code != Some(4001));
    assert_eq!(lost.count(), 0, "a jump of the clock cost sockets");
}
