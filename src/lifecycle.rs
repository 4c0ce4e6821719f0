//! Start and stop: who runs, who is told to stop, and who is waited for.
//!
//! Two stages. *Draining*: readiness fails, nothing new is taken, sockets move elsewhere. *Stopped*:
//! everything ends now. Every task is spawned here, so that shutdown can wait for all of them.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The life of one server. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    draining: CancellationToken,
    stopped: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns a task that shutdown waits for. It must end soon after [`stopped`](Self::stopped).
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task);
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
