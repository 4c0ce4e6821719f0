//! Tests of who gives way at the caps.

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::secret::Rng;
use std::time::Duration;

fn limits(per_session: usize, per_user: usize) -> Limits {
    Limits {
        per_session,
        per_user,
        ..Limits::new(&crate::config::Hub::default(), 1)
    }
}

/// Connections that began one after the other, in sessions of these numbers.
fn connections(sessions: &[usize]) -> Vec<Live> {
    let rng = Rng::seeded(7);
    let ids: Vec<_> = (0..9)
        .map(|_| SessionId::generate(&Clock::System, &rng))
        .collect();
    let (one, other) = (
        NodeId::generate(&Clock::System, &rng),
        NodeId::generate(&Clock::System, &rng),
    );
    let begin = Timestamp::default();
    (0_u32..)
        .zip(sessions)
        .map(|(at, session)| Live {
            connection: ConnectionId::generate(&Clock::System, &rng),
            session: ids[*session],
            node: if at % 2 == 0 { one } else { other },
            since: begin + Duration::from_secs(at.into()),
            ip: None,
        })
        .collect()
}

/// Which of them have to go.
fn gone(sessions: &[usize], per_session: usize, per_user: usize) -> Vec<usize> {
    let present = connections(sessions);
    let mut shuffled = present.clone();
    shuffled.rotate_left(sessions.len() / 2);
    let gone = excess(shuffled, &limits(per_session, per_user));
    let at = |live: &Live| present.iter().position(|other| other == live).unwrap();
    let mut gone: Vec<_> = gone.iter().map(at).collect();
    gone.sort_unstable();
    gone
}

#[test]
fn the_oldest_of_a_session_and_then_the_oldest_of_the_user_give_way() {
    assert_eq!(gone(&[1, 1, 1], 3, 3), [] as [usize; 0]);
    assert_eq!(gone(&[1, 2, 1, 1, 1], 3, 9), [0]);
    assert_eq!(gone(&[1, 2, 3, 4], 9, 3), [0]);
    // Who left for the session's sake does not count against the user.
    assert_eq!(gone(&[2, 1, 1, 1], 2, 3), [1]);
    assert_eq!(gone(&[2, 1, 1, 1], 2, 2), [0, 1]);
}
