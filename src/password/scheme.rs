//! How this installation hashes: its parameters, its peppers and its working memory. Called by the hasher.

use argon2::Params;
use secrecy::ExposeSecret as _;

use super::cost::Cost;
use super::foreign::{Foreign, unmarked};
use super::memory::Memory;
use super::phc::{self, Stored};
use crate::config::{Passwords, Pepper, Peppers};
use crate::secret::Rng;

/// What hashes and verifies.
pub(super) struct Scheme {
    params: Params,
    peppers: Peppers,
    memory: Memory,
    /// A hash of random bytes: what is verified when there is nothing to verify.
    dummy: String,
}

/// A stored hash that can be verified.
pub(super) enum Known {
    Own(Box<Stored>),
    Foreign(Foreign),
}

/// The hash was made with a pepper that is not configured (any more).
struct MissingPepper;

impl Scheme {
    /// Computes one hash, the dummy, which takes as long as one does.
    pub(super) fn new(config: &Passwords) -> Self {
        let params = phc::params(config);
        let mut scheme = Self {
            memory: Memory::for_params(&params),
            params,
            peppers: config.peppers.clone(),
            dummy: String::new(),
        };
        let mut nothing = [0; 32];
        Rng::System.fill(&mut nothing);
        scheme.dummy = scheme.hash(&nothing);
        scheme
    }

    pub(super) fn params(&self) -> &Params {
        &self.params
    }

    /// A PHC string, with the current pepper and its id.
    pub(super) fn hash(&self, password: &[u8]) -> String {
        let secret = self.peppers.current.as_ref().map(secret);
        phc::phc(&self.params, password, secret, &self.memory)
    }

    /// Reads what the database holds; `None`, and a line in the log, for what cannot be verified.
    pub(super) fn read(&self, stored: &str) -> Option<Known> {
        let known = match unmarked(stored) {
            Some(text) => Foreign::parse(text).ok().map(Known::Foreign),
            None => Stored::parse(stored).map(|hash| Known::Own(Box::new(hash))),
        };
        let Some(known) = known else {
            tracing::error!("a stored password hash cannot be read");
            return None;
        };
        if let Known::Own(hash) = &known
            && self.pepper_of(hash).is_err()
        {
            let id = String::from_utf8_lossy(hash.key_id());
            tracing::error!(pepper = ?id, "a stored password hash needs a pepper that is not in passwords.peppers: put it back, its owner cannot sign in");
            return None;
        }
        Some(known)
    }

    /// Whether it is what [`hash`](Self::hash) would make.
    pub(super) fn is_current(&self, known: &Known) -> bool {
        match known {
            Known::Own(hash) => hash.is_current(&self.params),
            Known::Foreign(_) => false,
        }
    }

    /// Recomputes the hash and compares in constant time.
    pub(super) fn matches(&self, known: &Known, typed: &[u8]) -> bool {
        match known {
            Known::Own(hash) => match self.pepper_of(hash) {
                Ok(pepper) => hash.matches(typed, pepper.map(secret), &self.memory),
                Err(MissingPepper) => false,
            },
            Known::Foreign(hash) => hash.matches(typed, &self.memory),
        }
    }

    /// The work of a verification that finds nothing, of the given cost or of an own hash.
    pub(super) fn pretend(&self, typed: &[u8], cost: Option<Cost>) {
        match (cost, Stored::parse(&self.dummy)) {
            (Some(cost), _) => cost.spend(typed, &self.memory),
            (None, Some(dummy)) => drop(self.matches(&Known::Own(Box::new(dummy)), typed)),
            (None, None) => {}
        }
    }

    fn pepper_of(&self, hash: &Stored) -> Result<Option<&Pepper>, MissingPepper> {
        let id = hash.key_id();
        if id.is_empty() {
            return Ok(None);
        }
        self.peppers.find(id).map(Some).ok_or(MissingPepper)
    }

    /// The hash that is verified when there is nothing to verify.
    #[cfg(test)]
    pub(super) fn dummy(&self) -> &str {
        &self.dummy
    }
}

fn secret(pepper: &Pepper) -> &[u8] {
    pepper.secret.expose_secret().as_bytes()
}
