//! C20: everybody wants the same thing in the same second: all refresh at once, many tabs refresh with one
//! and the same token, many ask for the keys, or for what one look into the database could tell them all.
//! All are answered, each session keeps one line of tokens, and nobody costs the database much more than
//! one who comes alone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use tokio::task::JoinSet;

use super::clients::{Hub, Reply, Session};
use super::ledger::{Fault, What};
use super::run::{Run, Setup};
use super::statements::{LOOK, POOLS, each};
use super::swarm::Manner;

/// How many tabs refresh with one token.
const TABS: usize = 24;
/// What one of a herd may cost, counted in what one costs who comes alone.
const AT_MOST: f64 = 3.0;

/// How many statements with these `words` a refresh takes while nobody else does anything.
async fn cost_of_a_refresh(run: &Run, words: &str) -> f64 {
    const TRIALS: usize = 20;
    let session = run.actor.living().pop().unwrap();
    run.forget_statements().await;
    for trial in 0..TRIALS {
        assert_eq!(run.hub.refresh(&session, trial % 2).await.status, 200);
    }
    each(run.statements(words).await, TRIALS)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_refresh_in_the_same_second() {
    let run = Run::start("C20", Setup::nodes(2).counting()).await;
    let count = run.scale.count(150, 10_000);
    run.gather(count, Manner::default()).await;
    let alone = cost_of_a_refresh(&run, "").await;
    run.forget_statements().await;
    let mut asking = JoinSet::new();
    for (number, session) in run.actor.living().into_iter().enumerate() {
        let hub = Arc::clone(&run.hub);
        asking.spawn(async move {
            // 503 says: in a moment. Nobody is refused for good.
            for _ in 0..100 {
                match hub.refresh(&session, number % 2).await.status {
                    200 => return true,
                    0 | 503 => tokio::time::sleep(Duration::from_millis(200)).await,
                    _ => return false,
                }
            }
            false
        });
    }
    let (refreshed, most) = run.most_connections(asking.join_all()).await;
    assert!(refreshed.into_iter().all(|refreshed| refreshed));
    let cost = each(run.statements("").await, count);
    println!("{cost:.1} statements for each, {alone:.1} for one alone, {most} connections");
    assert!(
        cost <= AT_MOST * alone,
        "{cost} statements for each, {alone} for one alone"
    );
    assert!(most <= 2 * POOLS, "{most} connections to SQL");
    run.judge().await.clean(0);
}

/// Refreshes as one of several tabs does, which know nothing of each other; gives the new token.
async fn refresh_in_a_tab(
    hub: Arc<Hub>,
    session: Arc<Session>,
    token: String,
    node: usize,
) -> Option<String> {
    let body = serde_json::json!({ "refresh_token": token });
    let reply = hub.post(node, "/api/auth/refresh", "", &body).await;
    let given = reply.text("refresh_token");
    hub.ledger.act(reply.act(What::Refresh {
        session: session.id.clone(),
        presented: token,
        given: given.clone(),
    }));
    given
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tabs_refresh_with_one_token() {
    let run = Run::start("C20, tabs", Setup::nodes(2).counting()).await;
    run.gather(4, Manner::default()).await;
    let words = "refresh_tokens";
    let alone = cost_of_a_refresh(&run, words).await;
    for session in run.actor.living() {
        let token = session.refresh.lock().await.clone();
        run.forget_statements().await;
        let mut asking = JoinSet::new();
        for tab in 0..TABS {
            let (hub, session, token) = (Arc::clone(&run.hub), Arc::clone(&session), token.clone());
            asking.spawn(refresh_in_a_tab(hub, session, token, tab % 2));
        }
        let given: BTreeSet<Option<String>> = asking.join_all().await.into_iter().collect();
        assert_eq!(given.len(), 1, "{given:?}");
        assert!(!given.contains(&None), "a tab was refused");
        let cost = each(run.statements(words).await, TABS);
        assert!(
            cost <= AT_MOST * alone,
            "{cost} statements for each tab, {alone} for one alone"
        );
    }
    run.judge().await.clean(0);
}

/// While the database holds its breath, many ask the same of it: it is asked for all of them together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_checks_are_one_query() {
    const EACH: usize = 200;
    let run = Run::start("C20, checks", Setup::nodes(2).counting().unswept()).await;
    run.gather(20, Manner::default()).await;
    let sql = run.postgres.as_ref().unwrap();
    run.forget_statements().await;
    let asked = run.during(Fault::Sql, None, async {
        sql.freeze();
        let mut asking = JoinSet::new();
        for (number, session) in run.actor.living().into_iter().cycle().take(2 * EACH).enumerate() {
            let hub = Arc::clone(&run.hub);
            asking.spawn(async move { hub.ticket(&session, number % 2).await.status });
        }
        tokio::time::sleep(Duration::from_millis(800)).await;
        sql.thaw();
        asking.join_all().await
    });
    let statuses = asked.await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let looks = run.statements(LOOK).await;
    println!("{looks} looks for {} requests", 2 * EACH);
    // On a machine with nothing to spare some come too late to be asked for with the others.
    assert!(looks <= i64::try_from(EACH / 2).unwrap(), "{looks} looks");
    run.judge().await.clean(0);
}

/// An access token that says of itself that a key signed it which nobody has heard of.
fn of_an_unknown_key(access: &str) -> String {
    let (header, rest) = access.split_once('.').unwrap();
    let mut header: Value =
        serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).unwrap()).unwrap();
    header["kid"] = "a key that nobody has heard of".into();
    format!("{}.{rest}", BASE64URL_NOPAD.encode(header.to_string().as_bytes()))
}

/// The keys are read for all together, once a second at most for those that are not known, and never for
/// those who ask what they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_ask_for_keys_are_no_load() {
    const EACH: usize = 150;
    /// How often a node reads its keys unasked.
    const EVERY: u64 = 5;
    let run = Run::start("C20, keys", Setup::nodes(2).counting()).await;
    run.gather(2, Manner::default()).await;
    let access = run.actor.living()[0].access.lock().unwrap().clone();
    let unknown = of_an_unknown_key(&access);
    run.forget_statements().await;
    let began = Instant::now();
    let mut asking = JoinSet::new();
    for number in 0..2 * EACH {
        let (hub, unknown) = (Arc::clone(&run.hub), unknown.clone());
        asking.spawn(async move {
            let status = |reply: Reply| reply.status;
            let keys = status(hub.get(number % 2, "/.well-known/jwks.json", "").await);
            let refused = status(hub.get(number % 2, "/api/auth/socket", &unknown).await);
            (keys, refused)
        });
    }
    let statuses: BTreeSet<(u16, u16)> = asking.join_all().await.into_iter().collect();
    assert_eq!(statuses, BTreeSet::from([(200, 401)]));
    let (reads, seconds) = (
        run.statements("from signing_keys").await,
        began.elapsed().as_secs(),
    );
    println!(
        "{reads} reads of the keys in {seconds} s for {} requests",
        4 * EACH
    );
    let most = 2 * ((seconds + 1) + (seconds / EVERY + 1));
    assert!(
        reads <= i64::try_from(most).unwrap(),
        "{reads} reads of the keys in {seconds} s"
    );
    run.judge().await.clean(0);
}
