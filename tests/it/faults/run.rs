//! One run: servers, nodes, the crowd and the actor, and the judgement at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::actor::{Actor, Rates};
use super::checker::{self, Bounds, Facts, Histogram, Verdict, Violation};
use super::clients::{Hub, Session, User};
use super::ledger::{At, Fault, Ledger, Logs};
use super::node::{Node, Settings};
use super::postgres::Postgres;
use super::process;
use super::redis::Redis;
use super::scale::Scale;
use super::swarm::{Manner, Swarm};
use crate::support::database;
use crate::support::people::PASSWORD;
use crate::support::proxy::{Line, Proxy};
use crate::support::sql::texts;

const SCOPES: &str = "users:read,users:write,roles:read,roles:write,sessions:read,sessions:revoke,\
                      keys:write,audit:read,hub:read,introspect";

/// What a scenario needs.
#[derive(Clone, Debug)]
pub struct Setup {
    pub nodes: usize,
    pub users: usize,
    /// An SQLite file instead; one node then.
    pub sqlite: Option<String>,
    /// A PostgreSQL of its own, to be broken; without, the tests' own behind each node's proxy.
    pub own_postgres: bool,
    pub settings: Settings,
}

impl Setup {
    pub fn nodes(nodes: usize) -> Self {
        Self {
            nodes,
            users: 40,
            sqlite: None,
            own_postgres: false,
            settings: Vec::new(),
        }
    }

    pub fn own_postgres(mut self) -> Self {
        self.own_postgres = true;
        self
    }

