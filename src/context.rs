//! What every service is built from: configuration, clocks, keys, and the adapters. Cloning shares.

use std::sync::Arc;

use crate::clock::{Clock, Timestamp};
use crate::config::{Config, PublicUrl};
use crate::hub::Hub;
use crate::mail::Outbox;
use crate::secret::{MasterKey, Rng};
use crate::store::Db;

/// The ground that services stand on.
#[derive(Clone, Debug)]
pub struct Context {
    pub config: Arc<Config>,
    pub site: Arc<PublicUrl>,
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

    /// Whether pages of `origin` may call: what `http.allowed_origins` lists, and the hub's own, exactly.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        let mut listed = self.config.http.allowed_origins.iter().flatten();
        origin == self.site.origin() || listed.any(|allowed| allowed == origin)
    }
}
