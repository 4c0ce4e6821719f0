//! What waits to be written to one socket: a short, bounded queue, and beside it the orders to end.
//!
//! The hub puts in, the socket's task takes out. An order to sign out passes everything else, so that
//! a client that reads slowly, or not at all, cannot keep its session by it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Ticket;
use crate::store::journal::StateReason;
use crate::store::sessions::Ending;
use crate::store::users::AuthState;

/// The most frames that may wait.
const MAX_FRAMES: usize = 32;
/// The most bytes that waiting event frames may take.
const MAX_BYTES: usize = 64 * 1024;

/// Something to tell the client.
#[derive(Clone, Debug)]
pub enum Push {
    /// The whole auth state. `sequence` is the journal's, or `None` where no row caused it.
    State {
        sequence: Option<i64>,
        reason: StateReason,
        state: Arc<AuthState>,
    },
    /// A finished `event` frame, shared by every socket that gets it.
    Event { sequence: i64, frame: Arc<str> },
}

impl Push {
    fn bytes(&self) -> usize {
        match self {
            Self::State { .. } => 0,
            Self::Event { frame, .. } => frame.len(),
        }
    }
}

/// Why this side closes a socket whose session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Its session could not be checked against SQL in time.
    LeaseExpired,
    /// The queue was full: the client reads too slowly.
    TooSlow,
    /// The session or the user opened more sockets than allowed, and this is the oldest.
    TooMany,
}

/// What the socket's task does next.
#[derive(Debug)]
pub enum Order {
    SignOut(Ending),
    Leave(Leave),
    /// Tell the client to come back in this time, and close then.
    Reconnect(Duration),
    Write(Push),
}

#[derive(Debug, Default)]
struct Queue {
    sign_out: Option<Ending>,
    leave: Option<Leave>,
    reconnect: Option<Duration>,
    pushes: VecDeque<Push>,
    bytes: usize,
    /// Dropped when the socket has closed.
    tickets: Vec<Ticket>,
    closed: bool,
}

/// The queue of one socket.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    wake: Notify,
}

impl Outbox {
    /// Adds a frame. A state takes the place of an older one that still waits; past the bounds the
    /// socket is told to close.
    pub fn push(&self, push: Push) {
        let mut queue = self.lock();
        if let Push::State { .. } = push {
            queue
                .pushes
                .retain(|waiting| !matches!(waiting, Push::State { .. }));
        }
        if queue.pushes.len() >= MAX_FRAMES || queue.bytes + push.bytes() > MAX_BYTES {
            queue.leave.get_or_insert(Leave::TooSlow);
        } else {
            queue.bytes += push.bytes();
            queue.pushes.push_back(push);
        }
        drop(queue);
        self.wake.notify_one();
    }

    /// Orders the end of the session's socket. The ticket is given back when it has closed.
    pub fn sign_out(&self, ending: &Ending, ticket: Ticket) {
        let mut queue = self.lock();
        if queue.closed {
            return;
        }
        queue.sign_out.get_or_insert_with(|| ending.clone());
        queue.tickets.push(ticket);
        drop(queue);
        self.wake.notify_one();
    }

    /// Orders the socket to close while its session lives on.
    pub fn leave(&self, why: Leave) {
        self.lock().leave.get_or_insert(why);
        self.wake.notify_one();
    }

    /// Orders the client to come back in `after`.
    pub fn reconnect(&self, after: Duration) {
        self.lock().reconnect.get_or_insert(after);
        self.wake.notify_one();
    }

    /// Takes the next order: the end first, then frames in the order of their sequence.
    #[must_use]
    pub fn take(&self) -> Option<Order> {
        let mut queue = self.lock();
        if let Some(ending) = &queue.sign_out {
            return Some(Order::SignOut(ending.clone()));
        }
        if let Some(why) = queue.leave {
            return Some(Order::Leave(why));
        }
        if let Some(after) = queue.reconnect.take() {
            return Some(Order::Reconnect(after));
        }
        let push = queue.pushes.pop_front()?;
        queue.bytes -= push.bytes();
        Some(Order::Write(push))
    }

    /// An order to end, if there is one: what may interrupt a write that hangs.
    #[must_use]
    pub fn urgent(&self) -> Option<Order> {
        let queue = self.lock();
        let sign_out = queue.sign_out.clone().map(Order::SignOut);
        sign_out.or_else(|| queue.leave.map(Order::Leave))
    }

    /// Whether the socket was told that its session ended.
    #[must_use]
    pub fn is_signed_out(&self) -> bool {
        self.lock().sign_out.is_some()
    }

    /// Whether the socket was told to close, for whatever reason.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        let queue = self.lock();
        queue.sign_out.is_some() || queue.leave.is_some()
    }

    /// Waits until something was put in. May wake once without cause.
    pub async fn changed(&self) {
        self.wake.notified().await;
    }

    /// The socket has closed: whoever counts its end is told.
    pub fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.pushes = VecDeque::new();
        queue.tickets = Vec::new();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::users::Status;

    fn state(version: i64) -> Push {
        let state = AuthState {
            version,
            role: "user".into(),
            permissions: vec![],
            status: Status::Active,
            email_verified: true,
        };
        Push::State {
            sequence: Some(version),
            reason: StateReason::RoleChanged,
            state: Arc::new(state),
        }
    }

    fn event(sequence: i64, size: usize) -> Push {
        Push::Event {
            sequence,
            frame: "x".repeat(size).into(),
        }
    }

    #[test]
    fn the_newest_state_replaces_one_that_waits_and_keeps_the_order_of_sequences() {
        let outbox = Outbox::default();
        for push in [state(1), event(2, 1), state(3)] {
            outbox.push(push);
        }
        assert!(matches!(
            outbox.take(),
            Some(Order::Write(Push::Event { sequence: 2, .. }))
        ));
        assert!(matches!(
            outbox.take(),
            Some(Order::Write(Push::State {
                sequence: Some(3),
                ..
            }))
        ));
        assert!(outbox.take().is_none());
    }

    #[test]
    fn too_many_frames_or_bytes_end_a_slow_reader() {
        for (count, size) in [(MAX_FRAMES + 1, 1), (2, MAX_BYTES / 2 + 1)] {
            let outbox = Outbox::default();
            for sequence in 0..count {
                assert!(outbox.urgent().is_none());
                outbox.push(event(i64::try_from(sequence).unwrap(), size));
            }
            assert!(matches!(outbox.urgent(), Some(Order::Leave(Leave::TooSlow))));
        }
    }

    #[test]
    fn states_alone_never_fill_the_queue() {
        let outbox = Outbox::default();
        for version in 0..1_000 {
            outbox.push(state(version));
        }
        assert!(outbox.urgent().is_none());
    }

    #[test]
    fn signing_out_passes_everything_and_its_ticket_ends_with_the_socket() {
        let outbox = Outbox::default();
        let tally = super::super::Tally::begin();
        let ending = Ending {
            reason: crate::store::sessions::EndReason::Revoked,
            scope: crate::store::sessions::EndScope::Session,
            message: None,
        };
        outbox.push(event(1, 1));
        outbox.leave(Leave::TooSlow);
        outbox.sign_out(&ending, tally.ticket());
        assert!(matches!(outbox.take(), Some(Order::SignOut(_))));
        assert_eq!(tally.closed(), 0);
        outbox.close();
        assert_eq!(tally.closed(), 1);
        outbox.sign_out(&ending, tally.ticket());
        assert_eq!(tally.closed(), 2, "a socket that is gone holds nobody up");
    }
}
