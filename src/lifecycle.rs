//! Start and stop: who runs, who is told to stop, and who is waited for.
//!
//! Two stages. *Draining*: readiness fails, nothing new is taken, sockets move elsewhere. *Stopped*:
//! everything ends now. Every task is spawned here, so that shutdown can wait for all of them.
//!
//! A panic ends the one task that it is in. That may be a connection, which its client opens again; but a job that is
//! gone is missed by everybody, so the process ends with it, and whoever supervises it starts another one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The life of one server. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    draining: CancellationToken,
    stopped: CancellationToken,
    tasks: TaskTracker,
    /// The job that panicked first.
    failed: Arc<watch::Sender<Option<&'static str>>>,
}

/// Dropped with its job; while that panics it says so.
struct Watched {
    job: &'static str,
    failed: Arc<watch::Sender<Option<&'static str>>>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(job = self.job, "a job panicked, so the process ends");
            self.failed.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert(self.job);
                is_first
            });
        }
    }
}

impl Lifecycle {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns a task of one client that shutdown waits for. It must end soon after [`stopped`](Self::stopped).
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
    }

    /// Spawns what must run for as long as the server does, as [`spawn`](Self::spawn). Its panic is told by
    /// [`failed`](Self::failed).
    pub fn spawn_job<F>(&self, job: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let failed = Arc::clone(&self.failed);
        self.tasks.spawn(async move {
            let _watched = Watched { job, failed };
            task.await;
        });
    }

    /// Waits until a job panics; answers which one.
    pub async fn failed(&self) -> &'static str {
        let mut failed = self.failed.subscribe();
        match failed.wait_for(Option::is_some).await.map(|first| *first) {
            Ok(Some(job)) => job,
            // Its sender is here: it cannot be gone.
            _ => std::future::pending().await,
        }
    }

    /// Cancelled when the drain begins.
    #[must_use]
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Cancelled when everything must end.
    #[must_use]
    pub fn stopped(&self) -> &CancellationToken {
        &self.stopped
    }

    /// Begins the drain.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Ends everything and waits for it, at most `patience`. Answers whether all tasks have ended.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.draining.cancel();
        self.stopped.cancel();
        self.tasks.close();
        tokio::time::timeout(patience, self.tasks.wait()).await.is_ok()
    }

    /// Waits for SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub async fn signalled() -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    async fn panics() {
        std::future::ready(()).await;
        panic!("as a test wants it");
    }

    #[tokio::test]
    async fn the_first_job_that_panics_is_told() {
        let life = Lifecycle::new();
        assert!(life.failed().now_or_never().is_none());
        life.spawn_job("first", panics());
        assert_eq!(life.failed().await, "first");
        life.spawn_job("second", panics());
        assert!(
            life.stop(Duration::from_secs(5)).await,
            "what panicked has ended as well"
        );
        assert_eq!(life.failed().await, "first");
    }

    #[tokio::test]
    async fn a_client_that_panics_and_jobs_that_end_fail_nothing() {
        let life = Lifecycle::new();
        let stopped = life.stopped().clone();
        life.spawn(panics());
        life.spawn_job("short", async {});
        life.spawn_job("long", async move { stopped.cancelled().await });
        assert!(life.stop(Duration::from_secs(5)).await);
        assert!(life.failed().now_or_never().is_none());
    }
}
