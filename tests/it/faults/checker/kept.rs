//! I7 and I8: what SQL kept.

use std::collections::{BTreeMap, BTreeSet};

use super::super::ledger::What;
use super::{Replay, Verdict, covered};

/// I7: one presented refresh token has one successor, whoever asks and however often.
pub fn one_line_of_tokens(replay: &Replay<'_>, verdict: &mut Verdict) {
    let mut successors: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for act in replay.logs.acts.iter().filter(|act| act.acknowledged()) {
        if let What::Refresh {
            presented,
            given: Some(given),
            ..
        } = &act.what
        {
            successors.entry(presented).or_default().insert(given);
        }
    }
    for forked in successors.values().filter(|given| given.len() > 1) {
        verdict.broken(
            7,
            format!("one refresh token was exchanged for {} others", forked.len()),
        );
    }
    for session in &replay.facts.forked {
        verdict.broken(
            7,
            format!("session {session} has two refresh tokens of one generation"),
        );
    }
}

/// I8: accounts, sessions, revocations and states that were acknowledged are there.
pub fn what_was_acknowledged(replay: &Replay<'_>, verdict: &mut Verdict) {
    let (logs, facts) = (replay.logs, replay.facts);
    for session in logs.sessions.keys() {
        if !facts.sessions.contains_key(session) {
            verdict.broken(8, format!("session {session} is lost"));
        }
    }
    for act in logs.acts.iter().filter(|act| act.acknowledged()) {
        match &act.what {
            What::Revoke { selector, .. } => {
                for (session, existed) in covered(logs, selector, act.sent, act.answered) {
                    if existed && facts.sessions.get(session) == Some(&false) {
                        verdict.broken(8, format!("the revocation of session {session} is lost"));
                    }
                }
            }
            What::Role {
                user,
                version: Some(version),
            } => {
                let kept = facts.versions.get(user).copied().unwrap_or_default();
                if kept < *version {
                    verdict.broken(
                        8,
                        format!("user {user} is at version {kept}, {version} was acknowledged"),
                    );
                }
            }
            What::Register { email } if !facts.emails.contains(email) => {
                verdict.broken(8, format!("the account {email} is lost"));
            }
            _ => {}
        }
    }
}
