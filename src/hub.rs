//! The connection hub of one node: which sockets are open, and how a committed change reaches them.
//!
//! SQL is the authority; the registry is the truth about this node's sockets. [`Hub::announce`] tells them
//! right after the commit, and the [`bus`] the other nodes; both only hasten the [`journal`]'s tail, which finds
//! every change. The [`sweep`] finds what the tail missed. Under all of them lies the [`lease`]: a socket that
//! could not be checked against SQL in time closes by itself. [`nodes`] tells the others how far this node is.

pub mod admission;
mod backends;
pub mod bus;
pub mod counters;
pub mod epoch;
pub mod frame;
mod holders;
pub mod journal;
pub mod lease;
pub mod nodes;
mod opening;
pub mod outbox;
pub mod presence;
mod progress;
mod reach;
pub mod redis;
pub mod registry;
pub mod sweep;
mod tally;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::{Clock, Timestamp};
use crate::config;
use crate::ids::{ConnectionId, NodeId, UserId};
use crate::secret::Rng;
use crate::store::Db;
use crate::store::journal::{Change, Entry};
use crate::store::sessions::{EndScope, Ending};
use admission::Admission;
use backends::Backends;
use bus::{Bus, News};
use nodes::{Known, NodeLease};
pub use opening::{Opened, Opening, Resume};
use outbox::Leave;
use presence::Presence;
use progress::Progress;
use reach::Reach;
pub use reach::Reached;
use registry::{Registry, Socket};
pub use tally::{Tally, Ticket};
use waiting::Waiting;
pub use waiting::WaitingPlace;

/// The hub. Clones share.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: NodeId,
    /// Where this node listens, for people who look at the list of nodes.
    address: String,
    started_at: Timestamp,
    db: Db,
    clock: Clock,
    rng: Rng,
    bus: Bus,
    presence: Presence,
    registry: Registry,
    /// How many sockets there are, from the upgrade until they are closed.
    sockets: AtomicUsize,
    waiting: Waiting,
    admission: Admission,
    limits: Limits,
    /// Wakes the journal's tail before its time.
    hint: Notify,
    /// Wakes the node's report before its time.
    report: Notify,
    /// Wakes the reading of the signing keys before its time.
    signing_keys: Notify,
    progress: Progress,
    backends: Backends,
    lease: NodeLease,
    reach: Reach,
    known: Known,
    /// Held by the one who reports because the node's lease has run out.
    reviving: tokio::sync::Mutex<()>,
}

/// What a hub is built from.
#[derive(Debug)]
pub struct Parts {
    pub node: NodeId,
    /// Where this node listens.
    pub address: String,
    pub db: Db,
    pub clock: Clock,
    pub rng: Rng,
    pub bus: Bus,
    pub presence: Presence,
    pub limits: Limits,
}

/// How much the hub holds, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub lease: Duration,
    pub poll: Duration,
    pub sweep: Duration,
    pub drain: Duration,
    /// Sockets of this node, those without a hello included.
    pub connections: usize,
    pub per_session: usize,
    pub per_user: usize,
    pub waiting_per_address: usize,
}

impl Limits {
    /// From the configuration; `connections` is what the limit of open files allows unless set.
    #[must_use]
    pub fn new(config: &config::Hub, connections: usize) -> Self {
        Self {
            lease: Duration::from_secs_f64(config.lease),
            poll: Duration::from_secs_f64(config.poll),
            sweep: Duration::from_secs_f64(config.sweep),
            drain: Duration::from_secs_f64(config.drain),
            connections: config.max_connections.unwrap_or(connections),
            per_session: config.per_session,
            per_user: config.per_user,
            waiting_per_address: config.waiting_per_address,
        }
    }
}

