//! The checker itself: each promise is broken in a log that was made up, and it says which.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::ledger::{
    Act, At, Fault, Frame, Kind, Ledger, Logs, Phase, Selector, SessionLog, SocketLog, What,
};
use super::{Bounds, Facts, check};

const BOUNDS: Bounds = Bounds {
    healthy: Duration::from_millis(250),
    without_redis: Duration::from_secs(2),
    after_heal: Duration::from_secs(2),
    lease: Duration::from_secs(30),
    reading: Duration::from_millis(100),
    settled: Duration::from_millis(50),
};

fn ms(time: u64) -> At {
    Duration::from_millis(time)
}

/// A run in which nothing went wrong: ada's session `a` was ended at 1000 and closed at 1100, her role
/// changed at 500; `b` stayed.
struct Story {
    logs: Logs,
    facts: Facts,
}

fn socket(session: &str, node: usize) -> SocketLog {
    let ready = Frame {
        kind: Kind::Ready,
        version: Some(1),
        at: ms(10),
    };
    SocketLog {
        member: 0,
        session: session.to_owned(),
        node,
        asked: ms(5),
        ready: Some(ms(10)),
        frames: vec![ready],
        closed: None,
        code: None,
    }
}

fn frame(kind: Kind, version: Option<i64>, at: u64) -> Frame {
    Frame {
        kind,
        version,
        at: ms(at),
    }
}

fn act(what: What, answered: u64) -> Act {
    Act {
        what,
        node: 0,
        sent: ms(answered - 10),
        answered: ms(answered),
        status: 200,
        complete: None,
    }
}

fn revoke(session: &str, answered: u64) -> Act {
    let what = What::Revoke {
        selector: Selector::Session(session.to_owned()),
        everywhere: true,
    };
    act(what, answered)
}

fn refresh(session: &str, presented: &str, given: &str, answered: u64) -> Act {
    let what = What::Refresh {
        session: session.to_owned(),
        presented: presented.to_owned(),
        given: Some(given.to_owned()),
    };
    act(what, answered)
}

fn told() -> Story {
    let mut logs = Logs {
        ended: ms(100_000),
        ..Logs::default()
    };
    for id in ["a", "b"] {
        let session = SessionLog {
            user: "ada".to_owned(),
            asked: ms(0),
            made: ms(1),
        };
        logs.sessions.insert(id.to_owned(), session);
    }
    let mut ended = socket("a", 1);
    ended.frames.push(frame(Kind::State, Some(2), 600));
    ended.frames.push(frame(Kind::SignedOut, None, 1090));
    ended.closed = Some(ms(1100));
    ended.code = Some(4001);
    let mut spared = socket("b", 0);
    spared.frames.push(frame(Kind::State, Some(2), 600));
    logs.sockets = vec![ended, spared];
    let role = What::Role {
        user: "ada".to_owned(),
        version: Some(2),
    };
    logs.acts = vec![act(role, 500), revoke("a", 1000)];
    let mut facts = Facts::default();
    facts.versions.insert("ada".to_owned(), 2);
    facts.sessions.insert("a".to_owned(), true);
    facts.sessions.insert("b".to_owned(), false);
    Story { logs, facts }
}

impl Story {
    /// The promises that the checker finds broken.
    fn broken(&self) -> BTreeSet<u8> {
        let verdict = check(&self.logs, &self.facts, BOUNDS);
        verdict
            .violations
            .iter()
            .map(|violation| violation.invariant)
            .collect()
    }

    fn closed(mut self, at: u64) -> Self {
        self.logs.sockets[0].closed = Some(ms(at));
        self
    }

    fn phase(mut self, fault: Fault, from: u64, to: u64) -> Self {
        self.logs.phases.push(Phase {
            fault,
            node: Some(1),
            from: ms(from),
            to: Some(ms(to)),
        });
        self
    }

    fn heard(mut self, kind: Kind, version: Option<i64>, at: u64) -> Self {
        let frames = &mut self.logs.sockets[0].frames;
        frames.push(frame(kind, version, at));
        self
    }

    fn acts(mut self, act: Act) -> Self {
        self.logs.acts.push(act);
        self
    }
}

#[track_caller]
fn breaks<const N: usize>(story: &Story, invariants: [u8; N]) {
    assert_eq!(story.broken(), BTreeSet::from(invariants));
}

#[test]
fn a_good_run_is_clean() {
    breaks(&told(), []);
    let verdict = check(&told().logs, &told().facts, BOUNDS);
    assert_eq!((verdict.acknowledged, verdict.measured()), (1, 1));
    assert_eq!(verdict.closes["healthy"].max(), ms(100));
}

