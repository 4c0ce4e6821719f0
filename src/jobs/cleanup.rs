//! Erases what has served its time, every ten minutes. Spawned by `serve`, on every node: each statement
//! can run any number of times.
//!
//! Erased are: mailed tokens, set-up tokens and sign-ins through a provider that expired, mails that were sent or given up a week ago,
//! all but the newest 500 mails of the development mailbox, journal rows older than a day, nodes that
//! died an hour ago, spent socket tokens that expired, sessions that ended and signing keys that verified last
//! 30 days ago, devices that were not used for a year, lines of the audit log older than 400 days, and the
//! counters of `limits` that are full again.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::limits::Limits;
use crate::store::{
    self, audit, journal, known_devices, mailbox, mailed_tokens, mails, nodes, oauth_flows, sessions,
    setup_tokens, signing_keys, socket_tokens,
};

/// How often the job runs. The first time is at the start.
const EVERY: Duration = Duration::from_mins(10);
/// How long mails that were sent or given up are listed.
const MAILS: Duration = Duration::from_hours(7 * 24);
/// How many mails the development mailbox keeps.
const MAILBOX: u32 = 500;
/// How long the journal is kept: a node whose position is older compares everything instead.
const JOURNAL: Duration = Duration::from_hours(24);
/// How long the row of a node is kept whose sockets have closed by themselves, in microseconds.
const DEAD: i64 = 3_600 * 1_000_000;
/// How long a session or a signing key is kept after its end.
const TOMBSTONES: Duration = Duration::from_hours(30 * 24);
/// How long a device is known that nobody signs in from.
const DEVICES: Duration = Duration::from_hours(365 * 24);
/// How long the audit log is kept. The database itself refuses to erase what is younger than a year.
const AUDIT: Duration = Duration::from_hours(400 * 24);
/// How many rows go at once: each session takes its refresh tokens along.
const BATCH: u32 = 1_000;

/// Cleans up until `token` is cancelled.
pub async fn run(cx: Context, limits: Limits, token: CancellationToken) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            _ = ticks.tick() => {}
        }
        limits.purge();
        match purge(&cx).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "cleaned up"),
            Err(error) => tracing::warn!(%error, "cannot clean up, trying again later"),
        }
    }
}

/// Erases each kind by a statement of its own, so that none holds the writer for long. Answers how many rows went.
async fn purge(cx: &Context) -> Result<u64, store::Error> {
    let now = cx.now();
    let mut rows = 0;
    rows += mailed_tokens::purge(&mut cx.db.single().await?, now).await?;
    rows += setup_tokens::purge(&mut cx.db.single().await?, now).await?;
    rows += oauth_flows::purge(&mut cx.db.single().await?, now).await?;
    rows += mails::purge(&mut cx.db.single().await?, now - MAILS).await?;
    rows += mailbox::purge(&mut cx.db.single().await?, MAILBOX).await?;
    rows += journal::purge(&mut cx.db.single().await?, now - JOURNAL).await?;
    rows += nodes::purge(&mut cx.db.single().await?, DEAD).await?;
    rows += socket_tokens::purge(&mut cx.db.single().await?, now).await?;
    rows += signing_keys::purge(&mut cx.db.single().await?, now - TOMBSTONES).await?;
    rows += known_devices::purge(&mut cx.db.single().await?, now - DEVICES).await?;
    loop {
        let sessions = sessions::purge(&mut cx.db.single().await?, now - TOMBSTONES, BATCH).await?;
        let lines = audit::purge(&mut cx.db.single().await?, now - AUDIT, BATCH).await?;
        rows += sessions + lines;
        if sessions + lines == 0 {
            return Ok(rows);
        }
    }
}
