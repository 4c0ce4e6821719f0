//! PostgreSQL does not answer, and says nothing of it: everybody is told in time, and nothing of it lasts.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use portcullis::store::{Db, users};

use crate::support::app::{TestApp, Tuning};
use crate::support::database;
use crate::support::http::Answer;
use crate::support::proxy::{Line, Proxy};
use crate::support::{DEADLINE, Pair, eventually};

const ADA: &str = "ada@example.org";
/// Who waits gives up after two seconds. This machine may be slow.
const IN_TIME: Duration = Duration::from_secs(8);

async fn signed_in_behind_a_proxy() -> (TestApp, Proxy, Pair) {
    let (hub, proxy) = Tuning::new().spawn_behind_a_proxy().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    (hub, proxy, pair)
}

/// Forty requests at once: more than there are connections.
async fn a_crowd(hub: &TestApp, pair: &Pair) -> Vec<Answer> {
    let crowd = join_all((0..40).map(|_| hub.get_as(&pair.access, "/api/users/me")));
    tokio::time::timeout(DEADLINE, crowd)
        .await
        .expect("everybody is answered")
}

fn is_told_to_come_back(answer: &Answer) {
    answer.problem(503, "unavailable");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_database_is_said_in_time_to_everybody_and_forgotten_when_it_speaks_again() {
    let (hub, proxy, pair) = signed_in_behind_a_proxy().await;
    proxy.set(Line::Frozen);
    for _ in 0..2 {
        let began = Instant::now();
        a_crowd(&hub, &pair).await.iter().for_each(is_told_to_come_back);
        let (refresh, sign_in) =
            tokio::join!(hub.try_refresh(&pair.refresh), hub.try_sign_in(ADA, "a guess"));
        is_told_to_come_back(&refresh);
        is_told_to_come_back(&sign_in);
        assert!(began.elapsed() < IN_TIME, "{:?}", began.elapsed());
    }
    proxy.set(Line::Whole);
    hub.get_as(&pair.access, "/api/users/me").await.expect(200);
    hub.try_refresh(&pair.refresh).await.expect(200);
}

/// What was lost keeps no place in the pool: who comes next gets a new connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_lost_without_a_word_are_replaced() {
    let (hub, proxy, pair) = signed_in_behind_a_proxy().await;
    let Db::Postgres { requests, .. } = &hub.app.cx.db else {
        panic!("PostgreSQL was asked for");
    };
    let all = join_all((0..16).map(|_| hub.app.cx.db.single())).await;
    assert_eq!(requests.size(), 16, "every place is taken");
    drop(all);
    eventually("all are given back", || async {
        (requests.num_idle() == 16).then_some(())
    })
    .await;
    proxy.lose_connections();
    for answer in a_crowd(&hub, &pair).await {
        assert!([200, 503].contains(&answer.status), "{}", answer.status);
    }
    for answer in a_crowd(&hub, &pair).await {
        answer.expect(200);
    }
}

/// Who asks first after a pause meets a lost connection, and is served over a new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_lost_while_it_was_idle_is_replaced_before_it_is_used() {
    let (hub, proxy, pair) = signed_in_behind_a_proxy().await;
    proxy.lose_connections();
    // So long that its last answer proves nothing any more.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    hub.get_as(&pair.access, "/api/users/me").await.expect(200);
}

/// The commit happened, and nobody heard of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_without_an_answer_is_no_success_and_asking_again_is_safe() {
    let (hub, proxy, pair) = signed_in_behind_a_proxy().await;
    proxy.set(Line::UntilSaid("commit"));
    let began = Instant::now();
    let refresh = tokio::time::timeout(DEADLINE, hub.try_refresh(&pair.refresh)).await;
    is_told_to_come_back(&refresh.expect("it is answered"));
    assert!(began.elapsed() < IN_TIME, "{:?}", began.elapsed());
    proxy.set(Line::Whole);
    let again = Pair::of(&hub.try_refresh(&pair.refresh).await.expect(200));
    assert_eq!(again.session, pair.session);
    assert_eq!(hub.number("select generation from sessions").await, 2, "one step");
    hub.get_as(&again.access, "/api/users/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_user_went_away_in_the_middle_comes_back_clean() {
    let db = Db::connect(&database::fresh_postgres().await).await.unwrap();
    let Db::Postgres { requests, .. } = &db else {
        panic!("PostgreSQL was asked for");
    };
    let (mut holder, mut waiter) = (db.begin().await.unwrap(), db.begin().await.unwrap());
    users::lock_key(&mut holder, 1).await.unwrap();
    users::lock_key(&mut waiter, 2).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(100), users::lock_key(&mut waiter, 1));
    waiting.await.expect_err("somebody holds the key");
    drop(waiter);
    holder.commit().await.unwrap();
    eventually("both are back, and none was made anew", || async {
        (requests.num_idle() == 2 && requests.size() == 2).then_some(())
    })
    .await;
    // What it held is free, on whichever of the two this runs.
    for _ in 0..2 {
        let mut next = db.begin().await.unwrap();
        users::lock_key(&mut next, 1).await.unwrap();
        users::lock_key(&mut next, 2).await.unwrap();
        next.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_transaction_that_is_dropped_gives_back_its_connection_and_its_locks() {
    let db = Db::connect(&database::fresh_postgres().await).await.unwrap();
    let Db::Postgres { requests, .. } = &db else {
        panic!("PostgreSQL was asked for");
    };
    for _ in 0..50 {
        let mut tx = db.begin().await.unwrap();
        users::lock_key(&mut tx, 1)
            .await
            .expect("the one before has let go");
    }
    assert!(requests.size() <= 16);
}
