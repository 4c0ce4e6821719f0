//! One round: every operation once, each beside its bare twin, on nodes that were started for it.

mod baselines;
mod logout;
mod push;
mod requests;
mod sign_in;
mod sockets;

use std::time::Duration;

use portcullis::ids::{SessionId, UserId};

use super::crowd::Crowd;
use super::ground::Ground;
use super::member::Invitation;
use super::node::{Bare, PublicUrl};
use super::process::{Meter, Process};
use super::report::Report;

/// How much of everything.
#[derive(Clone, Copy)]
pub struct Scale {
    pub rounds: usize,
    /// Up to which count memory is measured, and from which on: what a process needs anyway is then in place.
    pub sockets: usize,
    pub base: usize,
    /// How many idle while others are signed out, and hear of a role or of the end.
    pub idle: usize,
    /// Forced logouts, and for how long at most.
    pub trials: usize,
    pub patience: f64,
    /// How long a rate is measured.
    pub load: Duration,
    /// Role changes one after another.
    pub pushes: u32,
}

/// What all rounds share.
pub struct Bench {
    pub site: PublicUrl,
    pub scale: Scale,
    pub report: Report,
    /// Where the nodes' database is, and where nobody but the bare commits are.
    pub database: String,
    pub bare_database: String,
    pub ground: Ground,
    /// Whose sessions idle.
    pub idlers: Vec<UserId>,
    /// Who has very many sockets.
    pub popular: UserId,
    /// Addresses of those with passwords.
    pub people: Vec<(UserId, String)>,
    /// The hub on SQLite, for what its writer decides.
    pub sqlite: (String, Ground, UserId),
}

/// Sessions of one user, as many as idle, stay together.
const PER_USER: usize = 50;

impl Bench {
    /// Prepares databases and users.
    pub async fn prepare(scale: Scale) -> anyhow::Result<Self> {
        let site = PublicUrl::find()?;
        let database = site.postgres("bench").await?;
        let bare_database = site.postgres("bare").await?;
        let ground = Ground::lay(&database, &site.folder).await?;
        let idlers = ground.strangers("idle", scale.sockets.div_ceil(PER_USER)).await?;
        let popular = ground.strangers("popular", 1).await?[0];
        let people = ground.users("person", 8).await?;
        let file = site.sqlite("bench");
        let small = Ground::lay(&file, &site.folder).await?;
        let refresher = small.strangers("refresher", 1).await?[0];
        Ok(Self {
            site,
            scale,
            report: Report::default(),
            database,
            bare_database,
            ground,
            idlers,
            popular,
            people,
            sqlite: (file, small, refresher),
        })
    }

    pub async fn round(&mut self) -> anyhow::Result<()> {
        let bare = Bare::serve().await?;
        let commits = baselines::measure(self, &bare).await?;
        {
            let nodes = [
                self.site.node(&self.database).await?,
                self.site.node(&self.database).await?,
            ];
            let mut crowd = sockets::measure(self, &bare, &nodes[0]).await?;
            logout::one_by_one(self, &nodes, &mut crowd).await?;
            logout::everybody(self, &bare, &nodes[0], crowd).await?;
            push::measure(self, &bare, &nodes[0]).await?;
            for node in nodes {
                node.stop().await?;
            }
        }
        let node = self.site.node(&self.database).await?;
        sign_in::measure(self, &node).await?;
        requests::checked_get(self, &bare, &node).await?;
        requests::refresh_on_postgres(self, &node, &commits).await?;
        node.stop().await?;
        requests::refresh_on_sqlite(self, &commits).await?;
        bare.process.stop().await
    }

    pub async fn close(self) {
        self.ground.close().await;
        self.sqlite.1.close().await;
    }

    /// New sessions of users taken in turn.
    async fn sessions(&self, users: &[UserId], count: usize) -> anyhow::Result<Vec<SessionId>> {
        let users = users.iter().copied().cycle().take(count);
        let sessions = self.ground.sessions(users).await?;
        Ok(sessions.into_iter().map(|session| session.id).collect())
    }
}

/// Lets allocations and timers come to rest.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

/// Seconds of the processor that idle processes take each second: over `hub.sweep`, so that one is in it.
async fn background(processes: Vec<u32>) -> anyhow::Result<f64> {
    let meter = Meter::start(processes)?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let reading = meter.read()?;
    Ok(reading.cpu / reading.wall)
}

/// A crowd with a socket for each session.
async fn gather(
    bench: &Bench,
    server: &Process,
    path: &str,
    sessions: &[SessionId],
) -> anyhow::Result<Crowd> {
    let mut crowd = Crowd::gather()?;
    let guests = bench.ground.invitations(sessions).await?;
    crowd.join(server.address, path, guests).await?;
    Ok(crowd)
}

/// A crowd on the bare server, which keeps its sockets for sending.
async fn park(bare: &Bare, count: usize) -> anyhow::Result<Crowd> {
    let mut crowd = Crowd::gather()?;
    let strangers = vec![Invitation::default(); count];
    crowd.join(bare.process.address, "/parked", strangers).await?;
    settle().await;
    crowd.mark().await?;
    Ok(crowd)
}

/// Milliseconds between two moments of [`now`](super::client::now).
#[expect(clippy::cast_precision_loss, reason = "a measurement is far below 2^52 ns")]
pub fn millis(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn number(count: usize) -> f64 {
    count as f64
}
