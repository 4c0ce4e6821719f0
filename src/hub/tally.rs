//! Counts sockets to their end: what a revocation's receipt is made of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// One act of signing out, and how many of its sockets are still to close.
#[derive(Debug)]
pub struct Tally {
    began: Instant,
    open: AtomicUsize,
    closed: AtomicU64,
    slowest_us: AtomicU64,
    all_closed: Notify,
}

impl Tally {
    pub(crate) fn begin() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            open: AtomicUsize::new(0),
            closed: AtomicU64::new(0),
            slowest_us: AtomicU64::new(0),
            all_closed: Notify::new(),
        })
    }

    pub(crate) fn ticket(self: &Arc<Self>) -> Ticket {
        self.open.fetch_add(1, Ordering::SeqCst);
        Ticket(Arc::clone(self))
    }

    /// Waits until every socket has closed, at most `patience`. Answers whether all have.
    pub async fn wait(&self, patience: Duration) -> bool {
        let all_closed = async {
            loop {
                let notified = self.all_closed.notified();
                if self.open.load(Ordering::SeqCst) == 0 {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(patience, all_closed).await.is_ok()
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
pub struct Ticket(Arc<Tally>);

impl Drop for Ticket {
    fn drop(&mut self) {
        let took = self.0.began.elapsed();
        metrics::histogram!("portcullis_revocation_apply_seconds").record(took.as_secs_f64());
        self.0.slowest_us.fetch_max(
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            Ordering::SeqCst,
        );
        self.0.closed.fetch_add(1, Ordering::SeqCst);
        if self.0.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.all_closed.notify_waiters();
        }
    }
}
