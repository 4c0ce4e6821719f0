//! C24: everything at once, in an order drawn from a seed. `PORTCULLIS_FAULTS_SEED` replays it,
//! `PORTCULLIS_FAULTS_MINUTES` says for how long.

use std::collections::BTreeMap;
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
    // With more, two processors that carry the clients as well have none to spare for seconds after a fault.
    run.gather(scale.count(60, 1_500), manner).await;
    run.act(Rates {
        revocations: 10.0,
        roles: 4.0,
        refreshes: 6.0,
        registrations: 1.0,
    });
    // What is made once and kept is there then.
    tokio::time::sleep(scale.seconds(0.5, 20.0)).await;
    let before = run.holdings();
    let long = if scale.long {
        Duration::from_secs(60 * scale.minutes)
    } else {
        Duration::from_secs(8)
    };
    // Sockets ask all the time, and are answered without a look into SQL: who was signed out must not be.
    let talk = run.swarm.keep_speaking(scale.seconds(0.8, 5.0));
    let faults = run.mix(long, scale.seconds(2.0, 6.0)).await;
    drop(talk);
    let judgement = run.judge().await;
    let revocations = judgement.verdict.acknowledged;
    println!(
        "seed {}: {faults} faults, {revocations} acknowledged revocations",
        scale.seed
    );
    println!("held before {before:?}, after {:?}", judgement.holdings);
    holds_no_more(&run, &before, &judgement.holdings);
    judgement.clean(scale.count(20, 1_000));
    if scale.long && scale.minutes >= 60 {
        assert!(faults >= 500, "{faults} faults");
        assert!(revocations >= 20_000, "{revocations} revocations");
    }
}

/// I9, over all nodes: sockets have moved from one to another meanwhile.
fn holds_no_more(run: &Run, before: &Holdings, after: &Holdings) {
    let sum = |held: &Holdings| {
        held.values()
            .fold((0, 0), |(memory, files), held| (memory + held.0, files + held.1))
    };
    assert_eq!(before.len(), after.len(), "a node is not there");
    let ((memory_before, files_before), (memory, files)) = (sum(before), sum(after));
    // The pools fill as needed, and clients keep connections for their next request.
    let (pools, clients) = (25 * run.nodes.len(), 64);
    let most = files_before + files_before / 20 + pools + clients;
    assert!(files <= most, "{files} files are open, {files_before} before");
    // An allocator keeps what was once needed, in the short form most of all that there is.
    let (part, more) = if run.scale.long {
        (20, 48 * 1024)
    } else {
        (1, 192 * 1024)
    };
    let most = memory_before + memory_before / part + more;
    assert!(memory <= most, "{memory} KiB are held, {memory_before} before");
}

/// Resident KiB and open files of each node.
type Holdings = BTreeMap<usize, (u64, usize)>;
