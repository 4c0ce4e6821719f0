//! C21: Redis loses all its data, is swapped for an empty one, ends its clients' connections. That costs
//! freshness, never a logout; and what nodes keep there is there again soon.

use std::time::Duration;

use super::actor::Rates;
use super::ledger::Fault;
use super::nemesis::Break;
use super::redis::Redis;
use super::run::{Run, Setup};
use super::swarm::Manner;
use crate::support::people::PASSWORD;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_redis_costs_no_logout() {
    let run = Run::start("C21", Setup::nodes(2).unswept().unpolled()).await;
    run.gather(run.scale.count(40, 10_000), Manner::default()).await;
    run.act(Rates {
        revocations: 15.0,
        roles: 4.0,
        ..Rates::default()
    });
    for round in 0..run.scale.count(1, 20) {
        for what in [Break::RedisFlushed, Break::RedisClientsKilled] {
            run.breaks(what, Duration::ZERO).await;
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
        // Another server at the same address of the node, one that has never heard of anything.
        let swap = run.during(Fault::Redis, None, async {
            let other = Redis::start().await;
            for node in &run.nodes {
                node.to_redis.lead_to(other.address);
                node.to_redis.set(crate::support::proxy::Line::Cut);
                tokio::task::yield_now().await;
                node.to_redis.set(crate::support::proxy::Line::Whole);
            }
            *run.redis.lock().await = other;
        });
        swap.await;
        println!("round {round}: swapped");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    run.judge().await.clean(30);
}

/// How many keys the nodes hold in Redis, but for the stream: that comes back with the next change.
async fn keys(run: &Run) -> usize {
    let said = run.redis.lock().await.say(&["KEYS", "portcullis:*"]).await;
    let names = said.lines().filter(|line| line.starts_with("portcullis:"));
    names.filter(|name| !name.ends_with(":journal")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_is_rebuilt() {
    let run = Run::start("C21, presence", Setup::nodes(2)).await;
    run.gather(30, Manner::default()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = keys(&run).await;
    assert!(before > 0, "nodes keep nothing in Redis");
    run.breaks(Break::RedisFlushed, Duration::ZERO).await;
    let flushed = run.ledger.now();
    while keys(&run).await < before {
        let waited = run.ledger.now().saturating_sub(flushed);
        assert!(
            waited < run.scale.seconds(20.0, 10.0),
            "{} of {before} keys",
            keys(&run).await
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "{before} keys again after {:?}",
        run.ledger.now().saturating_sub(flushed)
    );
    run.judge().await.clean(0);
}

/// Each node counts by itself as well: an empty Redis gives nobody who guesses new tries on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_redis_gives_a_sprayer_no_new_tries() {
    let setup = Setup::nodes(2).set("PORTCULLIS_LIMITS__ENABLED", "true");
    let run = Run::start("C21, limits", setup).await;
    run.bus_is_up().await;
    let first = tries(&run, 0).await;
    assert!((10..=20).contains(&first), "{first} tries were let through");
    // They are counted together: the other node lets none through.
    let elsewhere = tries(&run, 1).await;
    assert!(
        elsewhere <= 3,
        "{elsewhere} tries were let through by the other node"
    );
    run.breaks(Break::RedisFlushed, Duration::ZERO).await;
    // Some seconds have passed, and four of them make a new try.
    let again = tries(&run, 0).await;
    assert!(again <= 5, "{again} tries were let through once more");
    run.judge().await.clean(0);
}

/// How many of thirty wrong passwords for one account are looked at.
async fn tries(run: &Run, node: usize) -> usize {
    let mut looked_at = 0;
    for number in 0..30 {
        let body = serde_json::json!({
            "email": run.actor.users()[0].email, "password": format!("wrong password {number}"),
        });
        let status = run.hub.post(node, "/api/auth", "", &body).await.status;
        assert!(status == 401 || status == 429, "{status}");
        looked_at += usize::from(status == 401);
    }
    looked_at
}

/// What is looked at of many accounts' guesses from new places: a sixth of this at once, one more in a minute.
const FAILURES: usize = 60;

/// T08 once more, around each way for Redis to lose what it counted: a sprayer who goes from account to
/// account and from address to address gets no new tries on a node, and the owner of an account is let in
/// throughout, at a place that is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reset_of_the_limits_lets_a_sprayer_through() {
    let setup = Setup::nodes(2)
        .set("PORTCULLIS_LIMITS__ENABLED", "true")
        .set("PORTCULLIS_LIMITS__FAILURES", &FAILURES.to_string())
        .set("PORTCULLIS_HTTP__TRUSTED_PROXIES", "127.0.0.0/8");
    let run = Run::start("C21, spraying", setup).await;
    run.bus_is_up().await;
    let owner = run.actor.users()[0].email.clone();
    let home = "192.0.2.1";
    assert_eq!(sign_in(&run, 0, home, &owner, PASSWORD).await, 200);
    let mut sprayer = Sprayer::default();
    let first = sprayer.spray(&run, 0).await;
    assert_eq!(first, FAILURES / 6, "guesses were looked at");
    let elsewhere = sprayer.spray(&run, 1).await;
    assert!(elsewhere <= 3, "{elsewhere} more by the other node");
    for what in [Break::RedisFlushed, Break::RedisClientsKilled, Break::RedisKilled] {
        run.breaks(what, Duration::ZERO).await;
        let again = sprayer.spray(&run, 0).await;
        assert!(again <= 3, "{what:?}: {again} more");
        assert_eq!(sign_in(&run, 0, home, &owner, PASSWORD).await, 200, "{what:?}");
    }
    // The right password, at last: nobody looks at it.
    assert_eq!(sign_in(&run, 0, "203.0.113.1", &owner, PASSWORD).await, 429);
    run.judge().await.clean(0);
}

/// Each guess is for another account and comes from another address.
#[derive(Default)]
struct Sprayer {
    guesses: u32,
}

impl Sprayer {
    /// How many of forty guesses are looked at.
    async fn spray(&mut self, run: &Run, node: usize) -> usize {
        let mut looked_at = 0;
        for _ in 0..40 {
            self.guesses += 1;
            let from = std::net::Ipv4Addr::from(0x0a00_0000 + self.guesses).to_string();
            let email = format!("somebody{}@example.org", self.guesses);
            let status = sign_in(run, node, &from, &email, "a common password").await;
            assert!(status == 401 || status == 429, "{status}");
            looked_at += usize::from(status == 401);
        }
        looked_at
    }
}

/// A sign-in as the proxy in front of the nodes would pass it on.
async fn sign_in(run: &Run, node: usize, from: &str, email: &str, password: &str) -> u16 {
    let request = run.hub.http.post(run.hub.nodes[node].url("/api/auth"));
    let body = serde_json::json!({ "email": email, "password": password });
    let answer = request.header("x-forwarded-for", from).json(&body).send().await;
    answer.unwrap().status().as_u16()
}
