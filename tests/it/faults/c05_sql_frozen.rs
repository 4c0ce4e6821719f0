//! C05: PostgreSQL hangs: connections stay, nothing is answered. Calls fail soon and say when to come
//! again, nothing is acknowledged, sockets live as long as their lease, and it ends when the hang ends.

use std::time::{Duration, Instant};

use serde_json::json;

use super::clients::Reply;
use super::ledger::Fault;
use super::run::{Run, Setup};
use super::swarm::Manner;
use crate::support::people::PASSWORD;

async fn started(name: &'static str) -> Run {
    let run = Run::start(name, Setup::nodes(2).own_postgres()).await;
    run.gather(run.scale.count(40, 10_000), Manner::default()).await;
    run
}

/// Asks for each kind of thing that needs SQL, while it hangs.
async fn all_refused(run: &Run) {
    let (session, key) = (run.somebody_on(0), run.hub.key.clone());
    let body = json!({ "email": session.email, "password": PASSWORD });
    let order = json!({ "user_id": session.user, "reason": "faults", "dry_run": true });
    let access = session.access.lock().unwrap().clone();
    let (sign_in, revoke, ticket, ready) = tokio::join!(
        run.hub.post(0, "/api/auth", "", &body),
        run.hub.post(0, "/api/revocations", &key, &order),
        run.hub.get(0, "/api/auth/socket", &access),
        run.hub.get(0, "/readyz", ""),
    );
    for (name, reply) in [
        ("sign-in", sign_in),
        ("revocation", revoke),
        ("ticket", ticket),
        ("readyz", ready),
    ] {
        refused(run, name, &reply);
    }
}

fn refused(run: &Run, name: &str, reply: &Reply) {
    let most = run.scale.seconds(6.0, 2.5);
    assert_eq!(reply.status, 503, "{name}: {reply:?}");
    assert!(reply.retry_after, "{name} does not say when to come again");
    assert!(reply.took() <= most, "{name} took {:?}", reply.took());
}

/// From the thaw to the first answer.
async fn recovers(run: &Run) {
    let thawed = Instant::now();
    let session = run.somebody_on(0);
    while run.hub.ticket(&session, 0).await.status != 200 {
        assert!(
            thawed.elapsed() < run.scale.seconds(5.0, 2.0),
            "SQL is back, the node is not"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("answers {:?} after the thaw", thawed.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_fail_soon_and_sockets_stay() {
    let run = started("C05").await;
    let sql = run.postgres.as_ref().unwrap();
    let frozen = run.during(Fault::Sql, None, async {
        sql.freeze();
        tokio::time::sleep(run.scale.seconds(0.3, 12.0)).await;
        all_refused(&run).await;
        sql.thaw();
    });
    frozen.await;
    recovers(&run).await;
    let session = run.somebody_on(1);
    run.actor.end(&session, 0, "none").await;
    let logs = run.judge().await.clean(1);
    let closed = logs.sockets.iter().filter(|socket| socket.closed.is_some());
    assert_eq!(closed.count(), 1, "a hang shorter than the lease cost sockets");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_run_out_and_everybody_comes_back() {
    let run = started("C05, long").await;
    let sql = run.postgres.as_ref().unwrap();
    let long = (run.scale.lease() + Duration::from_secs(2)).max(run.scale.seconds(0.0, 60.0));
    let before = run.ledger.write().sockets.len();
    let frozen = run.during(Fault::Sql, None, async {
        sql.freeze();
        tokio::time::sleep(long).await;
        sql.thaw();
    });
    frozen.await;
    let logs = run.judge().await.clean(0);
    let first = &logs.sockets[..before];
    let leases = first.iter().filter(|socket| socket.code == Some(4101)).count();
    assert_eq!(
        leases, before,
        "every lease runs out, and nothing else ends a socket"
    );
    let phase = logs.phases[0];
    for act in &logs.acts {
        let within = act.sent > phase.from + Duration::from_millis(500) && act.answered < phase.ends();
        assert!(
            !within || !act.acknowledged(),
            "acknowledged without SQL: {act:?}"
        );
    }
}
