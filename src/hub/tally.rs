//! Counts sockets to their end: what a revocation's receipt is made of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// One act of signing out, and how many of its sockets are still to close.
#[derive(Debug)]
pub struct Tally {
    began: Instant,
    open: AtomicUsize,
    closed: AtomicU64,
    slowest_us: AtomicU64,
    /// Not every socket that it concerns could be found.
    incomplete: AtomicBool,
    all_closed: Notify,
}

impl Tally {
    pub(crate) fn begin() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            open: AtomicUsize::new(0),
            closed: AtomicU64::new(0),
            slowest_us: AtomicU64::new(0),
            incomplete: AtomicBool::new(false),
            all_closed: Notify::new(),
        })
    }

    /// Its sockets could not all be looked for: it will never be complete.
    pub(super) fn fail(&self) {
        self.incomplete.store(true, Ordering::SeqCst);
    }

    pub(crate) fn ticket(self: &Arc<Self>) -> Ticket {
        self.open.fetch_add(1, Ordering::SeqCst);
        Ticket(Some(Arc::clone(self)))
    }

    fn give_back(&self) {
        if self.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.all_closed.notify_waiters();
        }
    }

    /// Whether every socket has closed.
    pub(super) fn all_closed(&self) -> bool {
        self.open.load(Ordering::SeqCst) == 0
    }

    /// Waits until every socket has closed.
    pub(super) async fn closed_all(&self) {
        loop {
            let notified = self.all_closed.notified();
            if self.all_closed() {
                return;
            }
            notified.await;
        }
    }

    /// Whether all sockets that it concerns have closed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.all_closed() && !self.incomplete.load(Ordering::SeqCst)
    }

    /// Waits until every socket has closed, at most `patience`. Answers whether all that it concerns have.
    pub async fn wait(&self, patience: Duration) -> bool {
        let in_time = tokio::time::timeout(patience, self.closed_all()).await;
        in_time.is_ok() && self.is_complete()
    }

    /// How many sockets have closed so far.
    #[must_use]
    pub fn closed(&self) -> u64 {
        self.closed.load(Ordering::SeqCst)
    }

    /// How long the slowest of them took, from the commit to its close.
    #[must_use]
    pub fn slowest(&self) -> Duration {
        Duration::from_micros(self.slowest_us.load(Ordering::SeqCst))
    }
}

/// Held for one socket that was told to close; dropped when it has.
#[derive(Debug)]
pub struct Ticket(Option<Arc<Tally>>);

impl Ticket {
    /// Gives the ticket back for a socket that this act did not close.
    pub(super) fn void(mut self) {
        if let Some(tally) = self.0.take() {
            tally.give_back();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(tally) = self.0.take() else { return };
        let micros = u64::try_from(tally.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        tally.slowest_us.fetch_max(micros, Ordering::SeqCst);
        tally.closed.fetch_add(1, Ordering::SeqCst);
        tally.give_back();
    }
}