#[test]
fn i1_a_socket_that_closes_late_or_never() {
    breaks(&told().closed(1_250), []);
    breaks(&told().closed(1_251), [1]);
    let mut never = told();
    never.logs.sockets[0].closed = None;
    breaks(&never, [1]);
}

#[test]
fn i1_has_the_bound_of_the_fault() {
    breaks(&told().phase(Fault::Redis, 900, 1_500).closed(2_900), []);
    breaks(&told().phase(Fault::Redis, 900, 1_500).closed(3_001), [1]);
    breaks(&told().phase(Fault::Sql, 900, 5_000).closed(6_900), []);
    breaks(&told().phase(Fault::Sql, 900, 5_000).closed(7_001), [1]);
    // A line that is slow then is only half healed.
    let slow = || {
        told()
            .phase(Fault::Sql, 900, 5_000)
            .phase(Fault::Slow, 6_000, 9_000)
    };
    breaks(&slow().closed(8_900), []);
    breaks(&slow().closed(9_001), [1]);
    // However long it is cut off: the lease.
    breaks(&told().phase(Fault::Sql, 900, 90_000).closed(31_900), []);
    breaks(&told().phase(Fault::Sql, 900, 90_000).closed(32_001), [1]);
    // A frozen one closes nothing before it thaws.
    breaks(&told().phase(Fault::Frozen, 900, 60_000).closed(61_900), []);
    breaks(&told().phase(Fault::Frozen, 900, 60_000).closed(62_001), [1]);
    // A fault of a node that has nothing to do with it excuses nothing.
    let mut other = told().phase(Fault::Redis, 900, 1_500).closed(2_900);
    other.logs.phases[0].node = Some(2);
    breaks(&other, [1]);
}

#[test]
fn i1_flapping_is_bounded_by_the_lease() {
    let mut flapping = told().closed(31_900);
    for round in 0..80 {
        flapping = flapping.phase(Fault::Sql, 900 + round * 1_000, 1_400 + round * 1_000);
    }
    breaks(&flapping, []);
    breaks(&flapping.closed(32_001), [1]);
}

#[test]
fn what_the_machine_held_up_is_no_fault_of_the_hub() {
    let mut stalled = told().closed(1_600);
    stalled.logs.stalls.push((ms(1_100), ms(1_500)));
    breaks(&stalled, []);
    breaks(&stalled.closed(1_651), [1]);
}

#[test]
fn delays_that_overlap_are_one() {
    let ledger = Ledger::open();
    for (from, to) in [(100, 300), (500, 700), (650, 800), (600, 900), (1_000, 1_200)] {
        ledger.stalled(ms(from), ms(to));
    }
    let (first, second) = ((ms(100), ms(300)), (ms(500), ms(900)));
    assert_eq!(ledger.close().stalls, [first, second, (ms(1_000), ms(1_200))]);
}

#[test]
fn i1_what_could_not_be_announced_is_found_in_the_journal() {
    // Node 0 acknowledges, and its way to Redis is cut: node 1 has no hint.
    let unannounced = |fault| {
        let mut story = told();
        story.logs.phases.push(Phase {
            fault,
            node: Some(0),
            from: ms(900),
            to: Some(ms(1_100)),
        });
        story
    };
    for fault in [Fault::Redis, Fault::Slow, Fault::Frozen, Fault::Down] {
        breaks(&unannounced(fault).closed(2_990), []);
        breaks(&unannounced(fault).closed(3_001), [1]);
    }
    breaks(&unannounced(Fault::Sql).closed(1_251), [1]);
}

#[test]
fn i2_data_after_the_bound() {
    breaks(&told().heard(Kind::State, Some(2), 1_050), []);
    let late = told().heard(Kind::State, Some(2), 1_300).closed(1_301);
    breaks(&late, [1, 2]);
    breaks(&told().heard(Kind::SignedOut, None, 1_300), []);
}

#[test]
fn i2_a_zombie_says_nothing_after_its_thaw() {
    let zombie = || told().phase(Fault::Frozen, 900, 60_000).closed(60_010);
    breaks(&zombie().heard(Kind::SignedOut, None, 60_005), []);
    breaks(&zombie().heard(Kind::State, Some(2), 60_005), [2]);
    // Within its lease it may: it has the bound of a heal.
    let short = || told().phase(Fault::Frozen, 900, 5_000).closed(5_010);
    breaks(&short().heard(Kind::State, Some(2), 5_005), []);
}

