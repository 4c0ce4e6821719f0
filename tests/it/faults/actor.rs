//! Backends and people who change things while the nemesis breaks them: forced logouts, role changes,
//! refreshes, registrations, sign-ins, each noted with its answer. Only 2xx counts as promised.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clients::{Hub, Session, User};
use super::ledger::{Selector, What};
use super::scale::Scale;
use super::swarm::{Manner, Swarm};
use crate::support::people::PASSWORD;

/// How often something is done, a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    pub revocations: f64,
    pub roles: f64,
    pub refreshes: f64,
    pub registrations: f64,
}

/// The acts of a run.
#[derive(Debug)]
pub struct Actor {
    pub hub: Arc<Hub>,
    swarm: Arc<Swarm>,
    users: Vec<User>,
    /// Sessions that nobody has asked to end.
    living: Mutex<Vec<Arc<Session>>>,
    dice: Mutex<StdRng>,
    /// How many acts are on their way at most.
    places: Arc<Semaphore>,
    registered: AtomicUsize,
    /// Of this many revocations one is of a whole user.
    one_user_in: usize,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Actor {
    pub fn new(hub: Arc<Hub>, swarm: Arc<Swarm>, users: Vec<User>, scale: Scale) -> Self {
        Self {
            hub,
            swarm,
            users,
            living: Mutex::default(),
            dice: Mutex::new(StdRng::seed_from_u64(scale.seed ^ 0xAC70)),
            places: Arc::new(Semaphore::new(64)),
            registered: AtomicUsize::new(0),
            // The more sessions a user has, the more must be signed in again.
            one_user_in: scale.count(12, 120),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// Signs `count` people in, spread over users and nodes, and gives each a socket.
    pub async fn gather(self: &Arc<Self>, count: usize, manner: Manner) {
        let nodes = self.hub.nodes.len();
        let before = self.living.lock().unwrap().len();
        let gate = Arc::new(Semaphore::new(8));
        let tasks = TaskTracker::new();
        for number in 0..count {
            let (actor, gate) = (Arc::clone(self), Arc::clone(&gate));
            tasks.spawn(async move {
                let _place = gate.acquire().await;
                let email = actor.users[number % actor.users.len()].email.clone();
                let session = actor.hub.sign_in(&email, number % nodes).await;
                let session = session.unwrap_or_else(|reply| panic!("{email}: {reply:?}"));
                let manner = Manner {
                    talks: manner.talks && number % 8 == 0,
                    ..manner
                };
                actor.adopt(session, number % nodes, manner);
            });
        }
        tasks.close();
        tasks.wait().await;
        let living = self.living.lock().unwrap().len();
        assert_eq!(living, before + count, "sign-ins failed");
    }

    fn adopt(&self, session: Arc<Session>, node: usize, manner: Manner) {
        self.living.lock().unwrap().push(Arc::clone(&session));
        self.swarm.join(session, node, manner);
    }

    /// Acts at these rates until [`rest`](Self::rest).
    pub fn act(self: &Arc<Self>, rates: Rates) {
        for (rate, kind) in [
            (rates.revocations, Kind::Revoke),
            (rates.roles, Kind::Role),
            (rates.refreshes, Kind::Refresh),
            (rates.registrations, Kind::Register),
        ] {
            if rate > 0.0 {
                let actor = Arc::clone(self);
                self.tasks.spawn(async move {
                    let stop = actor.stop.clone();
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = actor.repeat(rate, kind) => {}
                    }
                });
            }
        }
    }

    async fn repeat(self: &Arc<Self>, rate: f64, kind: Kind) {
        let mut beat = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
        loop {
            beat.tick().await;
            let place = Arc::clone(&self.places).acquire_owned().await.unwrap();
            let actor = Arc::clone(self);
            self.tasks.spawn(async move {
                let _place = place;
                match kind {
                    Kind::Revoke => actor.revoke_somebody().await,
                    Kind::Role => actor.change_a_role().await,
                    Kind::Refresh => actor.refresh_somebody().await,
                    Kind::Register => actor.register_somebody().await,
                }
            });
        }
    }

    /// No new acts; waits for those on their way.
    pub async fn rest(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn draw(&self, below: usize) -> usize {
        self.dice.lock().unwrap().random_range(0..below)
    }

    fn any_node(&self) -> usize {
        self.draw(self.hub.nodes.len())
    }

    fn pick(&self) -> Option<Arc<Session>> {
        let mut living = self.living.lock().unwrap();
        if living.is_empty() {
            return None;
        }
        let at = self.dice.lock().unwrap().random_range(0..living.len());
        Some(living.swap_remove(at))
    }

    /// Everybody whose session nobody has asked to end.
    pub fn living(&self) -> Vec<Arc<Session>> {
        self.living.lock().unwrap().clone()
    }

    /// Ends sessions of many: `count` of them are out from now on.
    pub fn take(&self, count: usize) -> Vec<Arc<Session>> {
        let mut living = self.living.lock().unwrap();
        let from = living.len() - count;
        living.split_off(from)
    }

    /// Ends a session, now and then all of its user's, and asks until it is acknowledged.
    async fn revoke_somebody(self: Arc<Self>) {
        let Some(session) = self.pick() else {
            return;
        };
        let whole = self.draw(self.one_user_in) == 0;
        let mut left = 1;
        let selector = if whole {
            let mut living = self.living.lock().unwrap();
            let before = living.len();
            living.retain(|other| other.user != session.user);
            left += before - living.len();
            Selector::Users(BTreeSet::from([session.user.clone()]))
        } else {
            Selector::Session(session.id.clone())
        };
        let body = if whole {
            json!({ "user_id": session.user, "reason": "faults" })
        } else {
            json!({ "session_id": session.id, "reason": "faults" })
        };
        let wait = ["none", "local", "all", "all"][self.draw(4)];
        while !self.revoke(self.any_node(), selector.clone(), &body, wait).await {
            if self.stop.is_cancelled() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for _ in 0..left {
            self.replace(&session.email).await;
        }
    }

    /// Somebody new takes the place of who left.
    async fn replace(&self, email: &str) {
        while !self.stop.is_cancelled() {
            let node = self.any_node();
            if let Ok(session) = self.hub.sign_in(email, node).await {
                return self.adopt(session, node, Manner::default());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// One revocation, once; says whether it was acknowledged.
    pub async fn revoke(&self, node: usize, selector: Selector, body: &Value, wait: &str) -> bool {
        let path = format!("/api/revocations?wait={wait}");
        let reply = self.hub.post(node, &path, &self.hub.key, body).await;
        let act = reply.act(What::Revoke {
            selector,
            everywhere: wait == "all",
        });
        let acknowledged = act.acknowledged();
        self.hub.ledger.act(act);
        acknowledged
    }

    /// Ends one session through `node`, which must acknowledge it.
    pub async fn end(&self, session: &Session, node: usize, wait: &str) {
        if !self.try_end(session, node, wait).await {
            let acts = self.hub.ledger.write().acts.clone();
            let last = acts.iter().rfind(|act| matches!(act.what, What::Revoke { .. }));
            panic!("node {node} does not acknowledge a revocation: {last:?}");
        }
    }

    /// Asks once for the end of one session; says whether it was acknowledged.
    pub async fn try_end(&self, session: &Session, node: usize, wait: &str) -> bool {
        self.living.lock().unwrap().retain(|other| other.id != session.id);
        let body = json!({ "session_id": session.id, "reason": "faults" });
        let selector = Selector::Session(session.id.clone());
        self.revoke(node, selector, &body, wait).await
    }

    async fn change_a_role(self: Arc<Self>) {
        let user = self.users[self.draw(self.users.len())].id.clone();
        let role = ["user", "moderator"][self.draw(2)];
        self.assign(self.any_node(), &user, role).await;
    }

    /// One role change, once; says whether it was acknowledged.
    pub async fn assign(&self, node: usize, user: &str, role: &str) -> bool {
        let path = format!("/api/users/{user}/site_role");
        let (key, body) = (&self.hub.key, json!({ "role": role }));
        let reply = self.hub.call(Method::PUT, node, &path, key, &body).await;
        let version = reply.body["version"].as_i64();
        let user = user.to_owned();
        let act = reply.act(What::Role { user, version });
        let acknowledged = act.acknowledged();
        self.hub.ledger.act(act);
        acknowledged
    }

    async fn refresh_somebody(self: Arc<Self>) {
        let session = {
            let living = self.living.lock().unwrap();
            if living.is_empty() {
                return;
            }
            let at = self.dice.lock().unwrap().random_range(0..living.len());
            Arc::clone(&living[at])
        };
        self.hub.refresh(&session, self.any_node()).await;
    }

    async fn register_somebody(self: Arc<Self>) {
        let number = self.registered.fetch_add(1, Ordering::SeqCst);
        let email = format!("newcomer{number}@example.org");
        let body = json!({ "email": email, "password": PASSWORD });
        let reply = self.hub.post(self.any_node(), "/api/users", "", &body).await;
        self.hub.ledger.act(reply.act(What::Register { email }));
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Revoke,
    Role,
    Refresh,
    Register,
}
