//! Revocation: ending sessions so that nothing of them survives, on REST or on sockets.
//!
//! One transaction (sessions, journal, audit), commit, then [`Hub::announce`](crate::hub::Hub::announce).
//! The receipt says what this node's sockets did, and which nodes have applied it.

mod recent;

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::audit::{self, Action, Actor, Origin, Record};
use crate::context::Context;
use crate::error::Code;
use crate::hub::{Reached, Tally};
use crate::ids::{RevocationId, SessionId, UserId};
use crate::roles::{Authority, Permission, Unconfirmed};
use crate::store::journal::{Change, Entry, NewEntry};
use crate::store::revocations::{Act, Done, Mark};
use crate::store::sessions::{self, EndReason, EndScope, Ending, Selection};
use crate::store::{self, Tx, users};
use recent::Recent;

/// Whose sessions end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    Session(SessionId),
    User { id: UserId, except: Option<SessionId> },
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
    /// The journal's sequence that holds it; where nothing was left to revoke, the newest there is.
    /// `None` for a dry run.
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
    /// What the caller was let in with is not good for this any more.
    #[error(transparent)]
    Caller(#[from] Unconfirmed),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Selector {
    /// As a caller writes it.
    fn json(&self) -> serde_json::Value {
        match self {
            Self::Session(id) => json!({ "session_id": id }),
            Self::User { id, except } => json!({ "user_id": id, "except_session_id": except }),
            Self::Role(role) => json!({ "role": role }),
            Self::All => json!({ "all": true }),
        }
    }
}

impl Error {
    /// The public code of a refusal, for the audit log. `None`: a fault of the server.
    fn code(&self) -> Option<Code> {
        match self {
            Self::Lacking(_) => Some(Code::Forbidden),
            Self::NotFound(_) => Some(Code::NotFound),
            Self::Caller(unconfirmed) => unconfirmed.code(),
            Self::Store(_) => None,
        }
    }
}

/// The revocation service. Clones share.
#[derive(Clone, Debug)]
pub struct Revocation {
    cx: Context,
    recent: Recent,
}

impl Revocation {
    #[must_use]
    pub fn new(cx: Context) -> Self {
        let recent = Recent::default();
        Self { cx, recent }
    }

    /// Ends the selected sessions: all of them, or none when it fails.
    ///
    /// # Errors
    /// [`Error`]; nothing has changed then, unless the answer to the commit was lost.
    pub async fn revoke(&self, request: Request, by: &Origin) -> Result<Outcome, Error> {
        // A connection of its own: people who sign in cannot delay a forced logout.
        let mut tx = self.cx.db.begin_revocation().await?;
        let user = match self.authorise(&mut tx, &request.selector, by).await {
            Ok(user) => user,
            Err(refusal) => {
                if let Some(code) = refusal.code() {
                    let details = json!({ "selector": request.selector.json(), "reason": request.reason });
                    let mut record = Record::refused(Action::SessionRevoke, code).details(details);
                    match request.selector {
                        Selector::Session(id) => record.session = Some(id),
                        Selector::User { id, .. } => record.user = Some(id),
                        Selector::Role(_) | Selector::All => {}
                    }
                    audit::record(&mut tx, &self.cx, by, record).await?;
                    tx.commit().await?;
                }
                return Err(refusal);
            }
        };
        let which = selection(&request.selector);
        if request.dry_run {
            let count = sessions::count_live(&mut tx, &which, self.cx.now()).await?;
            return Ok(Outcome {
                id: None,
                sequence: None,
                sessions_revoked: u64::try_from(count).unwrap_or(0),
                receipt: None,
            });
        }
        let act = self.write_act(&request, user, which, by);
        let id = act.row.id;
        let Done {
            sessions_revoked,
            mark,
            entry,
        } = store::revocations::carry_out(&mut tx, act).await?;
        tx.commit().await?;
        let sequence = mark.position.sequence;
        let receipt = self.carry_out(entry, user, &request, id, &mark).await;
        Ok(Outcome {
            id: Some(id),
            sequence: Some(sequence),
            sessions_revoked,
            receipt,
        })
    }

    /// How far the revocation `id` has reached by now.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there was none, [`Error::Store`].
    pub async fn receipt(&self, id: RevocationId) -> Result<Receipt, Error> {
        let hub = &self.cx.hub;
        let mut tx = self.cx.db.read().await?;
        let mark = store::revocations::find(&mut tx, id).await?;
        let mark = mark.ok_or(Error::NotFound("revocation"))?;
        let present = store::meta::epoch(&mut tx).await?;
        drop(tx);
        let reached = hub.reached(&mark).await?;
        // Sockets that it closed here are counted while it is remembered; that all are closed is known for
        // good, also where the tail closed them because its own comparison had failed.
        let tally = self.recent.find(id);
        let here =
            tally.as_ref().is_some_and(|tally| tally.is_complete()) || hub.has_applied(&mark, &present);
        Ok(self.write_receipt(here, tally.as_deref(), reached))
    }

