//! C06: the primary dies, and a standby that lags by half a second takes over. With
//! `synchronous_commit = remote_apply` nothing that was acknowledged is lost, and nodes follow the new one.
//! Without it the last moments are lost, as docs/OPERATIONS.md says; the hub goes on all the same.

use std::time::Duration;

use super::actor::Rates;
use super::judge::Judgement;
use super::ledger::Fault;
use super::postgres::Postgres;
use super::run::{Run, Setup};
use super::swarm::Manner;
use crate::support::proxy::{Line, Proxy};

/// What a commit waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Commits {
    /// The standby has applied it.
    Everywhere,
    /// The primary's own disk.
    Here,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_over_and_nothing_is_lost() {
    failed_over("C06", Commits::Everywhere).await.clean(8);
}

/// The proof that the other one could fail. Operators are told to revoke all after such a fail-over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asynchronous_standby_lacks_what_was_acknowledged_last() {
    let judgement = failed_over("C06, asynchronous", Commits::Here).await;
    let violations = &judgement.verdict.violations;
    let lost = violations
        .iter()
        .filter(|broken| broken.invariant == 8 && broken.what.starts_with("the revocation of"));
    assert!(lost.count() > 0, "no revocation was lost:\n{}", judgement.verdict);
}

async fn failed_over(name: &'static str, commits: Commits) -> Judgement {
    let run = Run::start(name, Setup::nodes(2).own_postgres()).await;
    let scale = run.scale;
    run.gather(scale.count(40, 3_000), Manner::default()).await;
    let primary = run.postgres.as_ref().unwrap();
    let line = Proxy::before(primary.address).await;
    let standby = Postgres::standby("500ms", line.address).await;
    if commits == Commits::Everywhere {
        for setting in [
            "alter system set synchronous_standby_names = '*'",
            "alter system set synchronous_commit = 'remote_apply'",
            "select pg_reload_conf()",
        ] {
            primary.execute(setting).await;
        }
    }
    run.act(Rates {
        revocations: 6.0,
        roles: 2.0,
        refreshes: 4.0,
        registrations: 1.0,
    });
    // Each commit waits for the standby now, which every promise that counts from the commit allows.
    tokio::time::sleep(scale.seconds(3.0, 20.0)).await;
    let failing = run.during(Fault::Sql, None, async {
        // What is acknowledged from here on would be lost, if anything were.
        line.set(Line::Cut);
        tokio::time::sleep(Duration::from_secs(1)).await;
        if commits == Commits::Here {
            run.actor.end(&run.somebody_on(1), 0, "none").await;
        }
        primary.crash().await;
        standby.promote().await;
        for setting in [
            "alter system reset synchronous_standby_names",
            "select pg_reload_conf()",
        ] {
            standby.execute(setting).await;
        }
        *run.database.lock().unwrap() = standby.url();
        for node in &run.nodes {
            node.to_sql.lead_to(standby.address);
        }
    });
    failing.await;
    tokio::time::sleep(scale.seconds(1.0, 2.0)).await;
    run.actor.rest().await;
    run.until("everybody is back", Duration::from_secs(30), || {
        run.swarm.is_complete()
    })
    .await;
    match commits {
        Commits::Everywhere => run.actor.end(&run.somebody_on(1), 0, "all").await,
        // The sessions that began last are lost as well: who has one of those is unknown until the sweep comes.
        Commits::Here => while !run.actor.try_end(&run.somebody_on(1), 0, "all").await {},
    }
    run.judge().await
}
