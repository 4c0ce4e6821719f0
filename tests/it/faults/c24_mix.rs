//! C24: everything at once, in an order drawn from a seed. `PORTCULLIS_FAULTS_SEED` replays it,
//! `PORTCULLIS_FAULTS_MINUTES` says for how long.

use std::time::Duration;

use super::actor::Rates;
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_in_a_mix_of_faults() {
    let run = Run::start("C24", Setup::nodes(3).own_postgres()).await;
    let scale = run.scale;
    let manner = Manner {
        talks: true,
        ..Manner::default()
    };
    run.gather(scale.count(60, 3_000), manner).await;
    let before = run.holdings();
    run.act(Rates {
        revocations: if scale.long { 20.0 } else { 10.0 },
        roles: 4.0,
        refreshes: 6.0,
        registrations: 1.0,
    });
    let long = scale.seconds(14.0, 0.0);
    let long = if scale.long {
        Duration::from_secs(60 * scale.minutes)
    } else {
        long
    };
    run.mix(long, scale.seconds(2.0, 8.0)).await;
    let judgement = run.judge().await;
    println!("held before {before:?}, after {:?}", judgement.holdings);
    for (node, (memory, files)) in &judgement.holdings {
        let (memory_before, files_before) = before[node];
        // Sockets have moved from node to node meanwhile.
        let sockets = scale.count(60, 3_000);
        assert!(
            *files <= files_before + sockets + 64,
            "node {node} holds {files} files, {files_before} before"
        );
        assert!(
            *memory <= memory_before * 2 + 64 * 1024,
            "node {node} holds {memory} KiB, {memory_before} before"
        );
    }
    judgement.clean(scale.count(30, 1_000));
}
