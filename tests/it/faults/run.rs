//! One run: servers, nodes, the crowd and the actor, and what a scenario does with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::actor::{Actor, Rates};
use super::checker::{Bounds, Histogram};
use super::clients::{Hub, Session};
use super::front::Front;
use super::ledger::{At, Fault, Ledger};
use super::node::Node;
use super::people;
use super::postgres::Postgres;
use super::process;
use super::processors;
use super::redis::Redis;
use super::scale::Scale;
pub use super::setup::Setup;
use super::swarm::{Manner, Swarm};
use crate::support::eventually;
use crate::support::proxy::Line;

/// Everything that lives while a scenario runs.
#[derive(Debug)]
pub struct Run {
    pub name: &'static str,
    pub scale: Scale,
    pub ledger: Arc<Ledger>,
    pub nodes: Vec<Arc<Node>>,
    pub redis: Mutex<Redis>,
    pub postgres: Option<Postgres>,
    pub front: Option<Front>,
    /// The database, past every proxy.
    pub database: std::sync::Mutex<String>,
    pub hub: Arc<Hub>,
    pub swarm: Arc<Swarm>,
    pub actor: Arc<Actor>,
    pub began: Instant,
    pub over: CancellationToken,
    /// Over as well when a scenario fails.
    _ends: DropGuard,
    /// `hub.lease` of the nodes.
    lease: Duration,
}

impl Run {
    pub async fn start(name: &'static str, setup: Setup) -> Self {
        let began = Instant::now();
        let scale = Scale::read();
        let redis = Redis::start().await;
        let postgres = match (setup.own_postgres, setup.counting) {
            (_, true) => Some(Postgres::counting().await),
            (true, _) => Some(Postgres::start().await),
            _ => None,
        };
        let settings = setup.settings(scale);
        let (database, key, users) = match (&postgres, &setup.sqlite) {
            (None, None) => people::on_the_tests_server(&settings).await,
            (Some(postgres), _) => people::on(&settings, postgres.url()).await,
            (None, Some(url)) => people::on(&settings, url.clone()).await,
        };
        let nodes = setup.make_nodes(&settings, &database, redis.address).await;
        let front = if setup.nginx {
            Some(Front::before(&nodes).await)
        } else {
            None
        };
        join_all(nodes.iter().map(|node| node.start_surely())).await;
        println!("{name}: started in {:.1} s", began.elapsed().as_secs_f64());
        let ledger = Arc::new(Ledger::open());
        let hub = Hub::new(nodes.clone(), Arc::clone(&ledger), key);
        let hub = Arc::new(hub.behind(front.as_ref().map(|front| front.address)));
        let swarm = Arc::new(Swarm::new(Arc::clone(&hub), scale));
        let actor = Actor::new(Arc::clone(&hub), Arc::clone(&swarm), users, scale);
        let over = CancellationToken::new();
        processors::watch(&ledger, &over);
        Self {
            name,
            scale,
            ledger,
            nodes,
            redis: Mutex::new(redis),
            postgres,
            front,
            database: std::sync::Mutex::new(database),
            hub,
            swarm,
            actor: Arc::new(actor),
            began,
            _ends: over.clone().drop_guard(),
            over,
            lease: setup.lease(scale),
        }
    }

    /// Signs people in and waits until all have a socket.
    pub async fn gather(&self, count: usize, manner: Manner) {
        self.actor.gather(count, manner).await;
        let patience = Duration::from_mins(1) + Duration::from_millis(20) * u32::try_from(count).unwrap();
        self.until("everybody has a socket", patience, || self.swarm.is_complete())
            .await;
        println!(
            "{}: {count} more are there after {:.1} s",
            self.name,
            self.began.elapsed().as_secs_f64()
        );
    }

    pub fn act(&self, rates: Rates) {
        self.actor.act(rates);
    }

    /// Breaks something for as long as `meanwhile` takes.
    pub async fn during<T>(
        &self,
        fault: Fault,
        node: Option<usize>,
        meanwhile: impl Future<Output = T>,
    ) -> T {
        let phase = self.ledger.begins(fault, node);
        let done = meanwhile.await;
        self.ledger.ends(phase);
        done
    }

