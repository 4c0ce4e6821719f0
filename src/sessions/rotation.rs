//! The rules of rotation, as pure functions: what a presented refresh token means, and which successor
//! it has. Called by `refresh`.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::secret::{MasterKey, PlainToken};

/// How every refresh token begins.
pub(super) const PREFIX: &str = "pcr_";
/// The generation of the token that a sign-in gives.
pub(super) const FIRST_GENERATION: i64 = 1;

/// What is to be done with a refresh token of a live session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Exchange it for its successor.
    Rotate,
    /// Give the same successor again.
    Repeat,
    /// Somebody has a copy: end the session.
    Reuse,
}

/// What a decision rests on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// Of the token that was presented.
    pub(super) generation: i64,
    /// When it was first exchanged.
    pub(super) rotated_at: Option<Timestamp>,
    /// The newest generation that is known to have arrived, here or in an access token.
    pub(super) used_generation: i64,
    pub(super) now: Timestamp,
    /// Zero: no repetition is ever forgiven.
    pub(super) grace: Duration,
}

pub(super) fn decide(facts: Facts) -> Decision {
    let Some(rotated_at) = facts.rotated_at else {
        return Decision::Rotate;
    };
    if facts.grace.is_zero() {
        return Decision::Reuse;
    }
    let in_grace = facts.now < rotated_at + facts.grace;
    // Nobody has shown the successor yet, so perhaps nobody has it: the answer may have been lost.
    let successor_unseen = facts.used_generation <= facts.generation;
    if in_grace || successor_unseen {
        Decision::Repeat
    } else {
        Decision::Reuse
    }
}

/// The one successor of `parent` under this master secret.
pub(super) fn successor(master: &MasterKey, parent: &PlainToken) -> PlainToken {
    PlainToken::from_bits(
        PREFIX,
        &master.mac("refresh successor", parent.expose().as_bytes()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROTATED: Timestamp = Timestamp::from_micros(1_000_000_000);
    const GRACE: u64 = 30;

    fn decision(rotated: bool, generation: i64, used: i64, after: f64, grace: u64) -> Decision {
        decide(Facts {
            generation,
            rotated_at: rotated.then_some(ROTATED),
            used_generation: used,
            now: ROTATED + Duration::from_secs_f64(after),
            grace: Duration::from_secs(grace),
        })
    }

    #[test]
    fn t06_the_rules_of_refresh_hold_in_every_case() {
        use Decision::{Repeat, Reuse, Rotate};
        for (rotated, generation, used, after, grace, expected) in [
            // The newest token is exchanged, whatever has arrived and however late.
            (false, 1, 0, 0.0, GRACE, Rotate),
            (false, 1, 1, 0.0, GRACE, Rotate),
            (false, 5, 4, 1e6, GRACE, Rotate),
            (false, 5, 5, 1e6, 0, Rotate),
            // Within the grace the same successor, even where that one has been used or exchanged.
            (true, 1, 1, 0.0, GRACE, Repeat),
            (true, 1, 2, 29.999_999, GRACE, Repeat),
            (true, 1, 9, 29.999_999, GRACE, Repeat),
            // Beyond it only while the successor has never arrived.
            (true, 1, 0, 30.0, GRACE, Repeat),
            (true, 1, 1, 30.0, GRACE, Repeat),
            (true, 4, 4, 1e6, GRACE, Repeat),
            (true, 1, 2, 30.0, GRACE, Reuse),
            (true, 1, 3, 30.0, GRACE, Reuse),
            (true, 4, 5, 1e6, GRACE, Reuse),
            // Without grace neither rule applies.
            (true, 1, 0, 0.0, 0, Reuse),
            (true, 1, 1, 0.0, 0, Reuse),
            (true, 1, 2, 1e6, 0, Reuse),
        ] {
            let found = decision(rotated, generation, used, after, grace);
            assert_eq!(
                found, expected,
                "rotated {rotated}, generation {generation}, used {used}, after {after} s, grace {grace} s"
            );
        }
    }

    #[test]
    fn t06_a_reuse_never_becomes_anything_else() {
        for generation in 1..4 {
            for used in 0..6 {
                for after in [0.0, 29.0, 30.0, 31.0, 1e5] {
                    if decision(true, generation, used, after, GRACE) == Decision::Reuse {
                        for (more, later) in [(0, 1.0), (1, 0.0), (3, 1e4)] {
                            let then = decision(true, generation, used + more, after + later, GRACE);
                            assert_eq!(then, Decision::Reuse);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_token_has_one_successor_under_one_master_secret() {
        let master = |text: &str| MasterKey::from_secret(&text.to_owned().into());
        let ours = master("a master secret of enough length");
        let parent = PlainToken::presented("pcr_parent");
        let first = successor(&ours, &parent);
        assert_eq!(first.expose(), successor(&ours, &parent).expose());
        assert!(first.expose().starts_with(PREFIX) && first.expose().len() == PREFIX.len() + 43);
        let second = successor(&ours, &first);
        assert_ne!(first.expose(), second.expose());
        let theirs = successor(&master("another master secret, long enough"), &parent);
        assert_ne!(first.expose(), theirs.expose());
    }
}
