//! I1 to I6: what reached the sockets.

use std::collections::BTreeMap;

use super::super::ledger::{Act, At, Frame, Kind, SocketLog, What};
use super::{Replay, Verdict, covered, ms};

/// I1 and I2: a revoked socket closes within its bound, and carries nothing after it.
pub fn sockets_close(replay: &Replay<'_>, verdict: &mut Verdict) {
    let Replay { logs, bounds, .. } = replay;
    for (number, socket) in logs.sockets.iter().enumerate() {
        let Some((acked, by)) = replay.surely_ended(socket) else {
            continue;
        };
        // Who asked afterwards is looked at by I4.
        if socket.ready.is_none() || socket.asked > acked {
            continue;
        }
        let due = bounds.due(logs, socket.node, acked, by);
        let closed = socket.closed.unwrap_or(At::MAX);
        if closed > due.at && logs.ended > due.at {
            let late = socket.closed.map_or_else(
                || "stays open".to_owned(),
                |closed| format!("closed after {}", ms(closed.saturating_sub(acked))),
            );
            let due_in = ms(due.at.saturating_sub(acked));
            verdict.broken(
                1,
                format!(
                    "socket {number} on node {} ({}) {late}, due in {due_in}, acknowledged at {}",
                    socket.node,
                    due.during,
                    ms(acked)
                ),
            );
        } else if let Some(closed) = socket.closed {
            // Who waits for the receipt hears of it after the socket did.
            let after = closed.saturating_sub(acked);
            verdict.closes.entry(due.during).or_default().note(after);
        }
        let silent = bounds.silent_from(logs, socket.node, acked, by);
        if let Some(frame) = socket
            .frames
            .iter()
            .find(|frame| frame.at > silent && frame.kind.is_data())
        {
            verdict.broken(
                2,
                format!(
                    "socket {number} on node {} got {:?} {} after its revocation, which had {}",
                    socket.node,
                    frame.kind,
                    ms(frame.at.saturating_sub(acked)),
                    ms(silent.saturating_sub(acked))
                ),
            );
        }
    }
}

/// I3: a close of 40xx, or a refused refresh, only where somebody asked for it.
pub fn nobody_else_is_signed_out(replay: &Replay<'_>, verdict: &mut Verdict) {
    for (number, socket) in replay.logs.sockets.iter().enumerate() {
        let (Some(code @ 4000..=4099), Some(closed)) = (socket.code, socket.closed) else {
            continue;
        };
        if !replay.maybe_ended(&socket.session, closed) {
            let what = format!(
                "socket {number} on node {} was signed out with {code}",
                socket.node
            );
            verdict.broken(3, what);
        }
    }
    for act in &replay.logs.acts {
        let What::Refresh { session, .. } = &act.what else {
            continue;
        };
        if act.status == 401 && !replay.maybe_ended(session, act.answered) {
            verdict.broken(3, format!("node {} refused the refresh of {session}", act.node));
        }
    }
}

/// I4: whoever asks after the acknowledgement gets neither a token nor a socket.
pub fn nobody_comes_back(replay: &Replay<'_>, verdict: &mut Verdict) {
    for (number, socket) in replay.logs.sockets.iter().enumerate() {
        let Some((acked, _)) = replay.surely_ended(socket) else {
            continue;
        };
        if socket.asked > acked && socket.ready.is_some() {
            let late = ms(socket.asked.saturating_sub(acked));
            verdict.broken(
                4,
                format!(
                    "socket {number} opened on node {}, asked for {late} after its revocation",
                    socket.node
                ),
            );
        }
    }
    for act in &replay.logs.acts {
        let (What::Ticket { session } | What::Refresh { session, .. }) = &act.what else {
            continue;
        };
        let ended = replay.ended.get(session.as_str()).and_then(|end| end.surely);
        if act.acknowledged() && ended.is_some_and(|(ended, _)| act.sent > ended) {
            verdict.broken(4, format!("node {} gave a token to {session}", act.node));
        }
    }
}

/// I5: versions never go back, what was acknowledged arrives, and the last one is the truth.
pub fn states_arrive(replay: &Replay<'_>, verdict: &mut Verdict) {
    let logs = replay.logs;
    for (number, socket) in logs.sockets.iter().enumerate() {
        let versions: Vec<i64> = states(socket).map(|(version, _)| version).collect();
        if let Some([before, after]) = versions.array_windows().find(|[before, after]| after < before) {
            verdict.broken(
                5,
                format!("socket {number} went from version {before} to {after}"),
            );
        }
        let user = logs.sessions.get(&socket.session).map(|session| &session.user);
        let truth = user.and_then(|user| replay.facts.versions.get(user));
        let (Some(last), Some(truth)) = (versions.last(), truth) else {
            continue;
        };
        let open = socket.closed.is_none() && replay.surely_ended(socket).is_none();
        if open && last != truth {
            verdict.broken(
                5,
                format!(
                    "socket {number} on node {} ended with version {last}, SQL has {truth}",
                    socket.node
                ),
            );
        }
    }
    each_change_arrives(replay, verdict);
}

