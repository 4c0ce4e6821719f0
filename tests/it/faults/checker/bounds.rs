//! By when a change must have reached a node, given what was broken then.

use std::time::Duration;

use super::super::ledger::{At, Fault, Logs, Phase};

/// The promises, and how far the watch itself may be off.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// D: nothing is broken.
    pub healthy: Duration,
    /// M: Redis cannot be used, or something is slow.
    pub without_redis: Duration,
    /// N: after the way to SQL is back.
    pub after_heal: Duration,
    /// L: a node that hears of nothing.
    pub lease: Duration,
    /// For a frame on its way to be read.
    pub reading: Duration,
    /// For the closes that a complete receipt speaks of to be read.
    pub settled: Duration,
}

/// When something is due, and what it is measured with.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub at: At,
    pub during: &'static str,
}

impl Bounds {
    /// By when `node` must have acted on what node `by` acknowledged at `acked`.
    pub fn due(&self, logs: &Logs, node: usize, acked: At, by: usize) -> Due {
        let phases: Vec<&Phase> = logs.phases.iter().filter(|phase| phase.touches(node)).collect();
        let mut healed = self.after_heals(&phases, acked);
        let heard = acked + self.without_redis;
        if node != by && healed.at < heard && self.is_mute(logs, by, acked) {
            healed = Due {
                at: heard,
                during: "unannounced",
            };
        }
        let lease = self.lease_runs_out(&phases, acked);
        let mut due = if healed.at <= lease.at { healed } else { lease };
        let held_up = logs
            .stalls
            .iter()
            .filter(|(from, to)| *from < due.at && *to > acked);
        due.at += held_up
            .map(|(from, to)| to.saturating_sub(*from))
            .sum::<Duration>();
        due
    }

    /// Whether `node` may have been kept from announcing what it acknowledged at `acked`: then the others
    /// find it in the journal.
    fn is_mute(&self, logs: &Logs, node: usize, acked: At) -> bool {
        let since = acked.saturating_sub(self.without_redis);
        let until = acked + self.healthy;
        let mut phases = logs.phases.iter().filter(|phase| phase.touches(node));
        phases.any(|phase| phase.fault != Fault::Sql && phase.overlaps(since, until))
    }

    /// The end of the first time after `acked` in which the node could hear and act for long enough.
    fn after_heals(&self, phases: &[&Phase], acked: At) -> Due {
        let cut = |phase: &&&Phase| matches!(phase.fault, Fault::Sql | Fault::Frozen | Fault::Down);
        let (mut from, mut during) = (acked, None);
        loop {
            let (bound, name) = match during {
                // What was cut and is slow then has both before it.
                Some(name) if self.is_slow(phases, from) => (self.after_heal + self.without_redis, name),
                Some(name) => (self.after_heal, name),
                None => self.while_it_hears(phases, from),
            };
            let until = from.saturating_add(bound);
            let blocking = phases
                .iter()
                .filter(cut)
                .find(|phase| phase.overlaps(from, until));
            match blocking {
                Some(phase) => {
                    from = phase.ends();
                    during = Some(match phase.fault {
                        Fault::Frozen => "frozen",
                        Fault::Down => "down",
                        _ => "sql away",
                    });
                }
                None => {
                    return Due {
                        at: until,
                        during: name,
                    };
                }
            }
            if from == At::MAX {
                return Due {
                    at: At::MAX,
                    during: "never",
                };
            }
        }
    }

    /// Whether a line of the node is slow in the time that it has after a heal.
    fn is_slow(&self, phases: &[&Phase], healed: At) -> bool {
        let until = healed.saturating_add(self.after_heal);
        let mut slow = phases.iter().filter(|phase| phase.fault == Fault::Slow);
        slow.any(|phase| phase.overlaps(healed, until))
    }

    /// Which promise holds from `from` on. What Redis was spared a moment ago still shows.
    fn while_it_hears(&self, phases: &[&Phase], from: At) -> (Duration, &'static str) {
        let since = from.saturating_sub(self.without_redis);
        let until = from + self.healthy;
        let touched = |fault: Fault| {
            phases
                .iter()
                .any(|phase| phase.fault == fault && phase.overlaps(since, until))
        };
        if touched(Fault::Redis) {
            (self.without_redis, "redis away")
        } else if touched(Fault::Slow) {
            (self.without_redis, "slow")
        } else if [Fault::Sql, Fault::Frozen, Fault::Down].into_iter().any(touched) {
            (self.after_heal, "healing")
        } else {
            (self.healthy, "healthy")
        }
    }

    /// A second after the lease, a frozen process as soon as it acts again.
    fn lease_runs_out(&self, phases: &[&Phase], acked: At) -> Due {
        let mut at = acked + self.lease + Duration::from_secs(1);
        for phase in phases {
            if phase.fault == Fault::Frozen && phase.overlaps(acked, at) {
                at = at.max(phase.ends().saturating_add(self.after_heal));
            }
        }
        Due { at, during: "lease" }
    }

    /// Whether nothing was wrong with `node` in this time, nor a moment before.
    pub fn calm(&self, logs: &Logs, node: usize, from: At, to: At) -> bool {
        let since = from.saturating_sub(self.after_heal);
        let stalled = logs
            .stalls
            .iter()
            .any(|(began, ended)| *began < to && *ended > from);
        let broken = logs
            .phases
            .iter()
            .any(|phase| phase.touches(node) && phase.overlaps(since, to));
        !stalled && !broken
    }

    /// From when on a socket of `node` must carry nothing: the due time, but for a process that was frozen
    /// for longer than any lease. Its first act is to look at them.
    pub fn silent_from(&self, logs: &Logs, node: usize, acked: At, by: usize) -> At {
        let long = |phase: &&Phase| {
            phase.fault == Fault::Frozen
                && phase.touches(node)
                && phase.ends() > acked
                && phase.ends().saturating_sub(phase.from) > self.lease + Duration::from_secs(1)
        };
        let due = self.due(logs, node, acked, by).at;
        let thaw = logs.phases.iter().filter(long).map(Phase::ends).min();
        // What it wrote before it froze may be read a moment later, yet not after the thaw.
        thaw.map_or(due, |thaw| due.min(thaw))
    }
}
