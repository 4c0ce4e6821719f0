//! C17: the signing key is rotated again and again while everybody refreshes, and at last it leaks and is
//! withdrawn, with Redis and without. No valid token is ever refused, on whatever node it is shown; from two
//! seconds after a withdrawal none of the key's is accepted anywhere, and nobody is locked out.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::time::MissedTickBehavior;

use super::actor::Rates;
use super::clients::{Hub, Reply};
use super::ledger::Fault;
use super::run::{Run, Setup};
use super::swarm::Manner;
use crate::support::jwt::kid;

const NODES: usize = 3;
const ROUTE: &str = "/api/auth/site_role";
/// By when every node refuses what a withdrawn key signed.
const WITHDRAWN: Duration = Duration::from_secs(2);

/// Tokens that were handed out, and what became of them when they were shown.
#[derive(Debug, Default)]
struct Tokens {
    all: Vec<(String, String)>,
    withdrawn: BTreeSet<String>,
    /// How many good ones were accepted, and of which keys.
    accepted: usize,
    keys: BTreeSet<String>,
    /// What went wrong.
    refused: Vec<String>,
}

/// Shows tokens to nodes, old ones and new ones alike, until it is dropped with its task.
#[derive(Clone, Debug)]
struct Witness {
    hub: Arc<Hub>,
    tokens: Arc<Mutex<Tokens>>,
}

impl Witness {
    fn of(run: &Run) -> Self {
        Self {
            hub: Arc::clone(&run.hub),
            tokens: Arc::default(),
        }
    }

    async fn show(&self, token: &str, node: usize) -> Reply {
        self.hub.get(node, ROUTE, token).await
    }

    /// Takes up the present tokens of everybody.
    fn collect(&self, run: &Run) {
        for session in run.actor.living() {
            let token = session.access.lock().unwrap().clone();
            let mut tokens = self.tokens.lock().unwrap();
            if !tokens.all.iter().any(|(_, known)| *known == token) {
                tokens.all.push((kid(&token), token));
            }
        }
    }

    fn draw(&self, dice: &mut StdRng) -> Option<(String, String)> {
        let tokens = self.tokens.lock().unwrap();
        let good: Vec<_> = tokens
            .all
            .iter()
            .filter(|(kid, _)| !tokens.withdrawn.contains(kid))
            .collect();
        (!good.is_empty()).then(|| good[dice.random_range(0..good.len())].clone())
    }

