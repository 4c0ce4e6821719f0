//! The connection hub of one node: which sockets are open, and how a committed change reaches them.
//!
//! SQL is the authority; the registry is the truth about this node's sockets. A change arrives in four
//! ways, each enough alone: [`Hub::announce`] right after the commit, the bus (other nodes), the
//! journal's tail ([`journal`]), and the [`sweep`]. Under all of them lies the [`lease`]: a socket that
//! could not be checked against SQL in time closes by itself.

pub mod bus;
pub mod journal;
pub mod lease;
mod opening;
pub mod outbox;
pub mod registry;
pub mod sweep;
mod tally;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::config;
use crate::ids::NodeId;
use crate::store::Db;
use crate::store::journal::{Change, Entry};
use crate::store::sessions::{EndScope, Ending};
use bus::Bus;
pub use opening::{Opened, Opening, Resume};
use registry::Registry;
pub use tally::{Tally, Ticket};
use waiting::Waiting;
pub use waiting::WaitingPlace;

/// The hub. Clones share.
#[derive(Clone, Debug)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: NodeId,
    db: Db,
    clock: Clock,
    bus: Bus,
    registry: Registry,
    waiting: Waiting,
    limits: Limits,
    /// Wakes the journal's tail before its time.
    hint: Notify,
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
    pub fn new(node: NodeId, db: Db, clock: Clock, bus: Bus, limits: Limits) -> Self {
        Self(Arc::new(Inner {
            node,
            db,
            clock,
            bus,
            registry: Registry::default(),
            waiting: Waiting::default(),
            limits,
            hint: Notify::new(),
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

    /// The sockets that are open here.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Takes a place among the sockets that have not said hello. `None`: too many from this address.
    #[must_use]
    pub fn wait_for_hello(&self, address: std::net::IpAddr) -> Option<WaitingPlace> {
        WaitingPlace::take(self, address)
    }

    /// True while another socket fits.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.0.registry.len() + self.0.waiting.len() < self.0.limits.connections
    }

    /// Applies committed journal rows to this node's sockets at once, then tells the other nodes.
    ///
    /// Sign-outs happen here and now. States and events follow by way of the journal's tail, which is
    /// woken: it alone keeps them in the order of their sequence. The tally tells when every socket
    /// that was signed out is closed.
    pub async fn announce(&self, entries: &[Entry]) -> Arc<Tally> {
        let tally = Tally::begin();
        for entry in entries {
            self.sign_out(entry, &tally);
            if entry.change == Change::Bulk {
                self.sweep_for(&tally).await;
            }
        }
        self.0.hint.notify_one();
        self.0.bus.publish(entries);
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

    /// Ends the sockets that `entry` names, if it ends any. Doing it again does nothing.
    fn sign_out(&self, entry: &Entry, tally: &Arc<Tally>) {
        let Some(user) = entry.user_id else { return };
        match &entry.change {
            Change::SessionEnded { reason, message } => {
                let ending = Ending {
                    reason: *reason,
                    scope: EndScope::Session,
                    message: message.clone(),
                };
                self.0.registry.sign_out(user, &ending, tally, |socket| {
                    Some(socket.session_id) == entry.session_id
                });
            }
            Change::UserSessionsEnded {
                reason,
                except,
                message,
            } => {
                let ending = Ending {
                    reason: *reason,
                    scope: EndScope::User,
                    message: message.clone(),
                };
                self.0
                    .registry
                    .sign_out(user, &ending, tally, |socket| Some(socket.session_id) != *except);
            }
            Change::State { .. } | Change::SessionCreated { .. } | Change::Bulk => {}
        }
    }
}
