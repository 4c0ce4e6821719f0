//! A model of the race between opening a socket and revoking its session.
//!
//! Two actors take their steps in every possible order. The opener registers, reads, and is ready; the
//! revoker commits, then looks the registry up. In the order of the contract no interleaving leaves a
//! socket open; with the opener's first two steps swapped, one does.

/// What the two share.
#[derive(Clone, Default)]
struct World {
    revoked: bool,
    registered: bool,
    /// The look-up found the registration and told it.
    told: bool,
    /// What the opener's read found.
    read_revoked: Option<bool>,
}

impl World {
    /// A socket is ready for good when its read found a live session and nobody has told it since.
    fn survives(&self) -> bool {
        self.read_revoked == Some(false) && !self.told
    }
}

type Step = fn(&mut World);

const REGISTER: Step = |world| world.registered = true;
const READ: Step = |world| world.read_revoked = Some(world.revoked);
const COMMIT: Step = |world| world.revoked = true;
const LOOK_UP: Step = |world| world.told |= world.registered;

/// Runs every interleaving of the two sequences; answers how many there are, and how many leave a socket open.
fn explore(world: &World, opener: &[Step], revoker: &[Step]) -> (u32, u32) {
    if opener.is_empty() && revoker.is_empty() {
        return (1, u32::from(world.survives()));
    }
    let mut total = (0, 0);
    for (sequence, other, is_opener) in [(opener, revoker, true), (revoker, opener, false)] {
        let Some((step, rest)) = sequence.split_first() else {
            continue;
        };
        let mut next = world.clone();
        step(&mut next);
        let (runs, lost) = if is_opener {
            explore(&next, rest, other)
        } else {
            explore(&next, other, rest)
        };
        total = (total.0 + runs, total.1 + lost);
    }
    total
}

#[test]
fn registering_before_reading_loses_no_revocation() {
    assert_eq!(
        explore(&World::default(), &[REGISTER, READ], &[COMMIT, LOOK_UP]),
        (6, 0)
    );
}

#[test]
fn reading_before_registering_loses_one() {
    let (_, lost) = explore(&World::default(), &[READ, REGISTER], &[COMMIT, LOOK_UP]);
    assert!(lost > 0, "the model finds the loss");
}

#[test]
fn looking_up_before_the_commit_loses_one() {
    let (_, lost) = explore(&World::default(), &[REGISTER, READ], &[LOOK_UP, COMMIT]);
    assert!(lost > 0, "the model finds the loss");
}
