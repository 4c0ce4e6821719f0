//! Reads the signing keys again when the journal says that they changed, and every few seconds besides, so
//! that this node verifies with the keys that another one made, and stops verifying with those that were
//! withdrawn. Rotates them when it is time. Spawned by `app`.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::hub::Hub;
use crate::sessions::Sessions;

const INTERVAL: Duration = Duration::from_secs(2);

/// Runs until `token` is cancelled. A failure is logged, and the keys at hand stay in force.
pub async fn run(sessions: Sessions, hub: Hub, token: CancellationToken) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            () = hub.signing_keys_changed() => {}
            _ = ticks.tick() => {}
        }
        if let Err(error) = sessions.reload_keys().await {
            tracing::warn!(%error, "signing keys could not be read again");
            continue;
        }
        match sessions.rotate_keys_when_due().await {
            Ok(true) => tracing::info!("another key signs now"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "signing keys could not be rotated, trying again later"),
        }
    }
}
