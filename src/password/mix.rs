//! Which costs the stored hashes have, and how often: whom a sign-in without a hash pretends to be.
//!
//! A foreign hash takes another time than the hub's own. If only real accounts took it, their addresses
//! would be told by it. So a sign-in for an address without a hash does foreign work as well, as often as
//! accounts have such hashes: each address has a fixed place in the mix, and with it a fixed cost, until the
//! share of that cost shrinks below it, as if the person had signed in. Called by the hasher.

use super::cost::Cost;

/// How many accounts have a password, and how many of these have a foreign hash of which cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    accounts: u64,
    foreign: Vec<(Cost, u64)>,
}

impl Mix {
    /// From what the database counts: the cost that stands in front of each hash, empty for the hub's own.
    pub fn new<'a>(counts: impl IntoIterator<Item = (&'a str, u64)>) -> Self {
        let mut mix = Self::default();
        for (cost, accounts) in counts {
            mix.accounts += accounts;
            if let Ok(cost) = cost.parse() {
                mix.foreign.push((cost, accounts));
            }
        }
        mix.foreign.sort_unstable();
        mix
    }

    /// The cost at `place`, which is spread evenly over all numbers; `None` is the hub's own.
    pub(super) fn at(&self, place: u64) -> Option<Cost> {
        let mut number = (u128::from(place) * u128::from(self.accounts)) >> u64::BITS;
        for (cost, accounts) in &self.foreign {
            match number.checked_sub(u128::from(*accounts)) {
                Some(rest) => number = rest,
                None => return Some(*cost),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PBKDF2: Cost = Cost::Pbkdf2 { iterations: 1000 };
    const BCRYPT: Cost = Cost::Bcrypt { rounds: 4 };

    /// Of a thousand places, how many have each cost.
    fn shares(mix: &Mix) -> (usize, usize, usize) {
        let places = (0..1000).map(|n| n * (u64::MAX / 1000));
        let costs: Vec<_> = places.map(|place| mix.at(place)).collect();
        let count = |wanted| costs.iter().filter(|cost| **cost == wanted).count();
        (count(Some(PBKDF2)), count(Some(BCRYPT)), count(None))
    }

    #[test]
    fn t09_places_have_each_cost_as_often_as_accounts_do() {
        let mix = Mix::new([("", 500), ("bcrypt 4", 100), ("pbkdf2 1000      ", 400)]);
        let (pbkdf2, bcrypt, own) = shares(&mix);
        assert!((399..=401).contains(&pbkdf2), "{pbkdf2}");
        assert!((99..=101).contains(&bcrypt), "{bcrypt}");
        assert!((499..=501).contains(&own), "{own}");
        assert_eq!(shares(&Mix::new([("pbkdf2 1000", 3)])), (1000, 0, 0));
        assert_eq!(shares(&Mix::new([("", 3)])), (0, 0, 1000));
        assert_eq!(shares(&Mix::default()), (0, 0, 1000));
    }

    #[test]
    fn t09_a_place_never_turns_foreign_when_people_sign_in() {
        let mixes = (0..=400).map(|signed_in| {
            let left = 400 - signed_in;
            Mix::new([("", 500 + signed_in), ("pbkdf2 1000", left)])
        });
        let mixes: Vec<_> = mixes.collect();
        for place in (0..100).map(|n| n * (u64::MAX / 100)) {
            let own = mixes.iter().skip_while(|mix| mix.at(place).is_some());
            assert!(own.into_iter().all(|mix| mix.at(place).is_none()));
        }
    }
}