#[test]
fn i3_a_sign_out_that_nobody_asked_for() {
    let mut kicked = told();
    kicked.logs.sockets[1].closed = Some(ms(700));
    kicked.logs.sockets[1].code = Some(4001);
    breaks(&kicked, [3]);
    kicked.logs.sockets[1].code = Some(4101);
    breaks(&kicked, []);
    // Before it was asked for counts as well.
    breaks(&told().closed(900), [3]);
    let mut refused = refresh("b", "r1", "r2", 700);
    refused.status = 401;
    breaks(&told().acts(refused), [3]);
}

#[test]
fn i3_unanswered_is_possible_and_promises_nothing() {
    let mut lost = told().acts(revoke("b", 700));
    lost.logs.acts[2].status = 0;
    breaks(&lost, []);
    lost.logs.sockets[1].closed = Some(ms(5_000));
    lost.logs.sockets[1].code = Some(4001);
    breaks(&lost, []);
}

#[test]
fn i4_whoever_comes_back() {
    let mut back = told();
    let mut again = socket("a", 0);
    again.asked = ms(1_001);
    again.closed = Some(ms(1_002));
    again.frames.clear();
    again.ready = None;
    back.logs.sockets.push(again);
    breaks(&back, []);
    back.logs.sockets[2].ready = Some(ms(1_002));
    breaks(&back, [4]);
    let ticket = What::Ticket {
        session: "a".to_owned(),
    };
    breaks(&told().acts(act(ticket.clone(), 1_005)), []);
    breaks(&told().acts(act(ticket, 1_011)), [4]);
    breaks(&told().acts(refresh("a", "r1", "r2", 1_011)), [4]);
}

#[test]
fn i5_a_version_that_goes_back_is_late_or_wrong() {
    breaks(&told().heard(Kind::State, Some(1), 700), [5]);
    let mut late = told();
    late.logs.sockets[1].frames[1].at = ms(751);
    breaks(&late, [5]);
    late.logs.sockets[1].frames[1].at = ms(750);
    breaks(&late, []);
    let mut wrong = told();
    wrong.facts.versions.insert("ada".to_owned(), 3);
    breaks(&wrong, [5]);
}

#[test]
fn i6_a_receipt_that_is_not_true() {
    let mut receipt = told().heard(Kind::Token, None, 1_101).closed(1_102);
    // Whoever has a reason to close late is judged by what its sockets carry.
    receipt = receipt.phase(Fault::Slow, 990, 1_200);
    breaks(&receipt, []);
    receipt.logs.acts[1].complete = Some(true);
    breaks(&receipt, [6]);
    // `local` speaks of its own node alone.
    let What::Revoke { everywhere, .. } = &mut receipt.logs.acts[1].what else {
        panic!()
    };
    *everywhere = false;
    breaks(&receipt, []);
    receipt.logs.acts[1].node = 1;
    breaks(&receipt, [6]);
}

#[test]
fn i6_where_nothing_is_broken_a_complete_receipt_means_closed() {
    let mut receipt = told().closed(1_050);
    receipt.logs.acts[1].complete = Some(true);
    breaks(&receipt, []);
    breaks(&receipt.closed(1_051), [6]);
}

#[test]
fn i7_two_successors_of_one_token() {
    let again = || told().acts(refresh("b", "r1", "r2", 700));
    breaks(&again().acts(refresh("b", "r1", "r2", 800)), []);
    breaks(&again().acts(refresh("b", "r1", "r3", 800)), [7]);
    let mut forked = told();
    forked.facts.forked.push("b".to_owned());
    breaks(&forked, [7]);
}

#[test]
fn i8_what_was_acknowledged_and_lost() {
    let mut revocation = told();
    revocation.facts.sessions.insert("a".to_owned(), false);
    breaks(&revocation, [8]);
    let mut session = told();
    session.facts.sessions.remove("b");
    breaks(&session, [8]);
    let mut role = told();
    role.facts.versions.insert("ada".to_owned(), 1);
    assert!(role.broken().contains(&8));
    let email = "new@example.org".to_owned();
    let mut account = told().acts(act(What::Register { email: email.clone() }, 700));
    breaks(&account, [8]);
    account.facts.emails.insert(email);
    breaks(&account, []);
}

#[test]
fn a_selector_of_many_spares_who_came_later() {
    let everybody = |answered| {
        let what = What::Revoke {
            selector: Selector::All,
            everywhere: true,
        };
        act(what, answered)
    };
    let mut all = told().acts(everybody(2_000));
    assert_eq!(all.broken(), BTreeSet::from([1, 8]), "b was there and stays");
    all.logs.sessions.get_mut("b").unwrap().made = ms(1_995);
    breaks(&all, []);
}
