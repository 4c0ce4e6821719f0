//! How far this node has applied the journal: what its row in `nodes` says, and receipts are made of.
//!
//! A read counts as applied when every socket that it signed out has closed: from then on none of them can
//! carry another data frame. The journal's tail notes what it applied; `nodes` reports what has settled.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Tally;
use crate::store::journal::{Anchor, Entry, Snapshot};

/// A read of the journal that was applied.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    pub epoch: String,
    pub snapshot: Snapshot,
    /// What of it no crash of the database can change.
    pub firm: Snapshot,
    /// When the read was sent, since boot.
    pub asked: Duration,
    /// The newest row so far.
    pub newest: Option<Anchor>,
}

#[derive(Debug)]
struct State {
    /// The journal that is followed, also before everything is settled in it.
    epoch: String,
    settled: Applied,
    /// Reads whose sockets have not all closed, the oldest first.
    settling: VecDeque<(Applied, Arc<Tally>)>,
}

/// How far the node has come.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<Option<State>>);

impl Progress {
    /// The tail begins: nothing before `at` concerns it.
    pub fn begin(&self, at: Applied) {
        *self.lock() = Some(State {
            epoch: at.epoch.clone(),
            settled: at,
            settling: VecDeque::new(),
        });
    }

    /// The journal `epoch` is followed from now on. Nothing has been applied in it yet.
    pub fn follow(&self, epoch: &str) {
        if let Some(state) = self.lock().as_mut() {
            epoch.clone_into(&mut state.epoch);
        }
    }

    /// Whether `epoch` is the one that is followed: sequences of another one compare with nothing here.
    pub fn follows(&self, epoch: &str) -> bool {
        self.lock().as_ref().is_some_and(|state| state.epoch == epoch)
    }

    /// A read was applied; `tally` counts the sockets that it signed out. Rows are given in any order.
    pub fn applied(&self, read: Applied, rows: &[Entry], tally: Arc<Tally>) {
        let mut state = self.lock();
        let Some(state) = &mut *state else { return };
        let before = state.settling.back().map_or(&state.settled, |(last, _)| last);
        let newest = rows
            .iter()
            .max_by_key(|row| row.position.sequence)
            .map(Anchor::of);
        let before = before.newest.filter(|_| before.epoch == read.epoch);
        let newest = newest
            .filter(|row| before.is_none_or(|old| row.position.sequence > old.position.sequence))
            .or(before);
        state.settling.push_back((Applied { newest, ..read }, tally));
        state.settle();
    }

    /// What has settled by now. `None` before the tail has begun.
    pub fn settled(&self) -> Option<Applied> {
        let mut state = self.lock();
        let state = state.as_mut()?;
        state.settle();
        Some(state.settled.clone())
    }

    /// The sockets that the next report has to wait for, if there are any.
    pub fn settling(&self) -> Option<Arc<Tally>> {
        let state = self.lock();
        let (_, tally) = state.as_ref()?.settling.front()?;
        Some(Arc::clone(tally))
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn settle(&mut self) {
        while let Some((read, _)) = self.settling.pop_front_if(|(_, tally)| tally.all_closed()) {
            self.settled = read;
        }
    }
}
