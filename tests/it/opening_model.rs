//! A model of the race between opening a socket and revoking its session.
//!
//! Two actors take their steps in every possible order. The opener registers, reads, and is ready; the
//! revoker commits, then looks the registry up. In the order of the contract no interleaving leaves a
//! socket open; with the opener's first two steps swapped, one does. The last test takes the same steps
//! with the real hub, registry and database.

use portcullis::hub::registry::{Registered, Socket};
use portcullis::hub::{Opened, Opening};
use portcullis::ids::{ConnectionId, SessionId, UserId};
use portcullis::store::journal::{self, Change, Entry, NewEntry};
use portcullis::store::sessions::{self, EndReason, EndScope, Ending};
use portcullis::store::users;

use crate::support::app::{TestApp, Tuning};

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

/// Both actors, with what each holds between its steps.
struct Race<'a> {
    hub: &'a TestApp,
    user: UserId,
    session: SessionId,
    registered: Option<Registered>,
    opening: Option<Opening>,
    committed: Option<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Real {
    Register,
    Read,
    Commit,
    Announce,
}

/// All orders in which the two can take their two steps each.
const ORDERS: [[Real; 4]; 6] = {
    use Real::{Announce, Commit, Read, Register};
    [
        [Register, Read, Commit, Announce],
        [Register, Commit, Read, Announce],
        [Register, Commit, Announce, Read],
        [Commit, Register, Read, Announce],
        [Commit, Register, Announce, Read],
        [Commit, Announce, Register, Read],
    ]
};

impl Race<'_> {
    async fn step(&mut self, step: Real) {
        let cx = &self.hub.app.cx;
        match step {
            Real::Register => {
                let connection = ConnectionId::generate(&cx.clock, &cx.rng);
                let socket = Socket::new(connection, self.user, self.session, cx.now(), None);
                self.registered = Some(cx.hub.register(socket));
            }
            Real::Read => {
                let place = self.registered.take().unwrap();
                self.opening = Some(cx.hub.admit(place, None, None).await.unwrap());
            }
            Real::Commit => self.committed = Some(self.commit().await),
            Real::Announce => {
                cx.hub.announce(self.committed.as_slice()).await;
            }
        }
    }

    /// The transaction of a revocation.
    async fn commit(&self) -> Entry {
        let cx = &self.hub.app.cx;
        let (reason, scope, message) = (EndReason::Revoked, EndScope::Session, None);
        let ending = Ending {
            reason,
            scope,
            message,
        };
        let mut tx = cx.db.begin().await.unwrap();
        users::lock(&mut tx, self.user).await.unwrap();
        let ended = sessions::end(&mut tx, self.session, &ending, cx.now())
            .await
            .unwrap();
        assert!(ended.is_some());
        let change = Change::SessionEnded {
            reason,
            message: None,
        };
        let (user_id, session_id) = (Some(self.user), Some(self.session));
        let entry = NewEntry {
            user_id,
            session_id,
            version: None,
            change,
        };
        let entry = journal::append(&mut tx, entry, cx.now()).await.unwrap();
        tx.commit().await.unwrap();
        entry
    }
}

#[tokio::test]
async fn the_real_hub_loses_no_revocation_in_any_order() {
    let configured = Tuning::new().configure(|config| {
        // Nothing but the announcement, and the reading that it wakes.
        (config.hub.poll, config.hub.sweep, config.hub.lease) = (3600.0, 3600.0, 7200.0);
    });
    let hub = configured.spawn().await;
    let ada = hub.person("ada@example.org", "user").await;
    let mut by_read = 0;
    for order in ORDERS {
        let pair = hub.sign_in("ada@example.org").await;
        let (user, session) = (ada.id.parse().unwrap(), pair.session.parse().unwrap());
        let mut race = Race {
            hub: &hub,
            user,
            session,
            registered: None,
            opening: None,
            committed: None,
        };
        for step in order {
            race.step(step).await;
        }
        match race.opening.unwrap() {
            Opening::Ended(ending) => {
                assert_eq!(ending.reason, EndReason::Revoked);
                by_read += 1;
            }
            Opening::Used => panic!("no token was given"),
            Opening::Opened(opened) => {
                let Opened { place, .. } = *opened;
                assert!(
                    place.socket().outbox.is_signed_out(),
                    "{order:?} leaves a socket open"
                );
            }
        }
        hub.sockets_become(0).await;
    }
    assert_eq!(by_read, 5, "in one order alone the read comes before the commit");
}
