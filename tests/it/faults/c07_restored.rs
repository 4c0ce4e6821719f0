//! C07: the database is put back to what it held a while ago. Positions in its journal mean nothing then:
//! nodes begin a new epoch, look at every session, and close those that SQL does not know any more.

use std::sync::Arc;
use std::time::Duration;

use super::clients::Session;
use super::ledger::{Act, Fault, Selector, What};
use super::run::{Run, Setup};
use super::swarm::Manner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_came_after_the_backup_is_signed_out() {
    let run = Run::start("C07", Setup::nodes(2).own_postgres().unswept()).await;
    run.gather(20, Manner::default()).await;
    let database = run.postgres.as_ref().unwrap();
    let backup = database.backup().await;
    let before: Vec<String> = run
        .actor
        .living()
        .iter()
        .map(|session| session.id.clone())
        .collect();
    run.gather(20, Manner::default()).await;
    // The journal goes on after the backup, so that the restored one has other rows at the same places.
    for session in run.actor.living().into_iter().take(5) {
        run.actor.assign(0, &session.user, "moderator").await;
    }
    let living = run.actor.living();
    let (old, new): (Vec<Arc<Session>>, Vec<_>) = living
        .into_iter()
        .partition(|session| before.contains(&session.id));
    let restoring = run.during(Fault::Sql, None, async {
        database.crash().await;
        backup.run().await;
        *run.database.lock().unwrap() = backup.url();
        for node in &run.nodes {
            node.to_sql.lead_to(backup.address);
        }
    });
    restoring.await;
    let restored = run.ledger.now();

    // Not by the sweep, which would find them out as well: by the epoch.
    let patience = run.scale.seconds(15.0, 5.0);
    run.until("those from after the backup are signed out", patience, || {
        new.iter().all(|session| run.closed_at(&session.id).is_some())
    })
    .await;
    println!(
        "epoch change and sweep took {:?}",
        run.ledger.now().saturating_sub(restored)
    );
    for session in &new {
        let status = run.hub.ticket(session, 1).await.status;
        assert_eq!(status, 401, "a session that SQL does not know gets a ticket");
    }
    // The new epoch is followed: a logout crosses the nodes as ever.
    let session = run.somebody_on(1);
    assert!(old.iter().any(|old| old.id == session.id));
    run.actor.end(&session, 0, "all").await;
    tokio::time::sleep(Duration::from_millis(100)).await;

    let judgement = run.judge_with(|logs, facts| {
        // The restore ended them, and took back the role changes; nobody was promised otherwise.
        for session in &new {
            logs.acts.push(Act {
                what: What::Revoke {
                    selector: Selector::Session(session.id.clone()),
                    everywhere: true,
                },
                node: 0,
                sent: restored.saturating_sub(Duration::from_secs(1)),
                answered: (restored + patience).saturating_sub(run.bounds().healthy),
                status: 200,
                complete: None,
            });
            facts.sessions.insert(session.id.clone(), true);
        }
        logs.acts.retain(|act| !matches!(act.what, What::Role { .. }));
        for session in logs.sessions.values() {
            // What they were told before the restore may be newer than what SQL has now.
            facts.versions.remove(&session.user);
        }
    });
    judgement.await.clean(1);
}