    /// Locks whom it concerns. They must exist, and a signed-in manager must hold what they hold. A
    /// service key acts for a backend, which answers for itself. Gives the one user whom it concerns, if it
    /// concerns one.
    async fn authorise(
        &self,
        tx: &mut Tx,
        selector: &Selector,
        by: &Origin,
    ) -> Result<Option<UserId>, Error> {
        // Who is judged here must not become somebody else before the sessions end.
        let (user, role) = match selector {
            Selector::Session(id) => match sessions::lock_owner(tx, *id).await? {
                Some(user) => (Some(user.id), Some(user.site_role)),
                // It ended with its person's account, and nobody holds anything by it.
                None if sessions::exists(tx, *id).await? => (None, None),
                None => return Err(Error::NotFound("session")),
            },
            Selector::User { id, .. } => {
                let user = users::find_locked(tx, *id).await?;
                let user = user.ok_or(Error::NotFound("user"))?;
                (Some(user.id), Some(user.site_role))
            }
            Selector::Role(name) => {
                let role = store::roles::find(tx, name).await?;
                (None, Some(role.ok_or(Error::NotFound("role"))?.name))
            }
            Selector::All => (None, None),
        };
        // After the locks: whoever took the right away and committed first is seen.
        let may = Authority::confirm(tx, by, Permission::SessionsRevoke, self.cx.now()).await?;
        if let Actor::User { .. } = by.actor {
            let held = match role {
                Some(role) => {
                    let role = store::roles::find(tx, &role).await?;
                    role.ok_or(Error::NotFound("role"))?.permissions
                }
                None if matches!(selector, Selector::Session(_)) => Vec::new(),
                // Everybody includes the admins.
                None => Permission::ALL.iter().map(ToString::to_string).collect(),
            };
            if let Some(missing) = may.lacks(&held) {
                return Err(Error::Lacking(missing));
            }
        }
        Ok(user)
    }

    /// What the request comes to, as it is stored.
    fn write_act(&self, request: &Request, user: Option<UserId>, which: Selection, by: &Origin) -> Act {
        let reason = EndReason::Revoked;
        let message = request.message.clone();
        let selector = request.selector.json();
        let (session, scope) = match request.selector {
            Selector::Session(id) => (Some(id), EndScope::Session),
            _ => (None, EndScope::User),
        };
        let change = match &request.selector {
            Selector::Session(_) => Change::SessionEnded {
                reason,
                message: message.clone(),
            },
            Selector::User { except, .. } => Change::UserSessionsEnded {
                reason,
                except: *except,
                message: message.clone(),
            },
            Selector::Role(_) | Selector::All => Change::Bulk,
        };
        let entry = NewEntry {
            user_id: user,
            session_id: session,
            version: None,
            change,
        };
        let row = store::revocations::Row {
            id: RevocationId::generate(&self.cx.clock, &self.cx.rng),
            at: self.cx.now(),
            actor: by.actor.to_string(),
            selector: selector.to_string(),
            reason: request.reason.clone(),
            message: message.clone(),
        };
        let details = json!({ "revocation_id": row.id, "selector": selector, "reason": request.reason });
        let mut record = Record::done(Action::SessionRevoke).details(details);
        record.user = user;
        record.session = session;
        Act {
            audit: audit::row(&self.cx, by, &record),
            ending: Ending {
                reason,
                scope,
                message,
            },
            row,
            which,
            entry,
        }
    }

    /// Tells the sockets, and waits as long as the caller wants to.
    async fn carry_out(
        &self,
        entry: Option<Entry>,
        user: Option<UserId>,
        request: &Request,
        id: RevocationId,
        mark: &Mark,
    ) -> Option<Receipt> {
        let deadline = Instant::now() + request.timeout;
        let hub = &self.cx.hub;
        if request.wait == Wait::None {
            hub.announce_only(entry.as_slice());
            return None;
        }
        let tally = match entry {
            Some(entry) => hub.announce(&[entry]).await,
            // Nothing was left to end. Whoever ended it may not have told the sockets yet, and the
            // receipt answers for them all the same.
            None => hub.verify(user).await,
        };
        self.recent.remember(id, &tally);
        let here = tally.wait(deadline - Instant::now()).await;
        let reached = match request.wait {
            Wait::All => {
                let span = tracing::info_span!("other_nodes");
                let waited = hub.wait_for_others(mark, deadline).instrument(span).await;
                waited.unwrap_or_else(|error| {
                    tracing::warn!(%error, "it cannot be told how far a revocation has reached");
                    Reached::unknown()
                })
            }
            Wait::Local | Wait::None => Reached::default(),
        };
        Some(self.write_receipt(here, Some(&tally), reached))
    }

    /// `here`: whether this node's sockets are closed.
    fn write_receipt(&self, here: bool, tally: Option<&Tally>, reached: Reached) -> Receipt {
        let mut pending = reached.pending;
        if !here {
            pending.insert(0, self.cx.hub.node());
        }
        let (nodes, acknowledged) = (reached.others + 1, reached.acknowledged + u32::from(here));
        let slowest = tally.map_or(Duration::ZERO, Tally::slowest);
        Receipt {
            complete: acknowledged == nodes,
            nodes,
            acknowledged,
            sockets_closed: tally.map_or(0, Tally::closed),
            slowest_ms: u64::try_from(slowest.as_millis()).unwrap_or(u64::MAX),
            pending,
        }
    }
}

fn selection(selector: &Selector) -> Selection {
    match selector {
        Selector::Session(id) => Selection::Session(*id),
        Selector::User { id, except } => Selection::User {
            id: *id,
            except: *except,
        },
        Selector::Role(role) => Selection::Role(role.clone()),
        Selector::All => Selection::All,
    }
}
