//! C04: PostgreSQL crashes again and again under refreshes, revocations and registrations. What was
//! answered with 2 is there afterwards, what was not may be asked again, and nobody loses a socket.

use std::time::Duration;

use rustix::process::Signal;
use sqlx::Executor;

use super::actor::Rates;
use super::ledger::Fault;
use super::nemesis::{Break, To};
use super::process;
use super::run::{Run, Setup};
use super::swarm::Manner;
use crate::support::eventually;
use crate::support::proxy::Line;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_every_crash() {
    let run = Run::start("C04", Setup::nodes(2).own_postgres()).await;
    let scale = run.scale;
    run.gather(scale.count(40, 5_000), Manner::default()).await;
    run.act(Rates {
        revocations: 10.0,
        roles: 5.0,
        refreshes: 20.0,
        registrations: 3.0,
    });
    // Between two crashes there is time for a sweep: no lease runs out.
    for _ in 0..scale.count(2, 20) {
        run.breaks(Break::SqlCrashed, scale.seconds(0.3, 2.0)).await;
        tokio::time::sleep(scale.seconds(2.6, 12.0)).await;
    }
    // Whoever is signed in can go on with the newest token that was acknowledged.
    run.actor.rest().await;
    for session in run.actor.living().into_iter().take(20) {
        // The checker knows whose session was ended meanwhile.
        let reply = run.hub.refresh(&session, 0).await;
        assert!(reply.status == 200 || reply.status == 401, "{reply:?}");
    }
    let logs = run.judge().await.clean(scale.count(20, 500));
    for socket in logs.sockets.iter().filter(|socket| socket.ready.is_some()) {
        let good = socket.closed.is_none() || socket.code == Some(4001);
        assert!(good, "a crash of SQL cost a socket: {socket:?}");
    }
    let refused = logs.acts.iter().filter(|act| act.status >= 500);
    for act in refused {
        let took = act.took();
        assert!(act.status == 503, "{act:?}");
        assert!(took < run.scale.seconds(8.0, 3.0), "{took:?}: {act:?}");
    }
}

/// Transactions that did not wait for the disk are gone after a crash, and others get their numbers. A node
/// that has seen the former must not take the latter for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_comes_again_hides_no_logout() {
    const LOST: usize = 200;
    let run = Run::start("C04, numbers", Setup::nodes(3).own_postgres().unswept()).await;
    run.gather(30, Manner::default()).await;
    // The third node comes back after the crash: it alone has seen nothing from before it.
    let down = run.ledger.begins(Fault::Down, Some(2));
    run.nodes[2].kill().await;
    run.until("everybody is with the others", Duration::from_secs(20), || {
        run.swarm.is_complete() && !run.is_anybody_on(2)
    })
    .await;
    // The disk hears of nothing by itself.
    let writer = log_writer(&run).await;
    process::freeze(writer);
    let newest = eventually("both nodes have seen what the disk has not heard of", || async {
        let burnt = burn(&run, LOST).await;
        while nodes_that_have_seen(&run, burnt.newest).await < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // A node that was held up extends its lease for good, and takes all of them to the disk.
        (!has_written(&run, &burnt.halfway).await).then_some(burnt.newest)
    })
    .await;
    let meanwhile = async {
        // It would keep the others waiting, and its death is a crash by itself.
        process::signal(writer, Signal::KILL);
        run.breaks(Break::SqlCrashed, Duration::from_millis(100)).await;
        run.nodes[2].start_surely().await;
        run.ledger.ends(down);
        for number in 0..8 {
            let session = run.somebody_on(number % 2);
            run.actor.end(&session, 2, "none").await;
        }
        let again = burn(&run, 1).await.newest;
        assert!(
            again < newest,
            "no number has come again: {again}, {newest} before"
        );
        // Past what the nodes have seen, so that nothing looks as if it had gone back.
        burn(&run, 2 * LOST).await;
    };
    let both = run.on_the_line(
        0,
        To::Both,
        Line::Cut,
        run.on_the_line(1, To::Both, Line::Cut, meanwhile),
    );
    Box::pin(both).await;
    let logs = run.judge().await.clean(8);
    let leases = logs.sockets.iter().filter(|socket| socket.code == Some(4101));
    assert_eq!(leases.count(), 0, "a lease ran out");
}

/// The process that writes out what nobody waits for.
async fn log_writer(run: &Run) -> u32 {
    let sql = "select pid from pg_stat_activity where backend_type = 'walwriter'";
    let pid: i32 = sqlx::query_scalar(sql)
        .fetch_one(&mut run.sql().await)
        .await
        .unwrap();
    pid.unsigned_abs()
}

/// How many nodes say that they have seen this transaction.
async fn nodes_that_have_seen(run: &Run, transaction: i64) -> i64 {
    let count = "select count(*) from nodes
        where cast(cast(pg_snapshot_xmax(cast(seen as pg_snapshot)) as text) as bigint) > $1";
    sqlx::query_scalar(count)
        .bind(transaction)
        .fetch_one(&mut run.sql().await)
        .await
        .unwrap()
}

struct Burnt {
    /// The number of the newest transaction.
    newest: i64,
    /// The place in the log after the first half of them.
    halfway: String,
}

/// So many transactions that write nothing and wait for no disk.
async fn burn(run: &Run, count: usize) -> Burnt {
    let mut sql = run.sql().await;
    sql.execute("set synchronous_commit = off").await.unwrap();
    let mut burnt = Burnt {
        newest: 0,
        halfway: String::new(),
    };
    for index in 0..count {
        if index == count / 2 {
            let place = "select cast(pg_current_wal_insert_lsn() as text)";
            burnt.halfway = sqlx::query_scalar(place).fetch_one(&mut sql).await.unwrap();
        }
        let number = "select cast(cast(pg_current_xact_id() as text) as bigint)";
        burnt.newest = sqlx::query_scalar(number).fetch_one(&mut sql).await.unwrap();
    }
    burnt
}

/// Whether the log has left PostgreSQL's memory up to this place: then a crash forgets nothing before it.
async fn has_written(run: &Run, place: &str) -> bool {
    sqlx::query_scalar("select pg_current_wal_lsn() >= cast($1 as pg_lsn)")
        .bind(place)
        .fetch_one(&mut run.sql().await)
        .await
        .unwrap()
}
