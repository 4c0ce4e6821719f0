//! What happened in a run: one log of sockets, one of acts, one of faults, on one clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A moment, since the run began. One machine, one `CLOCK_MONOTONIC`.
pub type At = Duration;

/// What the hub said on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ready,
    State,
    Event,
    Token,
    Ping,
    Error,
    SignedOut,
    Reconnect,
    Other,
}

impl Kind {
    pub fn of(name: &str) -> Self {
        match name {
            "ready" => Self::Ready,
            "state" => Self::State,
            "event" => Self::Event,
            "token" => Self::Token,
            "ping" => Self::Ping,
            "error" => Self::Error,
            "signed_out" => Self::SignedOut,
            "reconnect" => Self::Reconnect,
            _ => Self::Other,
        }
    }

    /// Whether a revoked socket must not carry it: everything but the goodbye.
    pub fn is_data(self) -> bool {
        !matches!(self, Self::SignedOut | Self::Reconnect)
    }
}

/// One frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub kind: Kind,
    /// Of the auth state, where the frame carries it.
    pub version: Option<i64>,
    pub at: At,
}

/// One attempt at a socket, and what became of it.
#[derive(Clone, Debug)]
pub struct SocketLog {
    pub member: usize,
    pub session: String,
    pub node: usize,
    /// When the upgrade was sent.
    pub asked: At,
    /// When `ready` was read.
    pub ready: Option<At>,
    pub frames: Vec<Frame>,
    pub closed: Option<At>,
    /// Of the close frame; `None` without one.
    pub code: Option<u16>,
}

/// One session of the crowd.
#[derive(Clone, Debug)]
pub struct SessionLog {
    pub user: String,
    pub asked: At,
    /// When the sign-in was answered.
    pub made: At,
}

/// Whose sessions a revocation ends.
#[derive(Clone, Debug)]
pub enum Selector {
    Session(String),
    /// One user, or everybody with a role.
    Users(BTreeSet<String>),
    All,
}

/// What a backend or a client asks for.
#[derive(Clone, Debug)]
pub enum What {
    Revoke {
        selector: Selector,
        everywhere: bool,
    },
    Role {
        user: String,
        version: Option<i64>,
    },
    Refresh {
        session: String,
        presented: String,
        given: Option<String>,
    },
    Register {
        email: String,
    },
    /// A socket token was asked for.
    Ticket {
        session: String,
    },
}

/// An act, and its answer.
#[derive(Clone, Debug)]
pub struct Act {
    pub what: What,
    pub node: usize,
    pub sent: At,
    pub answered: At,
    /// 0: no answer.
    pub status: u16,
    /// What the receipt said of itself, where there was one.
    pub complete: Option<bool>,
}

impl Act {
    pub fn took(&self) -> Duration {
        self.answered.saturating_sub(self.sent)
    }

    /// Only what was answered with 2xx is promised.
    pub fn acknowledged(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it may have been done: yes, or nobody knows.
    pub fn possible(&self) -> bool {
        self.acknowledged() || self.status == 0 || self.status >= 500
    }
}

/// What was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Redis is dead, hung, empty or out of reach.
    Redis,
    /// SQL is dead, hung or out of reach.
    Sql,
    /// Something is slow.
    Slow,
    /// The node's process is stopped.
    Frozen,
    /// The node's process is gone or draining.
    Down,
}

/// A fault, for as long as it lasted.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    pub fault: Fault,
    /// `None`: all nodes.
    pub node: Option<usize>,
    pub from: At,
    /// `None`: until the end.
    pub to: Option<At>,
}

impl Phase {
    pub fn touches(&self, node: usize) -> bool {
        self.node.is_none_or(|only| only == node)
    }

    pub fn ends(&self) -> At {
        self.to.unwrap_or(At::MAX)
    }

    pub fn overlaps(&self, from: At, to: At) -> bool {
        self.from < to && self.ends() > from
    }
}

/// Everything that a checker looks at.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    pub sockets: Vec<SocketLog>,
    pub sessions: BTreeMap<String, SessionLog>,
    pub acts: Vec<Act>,
    pub phases: Vec<Phase>,
    /// When a process of the run was held up by the machine, in order and apart: nothing can be told of
    /// those times.
    pub stalls: Vec<(At, At)>,
    pub ended: At,
}

impl Logs {
    /// How often somebody with a socket token, whose session nobody asked to end, did not get a socket.
    pub fn turned_away(&self) -> usize {
        let asked_to_end = |session: &str| {
            let user = self.sessions.get(session).map(|session| &session.user);
            self.acts.iter().any(|act| match &act.what {
                What::Revoke { selector, .. } => match selector {
                    Selector::Session(id) => id == session,
                    Selector::Users(users) => user.is_some_and(|user| users.contains(user)),
                    Selector::All => true,
                },
                _ => false,
            })
        };
        let refused = self.sockets.iter().filter(|socket| socket.ready.is_none());
        refused.filter(|socket| !asked_to_end(&socket.session)).count()
    }
}

/// The open book of a run.
#[derive(Debug)]
pub struct Ledger {
    origin: Instant,
    logs: Mutex<Logs>,
}

impl Ledger {
    pub fn open() -> Self {
        Self {
            origin: Instant::now(),
            logs: Mutex::default(),
        }
    }

    pub fn now(&self) -> At {
        self.origin.elapsed()
    }

    pub fn write(&self) -> MutexGuard<'_, Logs> {
        self.logs.lock().unwrap()
    }

    /// Notes an attempt at a socket; gives its number.
    pub fn attempt(&self, member: usize, session: &str, node: usize) -> usize {
        let asked = self.now();
        let mut logs = self.write();
        logs.sockets.push(SocketLog {
            member,
            session: session.to_owned(),
            node,
            asked,
            ready: None,
            frames: Vec::new(),
            closed: None,
            code: None,
        });
        logs.sockets.len() - 1
    }

    pub fn frame(&self, socket: usize, kind: Kind, version: Option<i64>) {
        let at = self.now();
        let log = &mut self.write().sockets[socket];
        if kind == Kind::Ready {
            log.ready = Some(at);
        }
        log.frames.push(Frame { kind, version, at });
    }

    pub fn closed(&self, socket: usize, code: Option<u16>) {
        let at = self.now();
        let log = &mut self.write().sockets[socket];
        log.closed = Some(at);
        log.code = code;
    }

    pub fn act(&self, act: Act) {
        self.write().acts.push(act);
    }

    /// Notes that a fault began; gives its number.
    pub fn begins(&self, fault: Fault, node: Option<usize>) -> usize {
        let from = self.now();
        let mut logs = self.write();
        logs.phases.push(Phase {
            fault,
            node,
            from,
            to: None,
        });
        logs.phases.len() - 1
    }

    pub fn ends(&self, phase: usize) {
        let at = self.now();
        self.write().phases[phase].to = Some(at);
    }

    /// Notes that the machine held a process up. What overlaps was one delay.
    pub fn stalled(&self, mut from: At, mut to: At) {
        let stalls = &mut self.write().stalls;
        while let Some((before, after)) = stalls.pop_if(|(_, ended)| *ended >= from) {
            (from, to) = (from.min(before), to.max(after));
        }
        stalls.push((from, to));
    }

    /// A copy of it all, as of now.
    pub fn close(&self) -> Logs {
        let ended = self.now();
        let mut logs = self.write().clone();
        logs.ended = ended;
        logs
    }
}
