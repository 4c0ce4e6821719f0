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

    /// Whether pages of `origin` may call: exactly what `http.allowed_origins` lists, or the hub's own.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        match &self.config.http.allowed_origins {
            Some(allowed) => allowed.iter().any(|allowed| allowed == origin),
            None => origin == self.site.origin(),
        }
    }
}
