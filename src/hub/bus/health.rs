//! Whether the bus delivers: a probe that this node sent has come back by way of the reader, and no newer
//! one is overdue.
//!
//! The publisher numbers probes and asks for what is overdue; the reader tells what it saw. A probe from
//! before an interruption proves nothing about the time after it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

/// What publisher and reader know together.
#[derive(Debug)]
pub(super) struct Health {
    up: watch::Sender<bool>,
    state: Mutex<State>,
    /// Wakes the publisher: a reader that has just begun waits for a probe.
    pub(super) wanted: Notify,
    /// Changes when the reader has to connect anew, from the present end of the stream.
    anew: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the newest probe.
    sent: u64,
    seen: u64,
    /// Probes up to this one prove nothing any more.
    void: u64,
    /// How many times a reader has begun; each of its connections is one.
    session: u64,
    reading: bool,
}

/// A probe that should come back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    pub(super) number: u64,
    session: u64,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            up: watch::Sender::new(false),
            state: Mutex::default(),
            wanted: Notify::new(),
            anew: watch::Sender::new(()),
        }
    }
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.up.subscribe()
    }

    /// For the reader: changes when it has to connect anew.
    pub(super) fn anew(&self) -> watch::Receiver<()> {
        self.anew.subscribe()
    }

    /// A probe is about to be sent.
    pub(super) fn next_probe(&self) -> Awaited {
        let mut state = self.state();
        state.sent += 1;
        Awaited {
            number: state.sent,
            session: state.session,
        }
    }

    /// The reader saw a probe of this node; answers whether the bus is up again by it. An old probe, sent
    /// again by somebody else, changes nothing.
    pub(super) fn saw(&self, number: u64) -> bool {
        let mut state = self.state();
        if number > state.sent {
            return false;
        }
        state.seen = state.seen.max(number);
        state.reading && number > state.void && self.say(true)
    }

    /// Whether the probe has not come back although the reader read all the time.
    pub(super) fn misses(&self, awaited: Awaited) -> bool {
        let state = self.state();
        state.reading && state.session == awaited.session && state.seen < awaited.number
    }

    /// The bus is down until a probe that is sent from now on has come back.
    pub(super) fn down(&self) {
        let mut state = self.state();
        state.void = state.sent;
        self.say(false);
    }

    /// As [`down`](Self::down), and the reader connects anew.
    pub(super) fn begin_anew(&self) {
        self.down();
        self.anew.send_replace(());
    }

    /// The reader reads; the probe that proves it is due now.
    pub(super) fn reader_began(&self) {
        let mut state = self.state();
        state.session += 1;
        state.reading = true;
        drop(state);
        self.wanted.notify_one();
    }

    /// The reader has lost its connection.
    pub(super) fn reader_ended(&self) {
        self.state().reading = false;
        self.down();
    }

    fn say(&self, up: bool) -> bool {
        let changed = self.up.send_if_modified(|held| std::mem::replace(held, up) != up);
        if changed {
            let state = if up { "up" } else { "down" };
            tracing::info!("the bus between the nodes is {state}");
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_up_from_the_first_probe_that_came_back_to_the_reader() {
        let health = Health::default();
        let early = health.next_probe();
        health.reader_began();
        assert!(!health.misses(early), "it was sent before the reader began");
        assert!(!health.is_up());
        let probe = health.next_probe();
        assert!(health.misses(probe));
        health.saw(probe.number);
        assert!(health.is_up() && !health.misses(probe));
    }

    #[test]
    fn what_was_sent_before_an_interruption_does_not_end_it() {
        let health = Health::default();
        health.reader_began();
        let probe = health.next_probe();
        health.down();
        health.saw(probe.number);
        assert!(!health.is_up(), "sent before");
        health.saw(health.next_probe().number);
        assert!(health.is_up());
        health.reader_ended();
        assert!(!health.is_up());
        health.saw(health.next_probe().number);
        assert!(!health.is_up(), "nobody reads");
    }

    #[test]
    fn a_number_that_was_never_sent_is_no_proof() {
        let health = Health::default();
        health.reader_began();
        let probe = health.next_probe();
        health.saw(u64::MAX);
        assert!(!health.is_up() && health.misses(probe));
    }
}
