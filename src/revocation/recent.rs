//! The newest revocations of this node, with what its sockets did: so that a receipt asked for later can
//! tell how many closed, and how fast. Bounded; what is forgotten counts none.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::hub::Tally;
use crate::ids::RevocationId;

/// How many are remembered.
const MOST: usize = 1_024;

/// What this node remembers. Clones share.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent(Arc<Mutex<VecDeque<Remembered>>>);

type Remembered = (RevocationId, Arc<Tally>);

impl Recent {
    pub fn remember(&self, id: RevocationId, tally: &Arc<Tally>) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == MOST {
            recent.pop_front();
        }
        recent.push_back((id, Arc::clone(tally)));
    }

    pub fn find(&self, id: RevocationId) -> Option<Arc<Tally>> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = recent.iter().rev().find(|(other, _)| *other == id);
        found.map(|(_, tally)| Arc::clone(tally))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_and_the_oldest_make_room() {
        let recent = Recent::default();
        let id = |number: usize| RevocationId::from(uuid::Uuid::from_u128(number as u128));
        for number in 0..=MOST {
            recent.remember(id(number), &Tally::begin());
        }
        assert!(recent.find(id(0)).is_none());
        assert!(recent.find(id(1)).is_some() && recent.find(id(MOST)).is_some());
    }
}