    pub fn sqlite(mut self, url: &str) -> Self {
        self.sqlite = Some(url.to_owned());
        self.users = 4;
        self
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Everything that lives while a scenario runs.
#[derive(Debug)]
pub struct Run {
    name: &'static str,
    pub scale: Scale,
    pub ledger: Arc<Ledger>,
    pub nodes: Vec<Arc<Node>>,
    pub redis: Mutex<Redis>,
    pub postgres: Option<Postgres>,
    /// The database, past every proxy.
    pub database: std::sync::Mutex<String>,
    pub hub: Arc<Hub>,
    pub swarm: Arc<Swarm>,
    pub actor: Arc<Actor>,
    began: Instant,
    over: CancellationToken,
}

impl Run {
    pub async fn start(name: &'static str, setup: Setup) -> Self {
        let began = Instant::now();
        let scale = Scale::read();
        let redis = Redis::start().await;
        let postgres = if setup.own_postgres {
            Some(Postgres::start().await)
        } else {
            None
        };
        let database = match (&postgres, &setup.sqlite) {
            (Some(postgres), _) => postgres.url(),
            (None, Some(url)) => url.clone(),
            (None, None) => database::fresh_postgres().await,
        };
        let nodes = make_nodes(&setup, scale, &database, &redis).await;
        let (key, users) = people(&nodes[0], &database, setup.users).await;
        join_all(nodes.iter().map(|node| node.start_surely())).await;
        println!("{name}: started in {:.1} s", began.elapsed().as_secs_f64());
        let ledger = Arc::new(Ledger::open());
        let hub = Arc::new(Hub::new(nodes.clone(), Arc::clone(&ledger), key));
        let swarm = Arc::new(Swarm::new(Arc::clone(&hub), scale));
        let actor = Actor::new(Arc::clone(&hub), Arc::clone(&swarm), users, scale.seed);
        let over = CancellationToken::new();
        tokio::spawn(watch(Arc::clone(&ledger), over.clone()));
        Self {
            name,
            scale,
            ledger,
            nodes,
            redis: Mutex::new(redis),
            postgres,
            database: std::sync::Mutex::new(database),
            hub,
            swarm,
            actor: Arc::new(actor),
            began,
            over,
        }
    }

    /// Signs people in and waits until all have a socket.
    pub async fn gather(&self, count: usize, manner: Manner) {
        self.actor.gather(count, manner).await;
        let patience = Duration::from_secs(60) + Duration::from_millis(20) * u32::try_from(count).unwrap();
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
            lease: self.scale.lease(),
            reading: self.scale.seconds(0.5, 0.25),
            settled: self.scale.seconds(1.0, 2.0),
        }
    }

    /// Ends the acts, lets everything come to rest, and checks all of it.
    pub async fn judge(&self) -> Judgement {
        self.judge_with(|_, _| ()).await
    }

    /// As [`judge`](Self::judge), after `adjust` has noted what the logs cannot know.
    pub async fn judge_with(&self, adjust: impl FnOnce(&mut Logs, &mut Facts)) -> Judgement {
        self.actor.rest().await;
        self.heal_lines();
        let mut found = Vec::new();
        if let Some(violation) = self.come_to_rest().await {
            found.push(violation);
        }
        let holdings = self.holdings();
        let mut facts = self.facts().await;
        let mut logs = self.ledger.close();
        adjust(&mut logs, &mut facts);
        self.over.cancel();
        self.swarm.leave();
        let mut verdict = checker::check(&logs, &facts, self.bounds());
        for node in &self.nodes {
            if let Some(status) = node.ended() {
                let what = format!(
                    "node {} ended by itself: {status}\n{}",
                    node.index,
                    node.last_lines()
                );
                found.push(Violation { invariant: 9, what });
            }
            let panics = node.logged().matches("panicked at").count();
            if panics > 0 {
                let what = format!("node {} panicked {panics} times", node.index);
                found.push(Violation { invariant: 9, what });
            }
        }
        verdict.violations.extend(found);
        println!(
            "{} (seed {}, {:.1} s, {} sockets, {} faults)\n{verdict}",
            self.name,
            self.scale.seed,
            self.began.elapsed().as_secs_f64(),
            logs.sockets.len(),
            logs.phases.len()
        );
        for node in &self.nodes {
            for (line, times) in node.warnings().into_iter().take(6) {
                println!("  node {}, {times} times: {line}", node.index);
            }
        }
        Judgement {
            verdict,
            logs,
            holdings,
        }
    }

    /// Everybody who was not signed out is back, and what was last said has had time to arrive.
    async fn come_to_rest(&self) -> Option<Violation> {
        let patience = Instant::now() + Duration::from_secs(45);
        while !self.swarm.is_complete() {
            if Instant::now() > patience {
                let away = self.swarm.members();
                let away = away
                    .iter()
                    .filter(|member| !member.is_open() && !member.is_gone())
                    .count();
                let what = format!("{away} clients never came back\n{}", self.nodes[0].last_lines());
                return Some(Violation { invariant: 9, what });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Until every bound is over, or, beside other tests, until nothing is left to wait for.
        let over = self.bounds().after_heal + Duration::from_millis(500);
        let _over = tokio::time::timeout(over, async {
            while self.scale.long || !self.has_arrived().await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        })
        .await;
        None
    }

    /// Whether the sockets show what SQL holds. The checker says so again, with the times.
    async fn has_arrived(&self) -> bool {
        let facts = self.facts().await;
        checker::has_arrived(&self.ledger.close(), &facts)
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

    /// Ends sessions of one node's sockets through another, one after the other; gives the median of the
    /// times from acknowledgement to close. Everything else must be calm.
    pub async fn from_node_to_node(&self, trials: usize) -> Duration {
        let mut times = Histogram::default();
        for trial in 0..trials {
            let (from, to) = (trial % 2, (trial + 1) % 2);
            let session = self.somebody_on(to);
            self.actor.end(&session, from, "none").await;
            let acked = self.ledger.now();
            self.until("the socket closes", Duration::from_secs(20), || {
                self.closed_at(&session.id).is_some()
            })
            .await;
            let closed = self.closed_at(&session.id).unwrap();
            times.note(closed.saturating_sub(acked));
        }
        println!("{}: from node to node  {times}", self.name);
        times.percentile(50)
    }

    /// When the last socket of a session closed; `None` while one is open.
    pub fn closed_at(&self, session: &str) -> Option<At> {
        let logs = self.ledger.write();
        let sockets = logs.sockets.iter().filter(|socket| socket.session == session);
        let ready = sockets.filter(|socket| socket.ready.is_some());
        let closed: Option<Vec<At>> = ready.map(|socket| socket.closed).collect();
        closed?.into_iter().max()
    }

    async fn facts(&self) -> Facts {
        let url = self.database.lock().unwrap().clone();
        // SQLite keeps an id as its bytes.
        let id = |column: &str| match url.starts_with("sqlite") {
            true => format!("lower(hex({column}))"),
            false => format!("cast({column} as text)"),
        };
        let rows = async |text: String| -> Vec<(String, String)> {
            let rows = texts(&url, &text).await.into_iter().flatten();
            rows.map(|row| {
                let (id, rest) = row.split_once('|').unwrap();
                (uuid::Uuid::parse_str(id).unwrap().to_string(), rest.to_owned())
            })
            .collect()
        };
        let mut facts = Facts::default();
        for (user, rest) in rows(format!(
            "select {} || '|' || version || '|' || email from users",
            id("id")
        ))
        .await
        {
            let (version, email) = rest.split_once('|').unwrap();
            facts.versions.insert(user, version.parse().unwrap());
            facts.emails.insert(email.to_owned());
        }
        let ended = "case when revoked_at is null then '' else 'ended' end";
        for (session, ended) in rows(format!("select {} || '|' || {ended} from sessions", id("id"))).await {
            facts.sessions.insert(session, ended == "ended");
        }
        let forked = format!(
            "select {} || '|' from refresh_tokens group by session_id, generation having count(*) > 1",
            id("session_id")
        );
        facts.forked = rows(forked)
            .await
            .into_iter()
            .map(|(session, _)| session)
            .collect();
        facts
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

/// What came of a run.
#[derive(Debug)]
pub struct Judgement {
    pub verdict: Verdict,
    pub logs: Logs,
    /// What each node held before the crowd left.
    pub holdings: BTreeMap<usize, (u64, usize)>,
}

impl Judgement {
    /// Fails unless every promise was kept, in a run in which at least `closes` were measured.
    #[track_caller]
    pub fn clean(self, closes: usize) -> Logs {
        let broken: BTreeSet<u8> = self
            .verdict
            .violations
            .iter()
            .map(|violation| violation.invariant)
            .collect();
        assert!(broken.is_empty(), "broken: I{broken:?}\n{}", self.verdict);
        let measured = self.verdict.measured();
        assert!(measured >= closes, "only {measured} closes were measured");
        self.logs
    }
}

/// Notes when this process itself was held up: then nothing can be said of what it saw.
async fn watch(ledger: Arc<Ledger>, over: CancellationToken) {
    let beat = Duration::from_millis(50);
    let mut last: At = ledger.now();
    while !over.is_cancelled() {
        tokio::time::sleep(beat).await;
        let now = ledger.now();
        if now - last > beat + Duration::from_millis(100) {
            ledger.write().stalls.push((last, now));
        }
        last = now;
    }
}

async fn make_nodes(setup: &Setup, scale: Scale, database: &str, redis: &Redis) -> Vec<Arc<Node>> {
    let mut common = Vec::new();
    let mut set = |name: &str, value: String| common.push((format!("PORTCULLIS_{name}"), value));
    set("PUBLIC_URL", "http://127.0.0.1:9".to_owned());
    set("DATA_DIR", "./data".to_owned());
    set("HTTP__LISTEN", "127.0.0.1:0".to_owned());
    set("METRICS__LISTEN", String::new());
    set(
        "SECRETS__MASTER",
        "a master secret of the faults, long enough".to_owned(),
    );
    set("LIMITS__ENABLED", "false".to_owned());
    set("PASSWORDS__MEMORY_KIB", "1024".to_owned());
    set("PASSWORDS__ITERATIONS", "1".to_owned());
    set("PASSWORDS__QUEUE", "256".to_owned());
    set("TOKENS__ACCESS_TTL", "86400".to_owned());
    set("TOKENS__SOCKET_TTL", "3600".to_owned());
    set("HUB__LEASE", scale.lease().as_secs_f64().to_string());
    set("HUB__SWEEP", scale.sweep().as_secs_f64().to_string());
    set("HUB__DRAIN", scale.drain().as_secs_f64().to_string());
    set("HUB__PER_SESSION", "1000".to_owned());
    set("HUB__PER_USER", "20000".to_owned());
    set("HUB__WAITING_PER_ADDRESS", "20000".to_owned());
    common.extend(setup.settings.iter().cloned());
    // SQLite has no line that could be broken.
    let target = host_of(database).unwrap_or(redis.address);
    let mut nodes = Vec::new();
    for index in 0..setup.nodes {
        let to_sql = Proxy::before(target).await;
        let to_redis = Proxy::before(redis.address).await;
        let mut settings = common.clone();
        let url = database.replacen(&target.to_string(), &to_sql.address.to_string(), 1);
        settings.push(("DATABASE_URL".to_owned(), url));
        settings.push(("REDIS_URL".to_owned(), Redis::url_at(to_redis.address)));
        nodes.push(Arc::new(Node::new(index, to_sql, to_redis, settings)));
    }
    nodes
}

/// The address in a database's URL.
fn host_of(url: &str) -> Option<std::net::SocketAddr> {
    let after = url.rsplit_once('@')?.1;
    after.split('/').next()?.parse().ok()
}

/// A service key and users, as an operator makes them; the many are copies of one.
async fn people(node: &Node, database: &str, count: usize) -> (String, Vec<User>) {
    ask(node, &["migrate"], "").await;
    let key = ask(
        node,
        &["key", "create", "--name", "faults", "--scopes", SCOPES],
        "",
    )
    .await;
    let key = key.trim_end().lines().last().unwrap().to_owned();
    let made_by_hand = if database.starts_with("sqlite") { count } else { 1 };
    let mut users = Vec::new();
    for number in 0..made_by_hand {
        let email = format!("user{number}@example.org");
        let create = [
            "user",
            "create",
            "--email",
            &email,
            "--active",
            "--password-stdin",
        ];
        let id = ask(node, &create, &format!("{PASSWORD}\n"))
            .await
            .trim()
            .to_owned();
        users.push(User { id, email });
    }
    if made_by_hand < count {
        users = copies(database, count).await;
    }
    (key, users)
}

/// The first user, and many who are like it.
async fn copies(database: &str, count: usize) -> Vec<User> {
    let copies = format!(
        "insert into users (id, email, email_verified, name, status, site_role, version, password_hash,
            created_at, updated_at)
        select gen_random_uuid(), 'user' || n || '@example.org', email_verified, name, status, site_role,
            version, password_hash, created_at + n, updated_at
        from users, generate_series(1, {}) n where email = 'user0@example.org'",
        count - 1
    );
    let mut sql = PgConnection::connect(database).await.unwrap();
    sqlx::query(AssertSqlSafe(copies))
        .execute(&mut sql)
        .await
        .unwrap();
    let rows = sqlx::query("select cast(id as text), email from users order by created_at")
        .fetch_all(&mut sql)
        .await
        .unwrap();
    let users = rows.iter().map(|row| User {
        id: row.get(0),
        email: row.get(1),
    });
    users.collect()
}

/// Runs a command that must succeed; gives what it printed.
async fn ask(node: &Node, arguments: &[&str], input: &str) -> String {
    use std::process::Stdio;

    use tokio::io::AsyncWriteExt;
    let mut command = node.command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = process.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}