fn states(socket: &SocketLog) -> impl Iterator<Item = (i64, At)> {
    let states = socket
        .frames
        .iter()
        .filter(|frame| matches!(frame.kind, Kind::Ready | Kind::State));
    states.filter_map(|frame| Some((frame.version?, frame.at)))
}

fn each_change_arrives(replay: &Replay<'_>, verdict: &mut Verdict) {
    let logs = replay.logs;
    let mut sockets: BTreeMap<&str, Vec<(usize, &SocketLog)>> = BTreeMap::new();
    for (number, socket) in logs.sockets.iter().enumerate() {
        if let Some(session) = logs.sessions.get(&socket.session) {
            sockets.entry(&session.user).or_default().push((number, socket));
        }
    }
    for act in logs.acts.iter().filter(|act| act.acknowledged()) {
        let What::Role {
            user,
            version: Some(version),
        } = &act.what
        else {
            continue;
        };
        for (number, socket) in sockets.get(user.as_str()).into_iter().flatten() {
            let until = socket.closed.unwrap_or(logs.ended);
            let was_open = socket.ready.is_some_and(|ready| ready < act.sent) && until > act.answered;
            if !was_open {
                continue;
            }
            let due = replay.bounds.due(logs, socket.node, act.answered, act.node);
            if until <= due.at || replay.maybe_ended(&socket.session, due.at) {
                continue;
            }
            let seen = states(socket).find(|(seen, _)| seen >= version);
            match seen {
                Some((_, at)) if at <= due.at => {
                    let after = at.saturating_sub(act.answered);
                    verdict.states.entry(due.during).or_default().note(after);
                }
                seen => {
                    let after = seen.map(|(_, at)| ms(at.saturating_sub(act.answered)));
                    let node = socket.node;
                    let text = format!(
                        "socket {number} on node {node} ({}) saw version {version} after {after:?}, due in {}, acknowledged at {}",
                        due.during,
                        ms(due.at.saturating_sub(act.answered)),
                        ms(act.answered)
                    );
                    verdict.broken(5, text);
                }
            }
        }
    }
}

/// I6: once a receipt is complete, no socket that it speaks of carries anything.
pub fn receipts_are_true(replay: &Replay<'_>, verdict: &mut Verdict) {
    let logs = replay.logs;
    let mut sockets: BTreeMap<&str, Vec<(usize, &SocketLog)>> = BTreeMap::new();
    for (number, socket) in logs.sockets.iter().enumerate() {
        sockets.entry(&socket.session).or_default().push((number, socket));
    }
    for act in logs.acts.iter().filter(|act| act.acknowledged()) {
        let What::Revoke { selector, everywhere } = &act.what else {
            continue;
        };
        if act.complete != Some(true) {
            continue;
        }
        let ended = covered(logs, selector, act.sent, act.answered);
        for (session, _) in ended.into_iter().filter(|(_, existed)| *existed) {
            for (number, socket) in sockets.get(session).into_iter().flatten() {
                if *everywhere || socket.node == act.node {
                    let node = socket.node;
                    if let Some(what) = untrue(replay, act, socket) {
                        let text =
                            format!("socket {number} on node {node} {what} a receipt that was complete");
                        verdict.broken(6, text);
                    }
                }
            }
        }
    }
}

/// What a socket did that belies a complete receipt.
fn untrue(replay: &Replay<'_>, act: &Act, socket: &SocketLog) -> Option<String> {
    let (logs, bounds) = (replay.logs, &replay.bounds);
    let quiet = act.answered + bounds.reading + stalls(replay, act.answered);
    let late = |frame: &&Frame| frame.at > quiet && frame.kind.is_data();
    if let Some(frame) = socket.frames.iter().find(late) {
        let after = ms(frame.at.saturating_sub(act.answered));
        return Some(format!("got {:?} {after} after", frame.kind));
    }
    // A node that is dead, cut off or frozen is complete by its lease; what it has not closed is mute.
    let settled = act.answered + bounds.settled;
    let calm = bounds.calm(logs, socket.node, act.answered, settled);
    let was_open = socket.ready.is_some_and(|ready| ready < act.sent);
    let closed = socket.closed.unwrap_or(At::MAX);
    (calm && was_open && closed > settled && logs.ended > settled)
        .then(|| format!("was not closed {} after", ms(bounds.settled)))
}

/// For how long this process was held up around `at`.
fn stalls(replay: &Replay<'_>, at: At) -> At {
    let near = replay.logs.stalls.iter();
    near.filter(|(from, to)| *from < at + replay.bounds.reading && *to > at)
        .map(|(from, to)| to.saturating_sub(*from))
        .sum()
}

impl Replay<'_> {
    fn surely_ended(&self, socket: &SocketLog) -> Option<(At, usize)> {
        self.ended.get(socket.session.as_str())?.surely
    }

    /// Whether somebody had asked for its end by `at`.
    fn maybe_ended(&self, session: &str, at: At) -> bool {
        let end = self.ended.get(session).and_then(|end| end.maybe);
        end.is_some_and(|asked| asked <= at)
    }
}
