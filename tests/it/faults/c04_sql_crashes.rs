//! C04: PostgreSQL crashes again and again under refreshes, revocations and registrations. What was
//! answered with 2xx is there afterwards, what was not may be asked again, and nobody loses a socket.

use super::actor::Rates;
use super::nemesis::Break;
use super::run::{Run, Setup};
use super::swarm::Manner;

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
