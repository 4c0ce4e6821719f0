//! Counts every ten minutes which costs the stored hashes of passwords have, so that sign-ins for addresses
//! without an account take as long as those with one. Spawned by `app`, on every node.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::sessions::Sessions;

const INTERVAL: Duration = Duration::from_mins(10);

/// Runs until `token` is cancelled, at once and then at intervals. A failure is logged, and what was counted
/// before stays in force.
pub async fn run(sessions: Sessions, token: CancellationToken) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = sessions.count_hashes().await {
            tracing::warn!(%error, "hashes of passwords could not be counted");
        }
    }
}
