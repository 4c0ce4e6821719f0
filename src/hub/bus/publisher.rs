//! The sending half of the bus: what waits goes out in one go, and a probe every second.
//!
//! Nobody waits for it. What could not be sent is counted; the journal brings it all the same.

use std::time::Duration;

use tokio::time::Instant;

use super::health::Awaited;
use super::message::Message;
use super::redis::Inner;
use crate::hub::redis::Away;
use crate::metric;

/// How often a probe is sent, and how long it may take to come back.
const PROBE: Duration = Duration::from_secs(1);

/// Publishes for ever.
pub(super) async fn run(bus: &Inner) {
    let mut link = bus.link.watch();
    let mut awaited = None;
    let mut due = Instant::now() + PROBE;
    loop {
        let probe = tokio::select! {
            () = bus.added.notified() => false,
            () = bus.health.wanted.notified() => true,
            // Lost, or made anew: what was known of the old one says nothing about it.
            _changed = link.changed() => {
                bus.health.down();
                awaited = None;
                true
            }
            () = tokio::time::sleep_until(due) => {
                if awaited.is_some_and(|probe| bus.health.misses(probe)) {
                    bus.break_off("a probe did not come back");
                }
                true
            }
        };
        flush(bus).await;
        if probe {
            awaited = send_probe(bus).await;
            due = Instant::now() + PROBE;
        }
    }
}

/// Sends everything that waits.
async fn flush(bus: &Inner) {
    let pending = bus.take();
    if pending.is_empty() {
        return;
    }
    if send(bus, &pending.messages(bus.node)).await.is_err() {
        metrics::counter!(metric::BUS_PUBLISH_FAILURES).increment(pending.changes());
        bus.put_back(pending);
    }
}

async fn send_probe(bus: &Inner) -> Option<Awaited> {
    if !bus.link.is_up() {
        return None;
    }
    let probe = bus.health.next_probe();
    let message = Message::Probe {
        node: bus.node,
        number: probe.number,
    };
    let sent = send(bus, &[message]).await;
    // A Redis that refuses it, say one that has become a replica, is of no use to the bus.
    if sent.is_err() && bus.link.is_up() {
        bus.break_off("a probe was refused");
    }
    sent.is_ok().then_some(probe)
}

async fn send(bus: &Inner, messages: &[Message]) -> Result<(), Away> {
    let mut commands = redis::pipe();
    for message in messages {
        commands
            .add_command(message.append(&bus.link, &bus.stream))
            .ignore();
    }
    bus.link.call(&commands).await
}
