//! What every service is built from: configuration, clocks, keys, and the adapters. Cloning shares.

use std::sync::Arc;

use crate::clock::{Clock, Timestamp};
use crate::config::{Config, Site};
use crate::hub::Hub;
use crate::mail::Outbox;
use crate::secret::{MasterKey, Rng};
use crate::store::Db;

/// The ground that services stand on.
#[derive(Clone, Debug)]
pub struct Context {
    pub config: Arc<Config>,
    pub site: Arc<Site>,
    pub clock: Clock,
    pub rng: Rng,
    pub master: MasterKey,
    pub db: Db,
    pub hub: Hub,
    pub mail: Outbox,
}

impl Context {
    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
