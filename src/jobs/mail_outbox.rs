//! Sends what waits in the outbox, one mail after the other.
//!
//! A mail is claimed by moving its next attempt behind a lease: no transaction is open while it is sent,
//! two nodes do not send one mail at a time, and what a dead node had in hand is sent by another. A mail
//! that cannot be sent is tried again with growing pauses for as long as it is worth it ([`Letter::send_within`]), then
//! given up. Spawned by `serve`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::context::Context;
use crate::mail::{DeliveryError, Letter, Mail, Mailer};
use crate::metric;
use crate::secret::Rng;
use crate::store;
use crate::store::mails::{self, Claimed};

/// How often the job looks without having been woken.
const POLL: Duration = Duration::from_secs(1);
/// For how long a claimed mail is hidden from others, beyond `mail.timeout`: nobody else takes it meanwhile.
const MARGIN: Duration = Duration::from_secs(30);
/// The first pause and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(15));
/// How often it is looked how long mails have waited.
const LOOK: Duration = Duration::from_secs(10);
/// How long a delivery may go on once the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// Sends until `token` is cancelled. `wake` ([`Outbox::due`](crate::mail::Outbox::due)) tells of new mails.
pub async fn run(cx: Context, mailer: Mailer, wake: Arc<Notify>, token: CancellationToken) {
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            () = wake.notified() => {}
            _ = ticks.tick() => {}
            _ = looks.tick() => {
                if let Err(error) = note_lag(&cx).await {
                    tracing::warn!(%error, "how long mails have waited cannot be looked up");
                }
                continue;
            }
        }
        let stopped = async {
            token.cancelled().await;
            sleep(GRACE).await;
        };
        tokio::select! {
            () = stopped => return,
            result = send_due(&cx, &mailer, &token) => {
                if let Err(error) = result {
                    tracing::warn!(%error, "the mail outbox cannot be read");
                }
            }
        }
    }
}

async fn note_lag(cx: &Context) -> Result<(), store::Error> {
    let oldest = mails::oldest_waiting(&mut cx.db.read().await?).await?;
    let lag = oldest.map_or(Duration::ZERO, |oldest| cx.now().since(oldest));
    metrics::gauge!(metric::MAIL_LAG).set(lag.as_secs_f64());
    Ok(())
}

/// Sends what is due, until nothing is, the way out is blocked, or the server stops.
async fn send_due(cx: &Context, mailer: &Mailer, token: &CancellationToken) -> Result<(), store::Error> {
    while !token.is_cancelled() && mails::any_due(&mut cx.db.read().await?, cx.now()).await? {
        let now = cx.now();
        let lease = now + patience(cx) + MARGIN;
        let claimed = mails::claim(&mut cx.db.single().await?, now, lease).await?;
        let Some(claimed) = claimed else { return Ok(()) };
        if let Outcome::Blocked = send(cx, mailer, &claimed).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether it is worth trying the next mail at once.
enum Outcome {
    Done,
    Blocked,
}

async fn send(cx: &Context, mailer: &Mailer, claimed: &Claimed) -> Result<Outcome, store::Error> {
    let fault = match cx.mail.open(claimed) {
        Ok(None) => {
            mails::discard(&mut cx.db.single().await?, claimed.id).await?;
            return Ok(Outcome::Done);
        }
        Ok(Some(_)) if is_late(cx, claimed) => {
            let before = claimed.last_error.as_deref();
            return give_up(cx, claimed, before.unwrap_or("no attempt was made in time")).await;
        }
        Ok(Some(mail)) => match timeout(patience(cx), deliver(cx, mailer, claimed, &mail)).await {
            Ok(Ok(())) => {
                count("sent");
                return Ok(Outcome::Done);
            }
            Ok(Err(DeliveryError::Store(error))) => return Err(error),
            Ok(Err(fault)) => fault,
            Err(_) => DeliveryError::Unreachable("the SMTP server took too long".to_owned()),
        },
        // Nobody will ever open it: the token in it cannot be saved.
        Err(error) => DeliveryError::Lasting(error.to_string()),
    };
    let text = fault.to_string();
    if matches!(fault, DeliveryError::Lasting(_)) || is_late(cx, claimed) {
        return give_up(cx, claimed, &text).await;
    }
    tracing::warn!(mail = %claimed.id, kind = claimed.kind, attempt = claimed.attempts, fault = text,
        "a mail could not be sent and waits");
    mails::postpone(
        &mut cx.db.single().await?,
        claimed.id,
        cx.now() + pause(claimed.attempts, &cx.rng),
        &text,
    )
    .await?;
    count("postponed");
    // What one receiver's server will not take now must not hold up the mails to others.
    Ok(match fault {
        DeliveryError::Unreachable(_) => Outcome::Blocked,
        _ => Outcome::Done,
    })
}

async fn deliver(cx: &Context, mailer: &Mailer, claimed: &Claimed, mail: &Mail) -> Result<(), DeliveryError> {
    let span = tracing::info_span!("mail", id = %claimed.id, kind = claimed.kind);
    mailer.deliver(&cx.db, mail, cx.now()).instrument(span).await
}

/// Whether it is not worth sending any more: its link has expired.
fn is_late(cx: &Context, claimed: &Claimed) -> bool {
    cx.now().since(claimed.created_at) >= Letter::send_within(&claimed.kind)
}

async fn give_up(cx: &Context, claimed: &Claimed, fault: &str) -> Result<Outcome, store::Error> {
    tracing::error!(mail = %claimed.id, kind = claimed.kind, fault, "a mail was given up");
    mails::give_up(&mut cx.db.single().await?, claimed.id, fault).await?;
    count("given_up");
    Ok(Outcome::Done)
}

/// How long one delivery may take.
fn patience(cx: &Context) -> Duration {
    Duration::from_secs(cx.config.mail.timeout.into())
}

fn count(outcome: &'static str) {
    metrics::counter!(metric::MAILS, "outcome" => outcome).increment(1);
}

/// The pause after `attempts` attempts: doubled each time, within a half of it at random, so that mails
/// which failed together do not come back together.
fn pause(attempts: i64, rng: &Rng) -> Duration {
    let (first, longest) = PAUSES;
    let doublings = u32::try_from(attempts.saturating_sub(1).clamp(0, 16)).unwrap_or(0);
    let whole = first.saturating_mul(1 << doublings).min(longest);
    let half = whole / 2;
    half + Duration::from_millis(rng.below(u64::try_from(half.as_millis()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour_with_jitter() {
        let rng = Rng::seeded(7);
        for (attempts, whole) in [
            (1, 5),
            (2, 10),
            (3, 20),
            (8, 640),
            (9, 900),
            (40, 900),
            (i64::MAX, 900),
        ] {
            let pauses: Vec<Duration> = (0..50).map(|_| pause(attempts, &rng)).collect();
            let whole = Duration::from_secs(whole);
            assert!(
                pauses.iter().all(|pause| (whole / 2..=whole).contains(pause)),
                "{attempts}"
            );
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        }
        assert!(pause(0, &rng) <= Duration::from_secs(5));
    }
}
