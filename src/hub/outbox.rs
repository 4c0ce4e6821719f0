//! What waits to be written to one socket: a short, bounded queue, and beside it the orders to end.
//!
//! The hub puts in, the socket's task takes out. An order to sign out passes everything else, so that
//! a client that reads slowly, or not at all, cannot keep its session by it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Ticket;
use super::frame::{Frame, StateFrames};
use crate::metric;
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
        /// What sockets of one session need not make twice.
        frames: StateFrames,
    },
    /// A finished `event` frame, shared by every socket that gets it.
    Event { sequence: i64, frame: Frame },
}

impl Push {
    /// A state. Its clones share the frames that are made of it, so make one for all sockets of a user.
    #[must_use]
    pub fn state(sequence: Option<i64>, reason: StateReason, state: Arc<AuthState>) -> Self {
        Self::State {
            sequence,
            reason,
            state,
            frames: StateFrames::default(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::State { .. } => 0,
            Self::Event { frame, .. } => frame.size(),
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

/// An order to sign out.
#[derive(Debug)]
struct SignOut {
    ending: Ending,
    /// The row that ended sessions, where it may concern only those that began before it.
    sequence: Option<i64>,
    ordered: Instant,
}

#[derive(Debug, Default)]
struct Queue {
    sign_out: Option<SignOut>,
    /// The journal's sequence as of which the session was read and found live.
    opened_at: Option<i64>,
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
    /// Adds a frame. A state takes the place of an older one that still waits, and is dropped where a
    /// newer one does; past the bounds the socket is told to close.
    pub fn push(&self, push: Push) {
        let mut queue = self.lock();
        if let Push::State { state, sequence, .. } = &push {
            let newer = |waiting: &Push| match waiting {
                Push::State { state: other, .. } => {
                    other.version > state.version || (other.version == state.version && sequence.is_none())
                }
                Push::Event { .. } => false,
            };
            if queue.pushes.iter().any(newer) {
                return;
            }
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
    ///
    /// `sequence` names the journal's row where that row ends only what began before it: a session that
    /// was found live as of that row, or a later one, is not meant.
    pub fn sign_out(&self, ending: &Ending, sequence: Option<i64>, ticket: Ticket) {
        let mut queue = self.lock();
        let spared = sequence.is_some_and(|row| queue.opened_at.is_some_and(|opened| row <= opened));
        if queue.closed || spared {
            drop(queue);
            return ticket.void();
        }
        if let Some(order) = &mut queue.sign_out {
            // What ends it for certain, or later, outlasts a finding that spares the session.
            order.sequence = order.sequence.zip(sequence).map(|(one, other)| one.max(other));
        } else {
            let (ending, ordered) = (ending.clone(), Instant::now());
            queue.sign_out = Some(SignOut {
                ending,
                sequence,
                ordered,
            });
        }
        queue.tickets.push(ticket);
        drop(queue);
        self.wake.notify_one();
    }

    /// The session was read and found live as of `sequence`: orders of rows up to it do not mean it.
    pub fn opened(&self, sequence: i64) {
        let mut queue = self.lock();
        queue.opened_at = Some(sequence);
        let order = queue.sign_out.as_ref().and_then(|order| order.sequence);
        if order.is_some_and(|row| row <= sequence) {
            queue.sign_out = None;
            queue.tickets.drain(..).for_each(Ticket::void);
        }
    }

    /// Sequences begin anew: what the session was read as of compares with none of them.
    pub fn forget_opening(&self) {
        self.lock().opened_at = None;
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
        if let Some(order) = &queue.sign_out {
            return Some(Order::SignOut(order.ending.clone()));
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
        let sign_out = queue
            .sign_out
            .as_ref()
            .map(|order| Order::SignOut(order.ending.clone()));
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
        if let Some(order) = &queue.sign_out {
            let took = order.ordered.elapsed().as_secs_f64();
            metrics::histogram!(metric::REVOCATION_APPLY).record(took);
        }
    }

    /// Whether the socket has closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().closed
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
        Push::state(Some(version), StateReason::RoleChanged, Arc::new(state))
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
        outbox.sign_out(&ending, None, tally.ticket());
        assert!(matches!(outbox.take(), Some(Order::SignOut(_))));
        assert_eq!(tally.closed(), 0);
        outbox.close();
        assert_eq!(tally.closed(), 1);
        outbox.sign_out(&ending, None, tally.ticket());
        assert_eq!(
            tally.closed(),
            1,
            "a socket that is gone was closed by somebody else"
        );
    }

    #[test]
    fn a_row_spares_the_session_that_was_found_live_after_it() {
        let ending = Ending {
            reason: crate::store::sessions::EndReason::Logout,
            scope: crate::store::sessions::EndScope::User,
            message: None,
        };
        for (row, opened, survives) in [(10, 9, false), (10, 10, true), (10, 11, true)] {
            for early in [true, false] {
                let (outbox, tally) = (Outbox::default(), super::super::Tally::begin());
                let order = || outbox.sign_out(&ending, Some(row), tally.ticket());
                if early {
                    order();
                    outbox.opened(opened);
                } else {
                    outbox.opened(opened);
                    order();
                }
                assert_eq!(
                    outbox.urgent().is_none(),
                    survives,
                    "row {row}, opened {opened}, early {early}"
                );
            }
        }
        let (outbox, tally) = (Outbox::default(), super::super::Tally::begin());
        outbox.sign_out(&ending, Some(3), tally.ticket());
        outbox.sign_out(&ending, None, tally.ticket());
        outbox.opened(5);
        assert!(
            outbox.is_signed_out(),
            "what SQL said of this very session stands"
        );
    }

    #[test]
    fn an_older_state_never_takes_the_place_of_a_newer_one() {
        let outbox = Outbox::default();
        outbox.push(state(3));
        outbox.push(state(2));
        assert!(matches!(
            outbox.take(),
            Some(Order::Write(Push::State {
                sequence: Some(3),
                ..
            }))
        ));
        assert!(outbox.take().is_none());
    }
}
