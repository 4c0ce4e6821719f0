//! Whether the processes of a run were given a processor when they wanted one, and this one kept its time.
//!
//! Clients, nodes and databases share a few, so a storm of clients makes a node wait. No promise is about that
//! wait: the checker adds it to each bound, and the verdict says how much it was.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ledger::{At, Ledger};
use super::process;

const BEAT: Duration = Duration::from_millis(50);
/// Shorter waits are a part of every bound.
const MATTERS: Duration = Duration::from_millis(100);
/// How often it is looked for processes that are new.
const LOOK: Duration = Duration::from_secs(1);

/// Notes every longer wait, of this process and of all that it started, until `over`.
pub fn watch(ledger: &Arc<Ledger>, over: &CancellationToken) {
    tokio::spawn(keep_time(Arc::clone(ledger), over.clone()));
    let (ledger, over) = (Arc::clone(ledger), over.clone());
    // A thread of its own must not wait for those that it watches.
    std::thread::spawn(move || {
        let (mut waits, mut processes, mut looked) = (Waits::default(), Vec::new(), None::<At>);
        while !over.is_cancelled() {
            std::thread::sleep(BEAT);
            let now = ledger.now();
            if looked.is_none_or(|looked| now.saturating_sub(looked) > LOOK) {
                processes = process::tree(std::process::id());
                looked = Some(now);
            }
            let held_up = waits.longest(&processes);
            if held_up > MATTERS {
                ledger.stalled(now.saturating_sub(held_up), now);
            }
        }
    });
}

/// Notes when the tasks of this process, which read the sockets, come late.
async fn keep_time(ledger: Arc<Ledger>, over: CancellationToken) {
    let mut last = ledger.now();
    while !over.is_cancelled() {
        tokio::time::sleep(BEAT).await;
        let now = ledger.now();
        if now.saturating_sub(last) > BEAT + MATTERS {
            ledger.stalled(last, now);
        }
        last = now;
    }
}

/// For how long each thread has waited for a processor since it began, when it was last looked at.
#[derive(Debug, Default)]
struct Waits(BTreeMap<u32, Duration>);

impl Waits {
    /// The longest wait of one thread since the last look.
    fn longest(&mut self, processes: &[u32]) -> Duration {
        let before = std::mem::take(&mut self.0);
        for thread in processes.iter().flat_map(|process| process::threads(*process)) {
            // Time on a processor, time spent waiting for one, turns; all in nanoseconds (proc(5)).
            let said = fs::read_to_string(format!("/proc/{thread}/schedstat")).unwrap_or_default();
            let waited = said.split_whitespace().nth(1).and_then(|wait| wait.parse().ok());
            self.0
                .extend(waited.map(|wait| (thread, Duration::from_nanos(wait))));
        }
        let new = self.0.iter().filter_map(|(thread, now)| {
            let before = before.get(thread)?;
            Some(now.saturating_sub(*before))
        });
        new.max().unwrap_or_default()
    }
}