    /// Waits for a condition of the run.
    pub async fn until(&self, what: &str, patience: Duration, met: impl Fn() -> bool) {
        let began = Instant::now();
        while !met() {
            assert!(
                began.elapsed() < patience,
                "{}: never happened: {what}",
                self.name
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sets the lines of all nodes.
    pub fn heal_lines(&self) {
        for node in &self.nodes {
            node.to_sql.set(Line::Whole);
            node.to_redis.set(Line::Whole);
        }
    }

    /// What the promises allow in this run.
    pub fn bounds(&self) -> Bounds {
        // On a machine that runs the other tests as well, figures of a run in full length say nothing.
        let healthy = self.scale.seconds(2.0, 0.25);
        Bounds {
            healthy,
            without_redis: Duration::from_secs(2),
            after_heal: self.scale.seconds(3.0, 2.0),
            lease: self.lease,
            reading: self.scale.seconds(0.5, 0.25),
            settled: self.scale.seconds(1.0, 2.0),
        }
    }

    /// A look into the database, past every proxy.
    pub async fn sql(&self) -> PgConnection {
        let url = self.database.lock().unwrap().clone();
        PgConnection::connect(&url).await.unwrap()
    }

    /// A client of this node with an open socket, whose session lives.
    pub fn somebody_on(&self, node: usize) -> Arc<Session> {
        let living = self.actor.living();
        let found = {
            let logs = self.ledger.write();
            let open = logs
                .sockets
                .iter()
                .filter(|socket| socket.node == node && socket.ready.is_some() && socket.closed.is_none());
            let wanted: BTreeSet<&str> = open.map(|socket| socket.session.as_str()).collect();
            living
                .into_iter()
                .find(|session| wanted.contains(session.id.as_str()))
        };
        found.unwrap_or_else(|| panic!("nobody is on node {node}"))
    }

    /// Whether this node holds an open socket.
    pub fn is_anybody_on(&self, node: usize) -> bool {
        let logs = self.ledger.write();
        let mut here = logs.sockets.iter().filter(|socket| socket.node == node);
        here.any(|socket| socket.ready.is_some() && socket.closed.is_none())
    }

    /// Ends sessions of one node's sockets through another, one after the other; gives the times from the
    /// request to the close. Nothing else must be going on.
    pub async fn node_to_node(&self, when: &str, trials: usize) -> Histogram {
        let (mut times, nodes) = (Histogram::default(), self.nodes.len());
        for trial in 0..trials {
            let (from, to) = (trial % nodes, (trial + 1) % nodes);
            let session = self.somebody_on(to);
            let asked = self.ledger.now();
            self.actor.end(&session, from, "none").await;
            self.until("the socket closes", Duration::from_secs(20), || {
                self.closed_at(&session.id).is_some()
            })
            .await;
            times.note(self.closed_at(&session.id).unwrap().saturating_sub(asked));
        }
        println!("{}: from node to node, {when}  {times}", self.name);
        times
    }

    /// Waits until every node hears itself over the bus.
    pub async fn bus_is_up(&self) {
        for node in 0..self.nodes.len() {
            eventually("the bus is up", || async {
                let said = self.hub.get(node, "/api/hub", &self.hub.key).await;
                (said.body["bus"]["state"] == "up").then_some(())
            })
            .await;
        }
    }

    /// When the last socket of a session closed; `None` while one is open.
    pub fn closed_at(&self, session: &str) -> Option<At> {
        let logs = self.ledger.write();
        let sockets = logs.sockets.iter().filter(|socket| socket.session == session);
        let ready = sockets.filter(|socket| socket.ready.is_some());
        let closed: Option<Vec<At>> = ready.map(|socket| socket.closed).collect();
        closed?.into_iter().max()
    }

    /// How often somebody has tried to open a socket.
    pub fn attempts(&self) -> usize {
        self.ledger.write().sockets.len()
    }

    /// The sum of a metric over all nodes that answer.
    pub async fn metric(&self, name: &str) -> f64 {
        let mut sum = 0.0;
        for node in &self.nodes {
            sum += node.metric(&self.hub.http, name).await.unwrap_or_default();
        }
        sum
    }

    /// What each node holds now: resident KiB and open files.
    pub fn holdings(&self) -> BTreeMap<usize, (u64, usize)> {
        let nodes = self.nodes.iter();
        nodes
            .filter_map(|node| Some((node.index, process::holds(node.id()?)?)))
            .collect()
    }
}
