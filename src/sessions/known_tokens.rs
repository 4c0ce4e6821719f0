//! Access tokens whose signature was verified before, so that the next request with one need not pay for
//! it again. Bounded, in memory, by the hash of the whole text. Called by `access_token`.
//!
//! Only what can never change is remembered: the claims and the key that signed them. Whether that key
//! still verifies, whether the token's time has come and gone, and whether its session lives, is asked
//! for every request. So a withdrawn key is of no use here, even before what it signed is forgotten.

use moka::sync::Cache;

use crate::secret::TokenHash;

/// How many tokens are remembered; the least useful go first.
const MOST: u64 = 10_000;

/// Remembers the `V` of verified tokens. Clones share.
#[derive(Clone, Debug)]
pub(super) struct KnownTokens<V: Clone + Send + Sync + 'static>(Cache<TokenHash, V>);

impl<V: Clone + Send + Sync + 'static> Default for KnownTokens<V> {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl<V: Clone + Send + Sync + 'static> KnownTokens<V> {
    pub(super) fn get(&self, token: &TokenHash) -> Option<V> {
        self.0.get(token)
    }

    pub(super) fn remember(&self, token: TokenHash, value: V) {
        self.0.insert(token, value);
    }

    /// Forgets every token: some were signed by a key that was withdrawn.
    pub(super) fn forget(&self) {
        self.0.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_forgotten_beyond_the_bound() {
        let known = KnownTokens::default();
        for number in 0..MOST * 2 {
            known.remember(TokenHash::of(&number.to_le_bytes()), number);
        }
        known.0.run_pending_tasks();
        assert!(known.0.entry_count() <= MOST);
        assert!(known.0.entry_count() > MOST / 2);
    }

    #[test]
    fn what_was_forgotten_is_remembered_no_more() {
        let (known, token) = (KnownTokens::default(), TokenHash::of(b"token"));
        known.remember(token, 1);
        known.forget();
        assert_eq!(known.get(&token), None);
        known.remember(token, 2);
        assert_eq!(known.get(&token), Some(2));
    }
}
