//! The application: its services, built once from the configuration, and its life.

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::context::Context;
use crate::lifecycle::Lifecycle;
use crate::revocation::Revocation;
use crate::roles::Roles;
use crate::service_keys::ServiceKeys;
use crate::sessions::Sessions;

/// Everything that the edges call. Clones share.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
pub struct Inner {
    pub cx: Context,
    pub accounts: Accounts,
    pub sessions: Sessions,
    pub roles: Roles,
    pub revocation: Revocation,
    pub service_keys: ServiceKeys,
    pub lifecycle: Lifecycle,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
