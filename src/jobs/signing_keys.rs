//! Reads the signing keys again every few seconds, so that this node verifies with the keys that
//! another one made, and stops verifying with those that were withdrawn. Spawned by `app`.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::sessions::Sessions;

const INTERVAL: Duration = Duration::from_secs(5);

/// Runs until `token` is cancelled. A failure is logged, and the keys at hand stay in force.
pub async fn run(sessions: Sessions, token: CancellationToken) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is due at once, and the keys have just been read.
    ticks.tick().await;
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = sessions.reload_keys().await {
            tracing::warn!(%error, "signing keys could not be read again");
        }
    }
}
