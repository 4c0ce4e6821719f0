//! The application: its services, built once from the configuration, and its life.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::accounts::Accounts;
use crate::config::Config;
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

impl App {
    /// Opens the database and builds every service. `bound` is where the server listens or would.
    pub async fn build(_config: Arc<Config>, _bound: SocketAddr, _migrate: bool) -> anyhow::Result<Self> {
        todo!()
    }
    /// Serves `listener` until SIGTERM or SIGINT, then drains and stops.
    pub async fn serve(self, _listener: TcpListener) -> anyhow::Result<()> {
        todo!()
    }
    /// Closes the database, where nothing was started.
    pub async fn close(self) {
        todo!()
    }
}
