//! The sockets that are open on this node, found by user. Synchronous; its guards never leave this file.
//!
//! One map alone, keyed by user: a session belongs to one user, so there is no second index that could
//! disagree with the first, and no two locks to take in the wrong order.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;

use super::outbox::{Leave, Outbox};
use super::{Hub, Limits};
use crate::clock::Timestamp;
use crate::ids::{ConnectionId, SessionId, UserId};
use crate::metric;

/// One open socket, as the hub sees it.
#[derive(Debug)]
pub struct Socket {
    pub connection_id: ConnectionId,
    pub user_id: UserId,
    pub session_id: SessionId,
    pub since: Timestamp,
    pub ip: Option<IpAddr>,
    pub outbox: Outbox,
    /// Milliseconds since boot until which the session counts as checked.
    lease_until: AtomicU64,
    /// The version of the newest auth state that was written to the client.
    version: AtomicI64,
    session_ends_at: AtomicI64,
}

/// Before the session was read, there is no lease that could run out.
const NO_LEASE: u64 = u64::MAX;

impl Socket {
    /// A socket whose lease has not begun.
    #[must_use]
    pub fn new(
        connection_id: ConnectionId,
        user_id: UserId,
        session_id: SessionId,
        since: Timestamp,
        ip: Option<IpAddr>,
    ) -> Self {
        let (lease_until, version) = (AtomicU64::new(NO_LEASE), AtomicI64::new(i64::MAX));
        Self {
            connection_id,
            user_id,
            session_id,
            since,
            ip,
            outbox: Outbox::default(),
            lease_until,
            version,
            session_ends_at: AtomicI64::new(i64::MAX),
        }
    }

    /// The session was found live by a query sent at `asked` (since boot): the lease runs from then. An
    /// answer that overtook another does not shorten it.
    pub fn renew_lease(&self, asked: Duration, lease: Duration) {
        let until = u64::try_from((asked + lease).as_millis()).unwrap_or(u64::MAX);
        let later = |held: u64| Some(if held == NO_LEASE { until } else { held.max(until) });
        let _held = self
            .lease_until
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
    }

    /// Whether the session was found live: then this is a connection, and not only an attempt at one.
    #[must_use]
    pub fn was_checked(&self) -> bool {
        self.lease_until.load(Ordering::SeqCst) != NO_LEASE
    }

    /// When the session ends by itself, unless it is refreshed.
    #[must_use]
    pub fn session_ends_at(&self) -> Timestamp {
        Timestamp::from_micros(self.session_ends_at.load(Ordering::SeqCst))
    }

    /// The session was read, and ends at `time`.
    pub fn session_ends(&self, time: Timestamp) {
        self.session_ends_at.store(time.micros(), Ordering::SeqCst);
    }

    /// Whether the lease has run out. Asked before every write, so that a process that was frozen
    /// writes nothing more to a socket that it could not check.
    #[must_use]
    pub fn lease_expired(&self, now: Duration) -> bool {
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX) >= self.lease_until.load(Ordering::SeqCst)
    }

    /// The version that the client has been told; `i64::MAX` before it is ready.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version.load(Ordering::SeqCst)
    }

    /// The client has been told this version.
    pub fn told_version(&self, version: i64) {
        self.version.store(version, Ordering::SeqCst);
    }
}

/// All sockets of this node.
#[derive(Debug, Default)]
pub struct Registry {
    users: DashMap<UserId, Vec<Arc<Socket>>>,
    count: AtomicUsize,
}

impl Registry {
    /// How many sockets are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(&self, socket: &Arc<Socket>) {
        let mut sockets = self
            .users
            .entry(socket.user_id)
            .or_insert_with(|| Vec::with_capacity(1));
        sockets.push(Arc::clone(socket));
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Keeps the caps, once `newcomer` is known to be of a live session: where its session or its user
    /// has more sockets here than allowed, the oldest are told to leave. Those that were told before are
    /// as good as gone, and those whose session was not read yet are attempts: a token that was used
    /// before makes any number of them. Across nodes the caps are kept by way of [`super::presence`].
    pub(super) fn keep_caps(&self, newcomer: &Socket, limits: &Limits) {
        let Some(sockets) = self.users.get(&newcomer.user_id) else {
            return;
        };
        // Sockets stand in the order of their arrival.
        let shed = |most: usize, counts: &dyn Fn(&Socket) -> bool| {
            let stay: Vec<_> = sockets
                .iter()
                .filter(|socket| counts(socket) && socket.was_checked() && !socket.outbox.is_leaving())
                .collect();
            let excess = stay.len().saturating_sub(most);
            for oldest in &stay[..excess] {
                oldest.outbox.leave(Leave::TooMany);
            }
        };
        shed(limits.per_session, &|socket| {
            socket.session_id == newcomer.session_id
        });
        shed(limits.per_user, &|_| true);
    }

    fn remove(&self, socket: &Socket) {
        let removed = self.users.remove_if_mut(&socket.user_id, |_, sockets| {
            let before = sockets.len();
            sockets.retain(|other| other.connection_id != socket.connection_id);
            self.count.fetch_sub(before - sockets.len(), Ordering::SeqCst);
            sockets.is_empty()
        });
        drop(removed);
    }

    /// Whether the user has a socket here.
    #[must_use]
    pub fn has(&self, user: UserId) -> bool {
        self.users.contains_key(&user)
    }

    /// Shows each of the user's sockets to `look`.
    pub fn for_user(&self, user: UserId, look: impl FnMut(&Socket)) {
        if let Some(sockets) = self.users.get(&user) {
            sockets.iter().map(Arc::as_ref).for_each(look);
        }
    }

    /// Shows every socket to `look`.
    pub fn for_each(&self, mut look: impl FnMut(&Socket)) {
        for sockets in &self.users {
            sockets.value().iter().map(Arc::as_ref).for_each(&mut look);
        }
    }

    /// One socket of the user.
    #[must_use]
    pub fn find(&self, user: UserId, connection: ConnectionId) -> Option<Arc<Socket>> {
        let sockets = self.users.get(&user)?;
        let found = sockets.iter().find(|socket| socket.connection_id == connection);
        found.cloned()
    }

    /// Every socket of the user, as they stand now.
    #[must_use]
    pub fn of(&self, user: UserId) -> Vec<Arc<Socket>> {
        self.users
            .get(&user)
            .map_or_else(Vec::new, |sockets| sockets.clone())
    }

    /// Every socket, as they stand now.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Socket>> {
        let mut all = Vec::with_capacity(self.len());
        for sockets in &self.users {
            all.extend(sockets.value().iter().cloned());
        }
        all
    }
}

/// A place in the registry; dropping it gives the place up.
#[derive(Debug)]
pub struct Registered {
    hub: Hub,
    socket: Arc<Socket>,
}

impl Registered {
    pub(super) fn new(hub: &Hub, socket: Arc<Socket>) -> Self {
        hub.0.registry.add(&socket);
        metrics::gauge!(metric::CONNECTIONS).increment(1.0);
        Self {
            hub: hub.clone(),
            socket,
        }
    }

    /// The socket that holds the place.
    #[must_use]
    pub fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.hub.0.registry.remove(&self.socket);
        self.socket.outbox.close();
        self.hub.0.presence.closed(&self.socket);
        metrics::gauge!(metric::CONNECTIONS).decrement(1.0);
    }
}
