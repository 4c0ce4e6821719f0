//! Revocation: ending sessions so that nothing of them survives, on REST or on sockets.
//!
//! One transaction (sessions, journal, audit), commit, then [`Hub::announce`](crate::hub::Hub::announce).
//! The receipt says what this node's sockets did.

use std::time::Duration;

use serde::Serialize;

use crate::audit::Origin;
use crate::context::Context;
use crate::ids::{RevocationId, SessionId, UserId};
use crate::roles::{Authority, Permission};
use crate::store;

/// Whose sessions end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    Session(SessionId),
    User {
        id: UserId,
        except: Option<SessionId>,
    },
    Role(String),
    All,
}

/// How long the caller wants to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Wait {
    /// Until the commit.
    None,
    /// Until this node's sockets are closed.
    #[default]
    Local,
    /// Until every node's are.
    All,
}

/// What a backend asks for.
#[derive(Clone, Debug)]
pub struct Request {
    pub selector: Selector,
    /// For the audit log.
    pub reason: String,
    /// Shown to the person.
    pub message: Option<String>,
    pub dry_run: bool,
    pub wait: Wait,
    pub timeout: Duration,
}

/// How far a revocation has reached.
#[derive(Clone, Debug, Serialize)]
pub struct Receipt {
    pub complete: bool,
    pub nodes: u32,
    pub acknowledged: u32,
    pub sockets_closed: u64,
    pub slowest_ms: u64,
    pub pending: Vec<crate::ids::NodeId>,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `None` for a dry run.
    pub id: Option<RevocationId>,
    /// The journal's sequence; `None` for a dry run and where nothing was left to revoke.
    pub sequence: Option<i64>,
    pub sessions_revoked: u64,
    pub receipt: Option<Receipt>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such session, user or role.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A signed-in manager cannot sign out somebody who holds a permission that the manager lacks.
    #[error("this needs a permission that you do not hold: {0}")]
    Lacking(Permission),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The revocation service. Clones share.
#[derive(Clone, Debug)]
pub struct Revocation {
    cx: Context,
}

impl Revocation {
    #[must_use]
    pub fn new(cx: Context) -> Self {
        Self { cx }
    }

    /// Ends the selected sessions.
    ///
    /// # Errors
    /// [`Error`]; nothing has changed then.
    pub async fn revoke(
        &self,
        _request: Request,
        _may: &Authority,
        _by: &Origin,
    ) -> Result<Outcome, Error> {
        let _ = &self.cx;
        todo!()
    }
}