    /// Shows one token after the other to one node.
    async fn watch(self, node: usize, seed: u64) {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut beat = tokio::time::interval(Duration::from_millis(15));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let Some((kid, token)) = self.draw(&mut dice) else {
                continue;
            };
            let reply = self.show(&token, node).await;
            let mut tokens = self.tokens.lock().unwrap();
            match reply.status {
                200 => {
                    tokens.accepted += 1;
                    tokens.keys.insert(kid);
                }
                // It was withdrawn while it was on its way.
                401 if tokens.withdrawn.contains(&kid) => {}
                401 => tokens
                    .refused
                    .push(format!("node {node}, key {kid}: {}", reply.body)),
                // Busy: nothing was said of the token.
                _ => {}
            }
        }
    }

    /// Withdraws the active key, and watches every node come to refuse what it signed.
    async fn withdraw(&self, run: &Run) {
        let listed: Value =
            serde_json::from_str(&run.nodes[0].ask(&["keys", "list", "--json"]).await).unwrap();
        let keys = listed["items"].as_array().unwrap();
        let leaked = keys.iter().find(|key| key["status"] == "active").unwrap();
        let leaked = leaked["kid"].as_str().unwrap();
        let mut forged = Vec::new();
        for node in 0..NODES {
            forged.push(self.signed_with(run, leaked, node).await);
        }
        for token in &forged {
            for node in 0..NODES {
                assert_eq!(
                    self.show(token, node).await.status,
                    200,
                    "it is good, and remembered"
                );
            }
        }
        self.tokens.lock().unwrap().withdrawn.insert(leaked.to_owned());
        run.nodes[1].ask(&["keys", "withdraw", leaked]).await;
        let acknowledged = Instant::now();
        let mut slowest = Duration::ZERO;
        for (node, token) in (0..NODES).flat_map(|node| forged.iter().map(move |token| (node, token))) {
            loop {
                let asked = acknowledged.elapsed();
                let reply = self.show(token, node).await;
                if reply.status == 401 {
                    assert_eq!(reply.body["code"], "invalid_token");
                    break;
                }
                assert!(
                    asked < WITHDRAWN,
                    "{}: node {node} accepts it after {asked:?}",
                    run.name
                );
                slowest = slowest.max(acknowledged.elapsed());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        println!("{}: accepted for {slowest:?} after the withdrawal", run.name);
        // It stays so, for all that it ever signed, and nobody signs with it any more.
        let theirs: Vec<String> = {
            let tokens = self.tokens.lock().unwrap();
            let signed = tokens.all.iter().filter(|(kid, _)| kid == leaked);
            signed.map(|(_, token)| token.clone()).collect()
        };
        for (number, token) in theirs.iter().chain(&forged).enumerate() {
            assert_eq!(self.show(token, number % NODES).await.status, 401);
        }
        for node in 0..NODES {
            let session = run
                .hub
                .sign_in(&run.actor.users()[node].email, node)
                .await
                .unwrap();
            let token = session.access.lock().unwrap().clone();
            assert_ne!(kid(&token), leaked);
            assert_eq!(
                self.show(&token, (node + 1) % NODES).await.status,
                200,
                "nobody is locked out"
            );
        }
    }

    /// A token that `node` signs with this key, once it does.
    async fn signed_with(&self, run: &Run, key: &str, node: usize) -> String {
        let began = Instant::now();
        loop {
            let session = run
                .hub
                .sign_in(&run.actor.users()[node].email, node)
                .await
                .unwrap();
            let token = session.access.lock().unwrap().clone();
            if kid(&token) == key {
                return token;
            }
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "node {node} does not sign with {key}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_under_refreshes_and_two_are_withdrawn() {
    let run = Run::start("C17", Setup::nodes(NODES)).await;
    let scale = run.scale;
    run.gather(scale.count(40, 2_000), Manner::default()).await;
    run.bus_is_up().await;
    run.act(Rates {
        refreshes: if scale.long { 200.0 } else { 25.0 },
        ..Rates::default()
    });
    let witness = Witness::of(&run);
    let watching: Vec<_> = (0_u64..)
        .zip(0..NODES)
        .map(|(number, node)| tokio::spawn(witness.clone().watch(node, scale.seed + number)))
        .collect();

    let rotations = scale.count(8, 12);
    let mut beat = tokio::time::interval(scale.seconds(1.0, 10.0));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..rotations {
        beat.tick().await;
        witness.collect(&run);
        run.nodes[number % NODES].ask(&["keys", "rotate"]).await;
    }
    beat.tick().await;
    witness.collect(&run);
    witness.withdraw(&run).await;
    let without_redis = run.during(Fault::Redis, None, async {
        let redis = run.redis.lock().await;
        redis.freeze();
        witness.withdraw(&run).await;
        redis.thaw();
    });
    without_redis.await;

    for watch in &watching {
        watch.abort();
    }
    {
        let tokens = witness.tokens.lock().unwrap();
        assert_eq!(tokens.refused, [] as [String; 0], "valid tokens were refused");
        println!(
            "C17: {} showings of tokens of {} keys",
            tokens.accepted,
            tokens.keys.len()
        );
        assert!(
            tokens.accepted >= 20 * rotations,
            "only {} showings",
            tokens.accepted
        );
        assert!(
            tokens.keys.len() > rotations / 2,
            "only {} keys signed",
            tokens.keys.len()
        );
    }
    run.judge().await.clean(0);
}
