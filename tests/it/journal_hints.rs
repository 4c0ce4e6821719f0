//! Hints to look into the journal: each leads to a read at once, unless those before it led to nothing.
//!
//! The time of tasks stands still here until the test moves it, so nothing depends on how fast a machine is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use portcullis::hub::bus::News;
use portcullis::metric;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::DEADLINE;
use crate::support::app::{TestApp, Tuning};
use crate::support::database::{self, Folder};

const POLL: Duration = Duration::from_millis(500);
/// So long a hint waits at most, after others that led to nothing.
const SLOWEST: Duration = Duration::from_millis(50);

/// Counts how often the journal was read: each read says how far behind it was.
#[derive(Clone, Default)]
struct Reads(Arc<AtomicUsize>);

impl Reads {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl GaugeFn for Reads {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}
    fn set(&self, _: f64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Recorder for Reads {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        if key.name() == metric::JOURNAL_LAG {
            Gauge::from_arc(Arc::new(self.clone()))
        } else {
            Gauge::noop()
        }
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// A server whose tasks' time stands still.
struct Stage {
    hub: TestApp,
    reads: Reads,
    _folder: Folder,
    /// As long as a thread works for it, the runtime does not move the time by itself.
    _standing: oneshot::Sender<()>,
    _still: JoinHandle<()>,
}

impl Stage {
    async fn set(reads: Reads) -> Self {
        // On SQLite in any case: connections to a server come and go in a time that does not stand still.
        let folder = Folder::new();
        let configured = Tuning::new()
            .database(database::sqlite_in(&folder))
            .configure(|config| {
                (config.hub.poll, config.hub.sweep, config.hub.lease) = (POLL.as_secs_f64(), 3600.0, 7200.0);
            });
        let hub = configured.spawn().await;
        let (standing, over) = oneshot::channel::<()>();
        let still = tokio::task::spawn_blocking(move || drop(over.blocking_recv()));
        tokio::time::pause();
        Self {
            hub,
            reads,
            _folder: folder,
            _standing: standing,
            _still: still,
        }
    }

    fn hint(&self) {
        self.hub.app.cx.hub.hear(&News::Reconnected);
    }

    /// Waits until the journal has been read once more than `before`.
    async fn read_after(&self, before: usize, what: &str) {
        let began = Instant::now();
        while self.reads.count() == before {
            assert!(began.elapsed() < DEADLINE, "never read: {what}");
            a_moment().await;
        }
        self.settle().await;
    }

    /// Lets every task do what it can do now.
    async fn settle(&self) {
        for _ in 0..20 {
            a_moment().await;
        }
    }

    /// A hint that is read at once, and leads to nothing.
    async fn hint_in_vain(&self) {
        let before = self.reads.count();
        self.hint();
        self.read_after(before, "a hint, at once").await;
        // For a pause of no length, which the clock rounds up.
        tokio::time::advance(Duration::from_millis(1)).await;
        self.settle().await;
    }

    /// The journal is read because it is time to.
    async fn poll(&self) {
        let before = self.reads.count();
        while self.reads.count() == before {
            tokio::time::advance(POLL).await;
            self.settle().await;
        }
    }
}

/// A moment of real time, in which the database may answer.
async fn a_moment() {
    let moment = || std::thread::sleep(Duration::from_millis(1));
    tokio::task::spawn_blocking(moment).await.unwrap();
}

#[tokio::test]
async fn hints_that_lead_to_nothing_slow_the_next_one_down() {
    let reads = Reads::default();
    // This test's runtime has one thread, so all its tasks count here.
    let _here = metrics::set_default_local_recorder(&reads);
    let stage = Stage::set(reads.clone()).await;
    stage.poll().await;
    for _ in 0..4 {
        stage.hint_in_vain().await;
    }
    let before = stage.reads.count();
    stage.hint();
    stage.settle().await;
    assert_eq!(
        stage.reads.count(),
        before,
        "one hint in vain after the other is read at once"
    );
    tokio::time::advance(SLOWEST).await;
    stage.read_after(before, "a hint, a little later").await;
}

#[tokio::test]
async fn quiet_between_hints_slows_nothing_down() {
    let reads = Reads::default();
    let _here = metrics::set_default_local_recorder(&reads);
    let stage = Stage::set(reads.clone()).await;
    for _ in 0..4 {
        stage.poll().await;
        stage.hint_in_vain().await;
    }
    for _ in 0..10 {
        stage.poll().await;
    }
    // Were the quiet counted, this one would have to wait, and the time stands still.
    stage.hint_in_vain().await;
}
