//! C19: three nodes are replaced one after the other behind nginx, again and again, while sessions end and roles change.
//! Everybody who is sent away is told so and comes back; no request ends with 5xx.

use std::time::Duration;

use super::actor::Rates;
use super::ledger::Logs;
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_replaced_one_by_one_behind_nginx() {
    let run = Run::start("C19", Setup::nodes(3).behind_nginx()).await;
    let manner = Manner {
        talks: true,
        ..Manner::default()
    };
    run.gather(run.scale.count(90, 5_000), manner).await;
    run.act(Rates {
        revocations: 4.0,
        roles: 6.0,
        refreshes: 6.0,
        registrations: 1.0,
    });
    for _ in 0..run.scale.count(1, 10) {
        for node in &run.nodes {
            node.terminate().await;
            node.start_surely().await;
        }
    }
    run.until("everybody is back", Duration::from_mins(1), || {
        run.swarm.is_complete()
    })
    .await;
    let logs = run.judge().await.clean(10);
    let moved = logs
        .sockets
        .iter()
        .filter(|socket| socket.code == Some(4201))
        .count();
    println!("C19: {moved} sockets were sent away");
    assert!(
        moved > 60,
        "only {moved} sockets were on a node that was replaced"
    );
    nobody_is_cut_off(&logs);
    nothing_failed(&run, &logs);
}

/// Whoever had a socket heard why it ended.
fn nobody_is_cut_off(logs: &Logs) {
    let cut = logs.sockets.iter().filter(|socket| {
        let ended = socket.closed.is_some() && socket.code.is_none();
        ended && socket.ready.is_some()
    });
    let cut: Vec<_> = cut.map(|socket| (socket.member, socket.closed)).collect();
    assert!(cut.is_empty(), "without a close frame: {cut:?}");
}

/// Neither a client nor nginx has seen a failed request.
fn nothing_failed(run: &Run, logs: &Logs) {
    let failed = logs
        .acts
        .iter()
        .filter(|act| act.status == 0 || act.status >= 500);
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "{failed:?}");
    let lines = run.front.as_ref().unwrap().nginx.log().into_iter();
    let failed: Vec<_> = lines
        .filter(|line| line["status"].as_u64() >= Some(500))
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}