impl Hub {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts {
            node,
            address,
            db,
            clock,
            rng,
            bus,
            presence,
            limits,
        } = parts;
        Self(Arc::new(Inner {
            node,
            address,
            started_at: clock.now(),
            admission: Admission::before(&db),
            db,
            clock,
            rng,
            bus,
            presence,
            registry: Registry::default(),
            sockets: AtomicUsize::new(0),
            waiting: Waiting::default(),
            limits,
            hint: Notify::new(),
            report: Notify::new(),
            signing_keys: Notify::new(),
            progress: Progress::default(),
            backends: Backends::default(),
            lease: NodeLease::default(),
            reach: Reach::default(),
            known: Known::default(),
            reviving: tokio::sync::Mutex::default(),
        }))
    }

    /// This process's id.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.0.node
    }

    /// The configured limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// How this node and the others hear of each other's changes.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// Acts on what the bus brought: looks into the journal, or closes the oldest of too many.
    pub fn hear(&self, news: &News) {
        match news {
            News::Journal { .. } | News::Reconnected => self.0.hint.notify_one(),
            News::Shed { user, connection } => self.shed(*user, *connection),
        }
    }

    /// Waits until the journal says that the signing keys changed. For one listener.
    pub async fn signing_keys_changed(&self) {
        self.0.signing_keys.notified().await;
    }

    /// The sockets that are open here.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Who is connected, on all nodes.
    #[must_use]
    pub fn presence(&self) -> &Presence {
        &self.0.presence
    }

    /// Sends a socket of this node away because its session or its user has too many, if it is still there.
    fn shed(&self, user: UserId, connection: ConnectionId) {
        if let Some(socket) = self.0.registry.find(user, connection) {
            socket.outbox.leave(Leave::TooMany);
        }
    }

    /// Takes a place among the sockets that have not said hello. `None`: too many from this address.
    #[must_use]
    pub fn wait_for_hello(&self, address: std::net::IpAddr) -> Option<WaitingPlace> {
        WaitingPlace::take(self, address)
    }

    /// Who may begin to open a socket, and who comes back later.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.0.admission
    }

    /// Takes room for one more socket, to be held from the upgrade until it is closed. `None`: full.
    #[must_use]
    pub fn take_room(&self) -> Option<Room> {
        let most = self.0.limits.connections;
        let one_more = |count: usize| (count < most).then_some(count + 1);
        let taken = self
            .0
            .sockets
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more);
        taken.is_ok().then(|| Room(self.clone()))
    }

    /// Tells the other nodes of committed journal rows, and applies them to this node's sockets at once.
    ///
    /// Sign-outs happen here and now. States and events follow by way of the journal's tail, which is
    /// woken: it alone keeps them in the order of their sequence. The tally tells when every socket
    /// that was signed out is closed.
    pub async fn announce(&self, entries: &[Entry]) -> Arc<Tally> {
        let tally = Tally::begin();
        // The others need not wait for what this node does itself.
        self.0.bus.publish(entries);
        // Before the tail is woken: what it closes first, the tally could not count.
        if entries.iter().any(|entry| entry.change == Change::Bulk) {
            self.sweep_for(None, &tally).await;
        }
        self.tell(entries, &tally);
        tally
    }

    /// As [`announce`](Self::announce), for who does not wait: sockets that a row names are signed out
    /// here and now, those of a bulk row by the journal's tail.
    pub fn announce_only(&self, entries: &[Entry]) {
        self.0.bus.publish(entries);
        self.tell(entries, &Tally::begin());
    }

    fn tell(&self, entries: &[Entry], tally: &Arc<Tally>) {
        for entry in entries {
            self.sign_out(entry, tally);
        }
        self.0.hint.notify_one();
    }

    /// Looks for sockets whose session has ended already, of one user or of all: what an act that finds
    /// nothing left to end has to answer for.
    pub async fn verify(&self, user: Option<UserId>) -> Arc<Tally> {
        let tally = Tally::begin();
        self.sweep_for(user, &tally).await;
        tally
    }

    /// Asks every socket to come back elsewhere, each at its own time, spread evenly over `within`.
    pub fn spread_out(&self, within: Duration) {
        let sockets = self.0.registry.all();
        let count = u32::try_from(sockets.len()).unwrap_or(u32::MAX).max(1);
        for (at, socket) in (0_u32..).zip(&sockets) {
            socket.outbox.reconnect(within * at / count);
        }
    }

    /// Ends the sockets that `entry` names, if it ends any. Doing it again, or late, does nothing more.
    fn sign_out(&self, entry: &Entry, tally: &Arc<Tally>) {
        let Some(user) = entry.user_id else { return };
        let (reason, scope, message) = match &entry.change {
            Change::SessionEnded { reason, message } => (*reason, EndScope::Session, message.clone()),
            Change::UserSessionsEnded { reason, message, .. } => (*reason, EndScope::User, message.clone()),
            Change::State { .. }
            | Change::SessionCreated { .. }
            | Change::RoleUpdated { .. }
            | Change::Bulk
            | Change::SigningKeys => return,
        };
        let ending = Ending {
            reason,
            scope,
            message,
        };
        let meant = |socket: &Socket| match &entry.change {
            Change::UserSessionsEnded { except, .. } => Some(socket.session_id) != *except,
            _ => Some(socket.session_id) == entry.session_id,
        };
        // Sessions of the user that began after the row are not meant by it.
        let comparable = scope == EndScope::User && self.0.progress.follows(&entry.epoch);
        let until = comparable.then_some(entry.position.sequence);
        self.0.registry.for_user(user, |socket| {
            if meant(socket) {
                socket.outbox.sign_out(&ending, until, tally.ticket());
            }
        });
    }
}

/// Room for one socket; dropping it gives the room up.
#[derive(Debug)]
pub struct Room(Hub);

impl Drop for Room {
    fn drop(&mut self) {
        self.0.0.sockets.fetch_sub(1, Ordering::SeqCst);
    }
}
