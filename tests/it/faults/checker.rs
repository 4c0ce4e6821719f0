//! Replays the logs of a run and says which promise was broken. Pure: it asks nobody.
//!
//! I1 no revoked socket stays open past its bound · I2 nor carries data after it · I3 nobody else is
//! signed out · I4 nobody gets in with what was revoked · I5 versions of the auth state never go back,
//! and the newest arrives · I6 receipts are true · I7 a session has one line of refresh tokens ·
//! I8 what was acknowledged is there. (I9, what processes hold, is looked at by [`super::run`].)

mod bounds;
mod histogram;
mod kept;
mod reached;
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

pub use bounds::Bounds;
pub use histogram::Histogram;

use super::ledger::{At, Logs, Selector, What};

/// What SQL holds at the end.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The version of each user's auth state.
    pub versions: BTreeMap<String, i64>,
    /// All sessions, and whether they were ended.
    pub sessions: BTreeMap<String, bool>,
    pub emails: BTreeSet<String>,
    /// Sessions with two refresh tokens of one generation.
    pub forked: Vec<String>,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// `1` for I1, and so on.
    pub invariant: u8,
    pub what: String,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Verdict {
    pub violations: Vec<Violation>,
    /// From acknowledgement to close, by what was broken meanwhile.
    pub closes: BTreeMap<&'static str, Histogram>,
    /// From acknowledgement to the new state, likewise.
    pub states: BTreeMap<&'static str, Histogram>,
    pub acknowledged: usize,
}

impl Verdict {
    fn broken(&mut self, invariant: u8, what: String) {
        self.violations.push(Violation { invariant, what });
    }

    /// How many closes were measured.
    pub fn measured(&self) -> usize {
        self.closes.values().map(Histogram::count).sum()
    }
}

/// When a session was ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ended {
    /// Acknowledged, and by which node: it is ended for certain.
    pub surely: Option<(At, usize)>,
    /// Asked for: it may be ended from here on.
    pub maybe: Option<At>,
}

/// The logs, with what follows from them.
pub struct Replay<'a> {
    pub logs: &'a Logs,
    pub facts: &'a Facts,
    pub bounds: Bounds,
    pub ended: BTreeMap<&'a str, Ended>,
}

/// Checks I1 to I8.
pub fn check(logs: &Logs, facts: &Facts, bounds: Bounds) -> Verdict {
    let ended = ends(logs);
    let replay = Replay {
        logs,
        facts,
        bounds,
        ended,
    };
    let mut verdict = Verdict::default();
    for act in &logs.acts {
        if matches!(act.what, What::Revoke { .. }) && act.acknowledged() {
            verdict.acknowledged += 1;
        }
    }
    reached::sockets_close(&replay, &mut verdict);
    reached::nobody_else_is_signed_out(&replay, &mut verdict);
    reached::nobody_comes_back(&replay, &mut verdict);
    reached::states_arrive(&replay, &mut verdict);
    reached::receipts_are_true(&replay, &mut verdict);
    kept::one_line_of_tokens(&replay, &mut verdict);
    kept::what_was_acknowledged(&replay, &mut verdict);
    verdict
}

/// Whether nothing is on its way: who was surely signed out is, and the others know the newest state.
pub fn has_arrived(logs: &Logs, facts: &Facts) -> bool {
    let ended = ends(logs);
    let open = logs
        .sockets
        .iter()
        .filter(|socket| socket.ready.is_some() && socket.closed.is_none());
    open.into_iter().all(|socket| {
        let surely = ended.get(socket.session.as_str()).and_then(|end| end.surely);
        let user = logs.sessions.get(&socket.session).map(|session| &session.user);
        let truth = user.and_then(|user| facts.versions.get(user).copied());
        let last = socket.frames.iter().rev().find_map(|frame| frame.version);
        surely.is_none() && (truth.is_none() || last == truth)
    })
}

/// Which sessions an act ends: those that surely existed, and those that may have.
fn covered<'a>(logs: &'a Logs, selector: &Selector, sent: At, answered: At) -> Vec<(&'a str, bool)> {
    let existed = |id: &str| logs.sessions.get(id).is_none_or(|session| session.made <= sent);
    match selector {
        Selector::Session(id) => {
            let known = logs.sessions.get_key_value(id.as_str());
            known
                .map(|(id, _)| (id.as_str(), existed(id)))
                .into_iter()
                .collect()
        }
        Selector::Users(_) | Selector::All => {
            let chosen = logs.sessions.iter().filter(|(_, session)| match selector {
                Selector::Users(users) => users.contains(&session.user),
                _ => true,
            });
            chosen
                .filter(|(_, session)| session.asked <= answered)
                .map(|(id, _)| (id.as_str(), existed(id)))
                .collect()
        }
    }
}

fn ends(logs: &Logs) -> BTreeMap<&str, Ended> {
    let mut ended: BTreeMap<&str, Ended> = BTreeMap::new();
    for act in logs.acts.iter().filter(|act| act.possible()) {
        let What::Revoke { selector, .. } = &act.what else {
            continue;
        };
        // Unanswered, it may have been done at any later time.
        let until = if act.acknowledged() {
            act.answered
        } else {
            logs.ended
        };
        for (session, existed) in covered(logs, selector, act.sent, until) {
            let end = ended.entry(session).or_default();
            end.maybe = Some(end.maybe.map_or(act.sent, |maybe| maybe.min(act.sent)));
            if existed && act.acknowledged() {
                let told = (act.answered, act.node);
                end.surely = Some(end.surely.map_or(told, |surely| surely.min(told)));
            }
        }
    }
    ended
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  acknowledged revocations: {}", self.acknowledged)?;
        for (name, times) in [("close", &self.closes), ("state", &self.states)] {
            for (during, times) in times {
                writeln!(f, "  {name:<5} {during:<12} {times}")?;
            }
        }
        // The first of each kind, so that many of one do not hide another.
        let mut kinds: BTreeMap<u8, Vec<&Violation>> = BTreeMap::new();
        for violation in &self.violations {
            kinds.entry(violation.invariant).or_default().push(violation);
        }
        for (invariant, violations) in kinds {
            for violation in violations.iter().take(20) {
                writeln!(f, "  I{invariant}: {}", violation.what)?;
            }
            writeln!(f, "  I{invariant}: {} in all", violations.len())?;
        }
        Ok(())
    }
}

/// In milliseconds, for a message.
fn ms(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
