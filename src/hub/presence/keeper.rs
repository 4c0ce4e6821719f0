//! The task that keeps this node's part of the lists in Redis true: announces and withdraws as notes come
//! in, renews, writes everything anew where Redis lost it, and clears up after dead nodes.
//!
//! Whatever fails, fails until the next look: then everything is written anew. It also keeps the caps
//! across nodes: whoever announces a connection that is one too many tells the oldest to leave.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::redis::Lists;
use super::{IsLive, Live, Presence, excess, local};
use crate::hub::Hub;
use crate::hub::redis::Away;
use crate::hub::registry::Socket;
use crate::ids::UserId;

/// How often to look whether Redis is back.
const TICK: Duration = Duration::from_millis(500);
/// How often to look whether Redis still has everything.
const LOOK: Duration = Duration::from_secs(3);
/// How often entries are written anew, in milliseconds: they are good for three times as long.
const RENEW: i64 = 30_000;
/// How far Redis' clock may leave ours, in milliseconds, before the expiry of every entry is in doubt.
const JUMP: i64 = 45_000;
/// How many connections are written in one go.
const BATCH: usize = 200;

pub(super) struct Keeper {
    hub: Hub,
    lists: Arc<Lists>,
    notes: mpsc::Receiver<Arc<Socket>>,
    is_live: IsLive,
    /// Milliseconds from our clock to Redis' clock; `None` while Redis is away.
    offset: Option<i64>,
    last_offset: i64,
    looked: Option<Instant>,
    /// By our own clock.
    renewed: i64,
}

impl Keeper {
    /// `None` where there is nothing to keep, or somebody does already.
    pub(super) fn begin(hub: Hub, is_live: IsLive) -> Option<Self> {
        let Presence::Redis(lists) = &hub.0.presence else {
            return None;
        };
        let lists = Arc::clone(lists);
        let notes = lists.take_inbox()?;
        Some(Self {
            hub,
            lists,
            notes,
            is_live,
            offset: None,
            last_offset: 0,
            looked: None,
            renewed: 0,
        })
    }

    pub(super) async fn keep(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut noted = Vec::with_capacity(BATCH);
        loop {
            let done = tokio::select! {
                biased;
                _ = ticks.tick() => self.look().await,
                _ = self.notes.recv_many(&mut noted, BATCH) => self.tell(noted.drain(..)).await,
            };
            if done.is_err() {
                self.offset = None;
            }
        }
    }

    /// Looks whether everything is as it should be, when it is time to.
    async fn look(&mut self) -> Result<(), Away> {
        let recent = self.looked.is_some_and(|looked| looked.elapsed() < LOOK);
        if !self.lists.is_up() {
            return Err(Away);
        }
        if recent && self.offset.is_some() {
            return Ok(());
        }
        let seen = self.lists.check_in().await?;
        let offset = seen.time - self.now();
        let jumped = (offset - self.last_offset).abs() > JUMP;
        let lost = self.offset.is_none() || !seen.known || jumped || self.lists.take_missed();
        (self.offset, self.last_offset, self.looked) = (Some(offset), offset, Some(Instant::now()));
        if lost {
            let (me, registry) = (self.hub.node(), self.hub.registry());
            let open = |user, connection| registry.find(user, connection).is_some();
            self.lists.clear(me, open).await?;
        }
        if lost || self.now() - self.renewed >= RENEW {
            self.renewed = self.now();
            self.announce_all().await?;
        }
        for node in seen.nodes {
            if node != self.hub.node() && !(self.is_live)(node) {
                self.lists.reap(node).await?;
            }
        }
        Ok(())
    }

    /// Writes every connection of this node, in batches, with room for notes between them.
    async fn announce_all(&mut self) -> Result<(), Away> {
        let sockets = self.hub.registry().all();
        let mut noted = Vec::with_capacity(BATCH);
        for sockets in sockets.chunks(BATCH) {
            self.tell(sockets.iter().cloned()).await?;
            while noted.len() < BATCH
                && let Ok(socket) = self.notes.try_recv()
            {
                noted.push(socket);
            }
            self.tell(noted.drain(..)).await?;
        }
        Ok(())
    }

    /// Writes what became of `sockets`: open ones are announced, closed ones withdrawn. While Redis is away
    /// nothing is: everything is written anew when it is back.
    async fn tell(&self, sockets: impl Iterator<Item = Arc<Socket>>) -> Result<(), Away> {
        let (closed, open): (Vec<_>, Vec<_>) = sockets.partition(|socket| socket.outbox.is_closed());
        let Some(offset) = self.offset else {
            return Err(Away);
        };
        let open = open.iter().filter(|socket| socket.was_checked());
        let present: Vec<_> = open
            .map(|socket| (socket.user_id, local::live(socket, self.hub.node())))
            .collect();
        if !present.is_empty() {
            let counts = self.lists.announce(&present, offset + self.now()).await?;
            let limits = self.hub.limits();
            let most = limits.per_session.min(limits.per_user);
            let crowded = present.iter().zip(counts).filter(|(_, count)| *count > most);
            let crowded: HashSet<UserId> = crowded.map(|((user, _), _)| *user).collect();
            self.keep_caps(&crowded.into_iter().collect::<Vec<_>>()).await?;
        }
        if !closed.is_empty() {
            let gone: Vec<_> = closed
                .iter()
                .map(|socket| (socket.user_id, socket.connection_id))
                .collect();
            let registry = self.hub.registry();
            let left = closed.iter().map(|socket| socket.user_id);
            let left: Vec<_> = left.filter(|user| !registry.has(*user)).collect();
            self.lists.withdraw(&gone, &left).await?;
        }
        Ok(())
    }

    /// Looks at all connections of `users`, and where they are too many sends the oldest away.
    async fn keep_caps(&self, users: &[UserId]) -> Result<(), Away> {
        let listed = self.lists.read(users).await?;
        for (user, listed) in users.iter().zip(listed) {
            // Here the registry knows better; elsewhere the dead do not count.
            let elsewhere = |live: &Live| live.node != self.hub.node() && (self.is_live)(live.node);
            let mut present = local::staying(&self.hub, *user);
            present.extend(listed.into_iter().filter(elsewhere));
            for live in excess(present, self.hub.limits()) {
                if live.node == self.hub.node() {
                    self.hub.shed(*user, live.connection);
                } else {
                    self.hub.0.bus.shed(live.node, *user, live.connection);
                }
            }
        }
        Ok(())
    }

    /// Milliseconds of our own clock.
    fn now(&self) -> i64 {
        i64::try_from(self.hub.0.clock.since_boot().as_millis()).unwrap_or(i64::MAX)
    }
}
