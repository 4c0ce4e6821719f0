//! C18: all nodes die at once and come back, and everybody is at the door in the same moment, without any
//! pause of their own. All get in, few at a time, while the other requests are served; and nobody pays more
//! than one who comes alone.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::{Connection, Executor, Row};
use tokio::net::TcpStream;

use super::ledger::Fault;
use super::run::{Run, Setup};
use super::statements::{LOOK, POOLS, each};
use super::swarm::Manner;

/// How many sockets of one node open at a time, so that some connections are left to people.
const AT_A_TIME: i64 = 8;
/// Sooner no opening is given up, which leaves its statement behind for a while.
const GIVES_UP: Duration = Duration::from_millis(800);
/// What people ask each node for while nobody gets through its door. One alone might be lucky.
const REQUESTS: usize = 6;
/// The statement that opens a socket.
const OPENING: &str = "insert into spent_socket_tokens";
/// More than a listener's queue holds unless it is told to, and less than this one's.
const CROWD: usize = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_comes_back_at_once() {
    let run = Run::start("C18", Setup::nodes(2).counting()).await;
    let hasty = Manner {
        hasty: true,
        ..Manner::default()
    };
    let alone = cost_of_one(&run).await;
    let count = run.scale.count(160, 10_000);
    run.gather(count, hasty).await;
    run.swarm.hold();
    let down = run.ledger.begins(Fault::Down, None);
    for node in &run.nodes {
        node.kill().await;
    }
    run.until("everybody has lost the socket", Duration::from_mins(1), || {
        run.swarm.open() == 0
    })
    .await;
    for node in &run.nodes {
        node.start_surely().await;
    }
    run.ledger.ends(down);
    run.forget_statements().await;

    let began = run.ledger.now();
    the_door_is_narrow(&run).await;
    let patience = run.scale.seconds(45.0, 20.0);
    let back = run.until("everybody is back", patience, || run.swarm.is_complete());
    let ((), most) = run.most_connections(back).await;
    let cost = each(run.statements(LOOK).await, count);
    println!(
        "all back after {:?}, {most} connections to SQL, {cost:.2} looks for each, {alone:.2} for one alone",
        run.ledger.now().saturating_sub(began)
    );
    assert!(most <= 2 * POOLS, "{most} connections to SQL");
    // Alone it is one look for the token and one for the socket; in a crowd, tokens are looked at together.
    assert!(alone < 2.5, "{alone} looks for one alone");
    assert!(
        cost <= 0.9 * alone,
        "{cost} looks for each, {alone} for one alone"
    );
    run.judge().await.clean(0);
}

/// How often a session is looked at for one client who comes back alone.
async fn cost_of_one(run: &Run) -> f64 {
    const TRIALS: usize = 20;
    let session = run.hub.sign_in(&run.actor.users()[0].email, 0).await.unwrap();
    run.forget_statements().await;
    let mut sockets = Vec::new();
    for trial in 0..TRIALS {
        let ticket = run.hub.ticket(&session, trial % 2).await.text("token").unwrap();
        sockets.push(super::swarm::connect(&run.hub, trial % 2, &ticket).await.unwrap());
    }
    run.statements_become(OPENING, TRIALS).await;
    each(run.statements(LOOK).await, TRIALS)
}

/// Lets everybody come while no opening gets anywhere: few wait in SQL, and who wants something else is
/// served meanwhile.
async fn the_door_is_narrow(run: &Run) {
    let mut sql = run.sql().await;
    let mut shut = sql.begin().await.unwrap();
    let shutting = "lock table spent_socket_tokens in access exclusive mode";
    shut.execute(shutting).await.unwrap();
    let mut watch = run.sql().await;
    let mut inside = async || -> i64 {
        let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'
            and datname = current_database() and position($1 in query) > 0";
        let waiting = sqlx::query(waiting).bind(OPENING);
        waiting.fetch_one(&mut watch).await.unwrap().get(0)
    };
    let (mut most, mut began) = (0, None);
    let patience = Instant::now() + Duration::from_secs(30);
    let everybody = run.attempts() + run.swarm.members().len();
    run.swarm.release();
    loop {
        let now = inside().await;
        if now > 0 && began.get_or_insert_with(Instant::now).elapsed() < GIVES_UP {
            most = most.max(now);
        }
        if now >= AT_A_TIME && run.attempts() >= everybody {
            break;
        }
        assert!(Instant::now() < patience, "only {now} came to the door");
    }
    for session in run.actor.living().into_iter().take(REQUESTS) {
        for node in 0..2 {
            let status = run.hub.refresh(&session, node).await.status;
            assert_eq!(
                status, 200,
                "a storm at the door keeps people from their requests"
            );
        }
    }
    shut.rollback().await.unwrap();
    assert!(most <= 2 * AT_A_TIME, "{most} openings at a time");
}

/// As long as a process is busy, the system holds its callers at the door.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_finds_room_at_the_door_of_a_busy_node() {
    let run = Run::start("C18, the door", Setup::nodes(1)).await;
    let address = run.nodes[0].address();
    let crowd = run.during(Fault::Frozen, Some(0), async {
        run.nodes[0].freeze();
        // Where there is no room the greeting is dropped, and sent again after a second.
        let patience = Duration::from_millis(900);
        let calls = (0..CROWD).map(|_| tokio::time::timeout(patience, TcpStream::connect(address)));
        let crowd = join_all(calls).await;
        run.nodes[0].thaw();
        crowd
    });
    let inside = crowd.await.into_iter().filter(|call| matches!(call, Ok(Ok(_))));
    assert_eq!(inside.count(), CROWD, "had room at the door");
    run.gather(5, Manner::default()).await;
    run.judge().await.clean(0);
}
