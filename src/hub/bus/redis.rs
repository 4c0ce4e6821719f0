//! The bus of many nodes: one stream in Redis, `{prefix}:journal`, which every node appends to and reads
//! whole with a cursor of its own.
//!
//! The `publisher` sends what waits, and every second a probe; the `reader` reads on a connection of its
//! own, and must see the probe again. `health` says from that whether the bus is up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::health::Health;
use super::message::Message;
use super::{News, publisher, reader};
use crate::hub::redis::{Link, Seldom};
use crate::ids::{ConnectionId, NodeId, UserId};
use crate::metric;
use crate::store::journal::Entry;

/// The most sequences that wait to be told singly.
const MAX_SEQUENCES: usize = 256;
/// The most orders to give way that wait.
const MAX_SHEDS: usize = 1024;

/// The bus by way of Redis. Clones share it.
#[derive(Clone, Debug)]
pub struct RedisBus(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) link: Link,
    pub(super) node: NodeId,
    pub(super) stream: String,
    pub(super) health: Health,
    pub(super) garbage: Seldom,
    pending: Mutex<Pending>,
    pub(super) added: Notify,
}

/// What waits to be published.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// The journal's name, and those of its rows that other nodes have to hear of.
    journal: Option<(String, Vec<i64>)>,
    sheds: Vec<Message>,
    /// How many announcements and orders these are, for the metric.
    changes: u64,
}

impl Pending {
    fn add_rows(&mut self, epoch: &str, sequences: &[i64]) {
        match &mut self.journal {
            None => self.journal = Some((epoch.to_owned(), sequences.to_vec())),
            // Empty stands for too many to tell.
            Some((held, waiting)) if waiting.is_empty() => epoch.clone_into(held),
            Some((held, waiting)) => {
                if sequences.is_empty() || held != epoch || waiting.len() + sequences.len() > MAX_SEQUENCES {
                    waiting.clear();
                    epoch.clone_into(held);
                } else {
                    waiting.extend(sequences);
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.journal.is_none() && self.sheds.is_empty()
    }

    /// How many changes these are.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// As messages from `node`.
    pub(super) fn messages(&self, node: NodeId) -> Vec<Message> {
        let journal = self.journal.as_ref().map(|(epoch, sequences)| Message::Journal {
            node,
            epoch: epoch.clone(),
            sequences: sequences.clone(),
        });
        journal.into_iter().chain(self.sheds.iter().cloned()).collect()
    }
}

impl RedisBus {
    /// The bus of `node`; it does nothing until it runs, and `link` has to run beside it.
    #[must_use]
    pub fn new(link: Link, node: NodeId) -> Self {
        Self(Arc::new(Inner {
            stream: link.key("journal"),
            link,
            node,
            health: Health::default(),
            garbage: Seldom::default(),
            pending: Mutex::default(),
            added: Notify::new(),
        }))
    }

    pub(super) fn publish(&self, entries: &[Entry]) {
        // Rows of one announcement were committed together: who sees one sees all.
        let Some(newest) = entries.iter().max_by_key(|entry| entry.position.sequence) else {
            return;
        };
        let mut pending = self.0.pending();
        pending.add_rows(&newest.epoch, &[newest.position.sequence]);
        pending.changes += 1;
        drop(pending);
        self.0.added.notify_one();
    }

    pub(super) fn shed(&self, node: NodeId, user: UserId, connection: ConnectionId) {
        let mut pending = self.0.pending();
        if pending.sheds.len() >= MAX_SHEDS {
            drop(pending);
            metrics::counter!(metric::BUS_PUBLISH_FAILURES).increment(1);
            return;
        }
        pending.sheds.push(Message::Shed {
            node,
            user,
            connection,
        });
        pending.changes += 1;
        drop(pending);
        self.0.added.notify_one();
    }

    pub(super) fn is_up(&self) -> bool {
        self.0.link.is_up() && self.0.health.is_up()
    }

    pub(super) async fn until(&self, up: bool) {
        let (mut health, mut link) = (self.0.health.watch(), self.0.link.watch());
        while self.is_up() != up {
            // Neither sender can go: this holds both.
            tokio::select! {
                _ = health.changed() => {}
                _ = link.changed() => {}
            }
        }
    }

    /// Reads and publishes, for ever.
    pub(super) async fn carry(&self, news: &(impl Fn(News) + Sync)) {
        // The reader first: after a pause of the whole process, what waits is read before it is missed.
        tokio::join!(biased; reader::run(&self.0, news), publisher::run(&self.0));
    }
}

impl Inner {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes everything that waits.
    pub(super) fn take(&self) -> Pending {
        std::mem::take(&mut *self.pending())
    }

    /// Puts the rows back that could not be told, for when Redis is back. Orders to give way are not kept:
    /// by then it may be others that are too many.
    pub(super) fn put_back(&self, unsent: Pending) {
        if let Some((epoch, sequences)) = unsent.journal {
            let mut pending = self.pending();
            match pending.journal.take() {
                None => pending.journal = Some((epoch, sequences)),
                Some((newer, more)) => {
                    pending.journal = Some((epoch, sequences));
                    pending.add_rows(&newer, &more);
                }
            }
        }
    }

    /// Gives both connections up: they are up, yet what is sent does not arrive.
    pub(super) fn break_off(&self, why: &'static str) {
        tracing::warn!(why, "the bus is connected but does not deliver: connecting anew");
        self.link.break_off();
        self.health.begin_anew();
    }
}
