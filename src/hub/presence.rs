//! Who is connected, on all nodes: what caps across nodes and lists of live connections are made of.
//!
//! A cache and no more: it is rebuilt from the registries of the nodes, and losing it costs nobody a
//! socket. Without Redis, or while it is away, a node knows its own connections, and keeps the caps among
//! them. Sockets only leave a note here; one task ([`run`]) does the talking.

mod entry;
mod keeper;
mod local;
mod redis;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use self::redis::Lists;
use super::redis::Link;
use super::registry::Socket;
use super::{Hub, Limits};
use crate::clock::Timestamp;
use crate::ids::{ConnectionId, NodeId, SessionId, UserId};

/// One connection of a user, wherever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    pub connection: ConnectionId,
    pub session: SessionId,
    pub node: NodeId,
    pub since: Timestamp,
    pub ip: Option<IpAddr>,
}

/// Tells whether a node may still hold sockets. Says yes when in doubt.
pub type IsLive = Arc<dyn Fn(NodeId) -> bool + Send + Sync>;

/// How nodes know of each other's connections.
#[derive(Debug)]
pub enum Presence {
    /// One node: its registry is everything.
    Local,
    /// Lists in Redis, one for each user.
    Redis(Arc<Lists>),
}

impl Presence {
    /// Lists in Redis when there is a way to it.
    #[must_use]
    pub fn new(link: Option<Link>, node: NodeId) -> Self {
        link.map_or(Self::Local, |link| Self::Redis(Arc::new(Lists::new(link, node))))
    }

    /// The session of `socket` was found live. Never waits.
    pub(super) fn opened(&self, socket: &Arc<Socket>) {
        if let Self::Redis(lists) = self {
            lists.note(socket);
        }
    }

    /// `socket` has left the registry and is closed. Never waits.
    pub(super) fn closed(&self, socket: &Arc<Socket>) {
        if let Self::Redis(lists) = self {
            lists.note(socket);
        }
    }

    /// The connections of `user`: those of `hub` from its registry, those of the other live nodes as far
    /// as Redis tells.
    pub async fn of(&self, hub: &Hub, user: UserId, is_live: &IsLive) -> Vec<Live> {
        let mut present = local::of(hub, user);
        if let Self::Redis(lists) = self
            && let Ok(listed) = lists.read(&[user]).await
        {
            let elsewhere = listed.into_iter().flatten();
            present.extend(elsewhere.filter(|live| live.node != hub.node() && is_live(live.node)));
        }
        present.sort_by_key(|live| (live.since, live.connection));
        present
    }

    /// The connections of `users` by their session, the oldest first, as in [`of`](Self::of).
    async fn by_session(&self, hub: &Hub, users: &[UserId]) -> HashMap<SessionId, Vec<Live>> {
        let mut present: Vec<Live> = users.iter().flat_map(|user| local::of(hub, *user)).collect();
        if let Self::Redis(lists) = self
            && let Ok(listed) = lists.read(users).await
        {
            let elsewhere = listed.into_iter().flatten();
            present.extend(elsewhere.filter(|live| live.node != hub.node() && hub.is_live(live.node)));
        }
        present.sort_by_key(|live| (live.since, live.connection));
        let mut by_session: HashMap<SessionId, Vec<Live>> = HashMap::new();
        for live in present {
            by_session.entry(live.session).or_default().push(live);
        }
        by_session
    }
}

impl Hub {
    /// The connections of `users` on all nodes, by their session, each with the oldest first.
    pub async fn connections(&self, users: &[UserId]) -> HashMap<SessionId, Vec<Live>> {
        self.0.presence.by_session(self, users).await
    }

    /// Every session that has a connection, on whichever node.
    pub async fn connected_sessions(&self) -> BTreeSet<SessionId> {
        let mut sessions = BTreeSet::new();
        self.0.registry.for_each(|socket| {
            if socket.was_checked() {
                sessions.insert(socket.session_id);
            }
        });
        if let Presence::Redis(lists) = &self.0.presence {
            let counts = |node| node != self.node() && self.is_live(node);
            if let Ok(users) = lists.users(counts).await
                && let Ok(listed) = lists.read(&users).await
            {
                let elsewhere = listed.into_iter().flatten().filter(|live| counts(live.node));
                sessions.extend(elsewhere.map(|live| live.session));
            }
        }
        sessions
    }
}

/// Announces this node's connections to the others, and keeps the caps across nodes, until `stop`.
pub async fn run(hub: Hub, is_live: IsLive, stop: CancellationToken) {
    if let Some(keeper) = keeper::Keeper::begin(hub, is_live) {
        tokio::select! {
            () = keeper.keep() => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Which connections of one user have to give way, so that neither a session nor the user has more than
/// allowed: the oldest.
fn excess(mut present: Vec<Live>, limits: &Limits) -> Vec<Live> {
    let mut of_session = HashMap::new();
    let mut stay = 0;
    present.sort_by_key(|live| Reverse((live.since, live.connection)));
    present.retain(|live| {
        let held: &mut usize = of_session.entry(live.session).or_default();
        *held += 1;
        let fits = *held <= limits.per_session && stay < limits.per_user;
        stay += usize::from(fits);
        !fits
    });
    present
}

#[cfg(test)]
mod tests;
