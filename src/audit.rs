//! The audit log: who did what, from where, and how it ended. Append-only, also in the eyes of the database;
//! docs/SECURITY.md lists every action.
//!
//! Services write a row in the transaction of the act itself, so an act and its trace stand or fall
//! together; a refused act is written in a transaction of its own.

use std::fmt;
use std::net::IpAddr;

use serde_json::Value;

use crate::context::Context;
use crate::ids::{AuditId, ServiceKeyId, SessionId, UserId};
use crate::store::audit::{Filter, Line};
use crate::store::page::{self, Page};
use crate::store::{self, Tx};

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody signed in.
    Anonymous,
    User {
        id: UserId,
        session: SessionId,
    },
    ServiceKey(ServiceKeyId),
    /// An operator at the command line.
    Operator,
    /// The server by itself.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::User { id, .. } => write!(f, "user:{id}"),
            Self::ServiceKey(id) => write!(f, "service_key:{id}"),
            Self::Operator => f.write_str("operator"),
            Self::System => f.write_str("system"),
        }
    }
}

/// Who acts, and from where: passed to every service function that changes something.
#[derive(Clone, Debug)]
pub struct Origin {
    pub actor: Actor,
    pub ip: Option<IpAddr>,
    pub user_agent: Option<String>,
    /// `Accept-Language`, for the letters that the act leads to.
    pub languages: Option<String>,
    pub request_id: Option<String>,
}

impl Origin {
    /// An act without a request behind it.
    #[must_use]
    pub const fn local(actor: Actor) -> Self {
        Self {
            actor,
            ip: None,
            user_agent: None,
            languages: None,
            request_id: None,
        }
    }
}

macro_rules! actions {
    ($($name:ident = $text:literal,)+) => {
        /// What was done. Each kind of act has exactly one name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($name,)+ }

        impl Action {
            /// Every action there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The action of this name.
            #[must_use]
            pub fn named(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.as_str() == text)
            }

            /// The name in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

actions! {
    UserRegister = "user.register",
    UserCreate = "user.create",
    UserImport = "user.import",
    UserActivate = "user.activate",
    UserSetup = "user.setup",
    UserRole = "user.role",
    UserStatus = "user.status",
    UserUpdate = "user.update",
    UserDelete = "user.delete",
    UserExport = "user.export",
    PasswordChange = "password.change",
    EmailRequest = "email.request",
    EmailChange = "email.change",
    EmailUndo = "email.undo",
    RoleWrite = "role.write",
    RoleDelete = "role.delete",
    ActivationResend = "activation.resend",
    RecoveryRequest = "recovery.request",
    RecoveryComplete = "recovery.complete",
    IdentityLink = "identity.link",
    IdentityUnlink = "identity.unlink",
    SessionCreate = "session.create",
    SessionRefresh = "session.refresh",
    SessionReuse = "session.reuse",
    SessionLogout = "session.logout",
    SessionRevoke = "session.revoke",
    DeviceRevoke = "device.revoke",
    KeyCreate = "key.create",
    KeyRevoke = "key.revoke",
    SigningKeyRotate = "signing_key.rotate",
    SigningKeyWithdraw = "signing_key.withdraw",
    ManagementRefuse = "management.refuse",
}

/// One line of the log.
#[derive(Clone, Debug)]
pub struct Record {
    pub action: Action,
    /// Whom it was done to.
    pub user: Option<UserId>,
    pub session: Option<SessionId>,
    /// `ok`, or the public error code that answered it.
    pub outcome: &'static str,
    /// What else an investigator needs; never a secret, never an address typed by a stranger.
    pub details: Value,
}

impl Record {
    /// An act that was done.
    #[must_use]
    pub const fn done(action: Action) -> Self {
        Self {
            action,
            user: None,
            session: None,
            outcome: "ok",
            details: Value::Null,
        }
    }

    /// An act that was refused.
    #[must_use]
    pub const fn refused(action: Action, code: crate::error::Code) -> Self {
        Self {
            action,
            user: None,
            session: None,
            outcome: code.as_str(),
            details: Value::Null,
        }
    }

    #[must_use]
    pub const fn user(mut self, id: UserId) -> Self {
        self.user = Some(id);
        self
    }

    #[must_use]
    pub const fn session(mut self, id: SessionId) -> Self {
        self.session = Some(id);
        self
    }

    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}

/// Writes `record` as part of `tx`.
///
/// # Errors
/// When storage fails; the act must fail with it.
pub async fn record(tx: &mut Tx, cx: &Context, by: &Origin, record: Record) -> Result<(), store::Error> {
    store::audit::insert(tx, &row(cx, by, &record)).await
}

/// Writes `record` by itself: of an act that was refused, and so has no transaction to be part of.
///
/// # Errors
/// When storage fails.
pub async fn write(cx: &Context, by: &Origin, record: Record) -> Result<(), store::Error> {
    // One statement is a transaction of its own.
    store::audit::insert(&mut cx.db.single().await?, &row(cx, by, &record)).await
}

/// Lines of the log, the newest first: at most `limit` (200), those before `cursor` when given.
///
/// # Errors
/// When storage fails.
pub async fn list(
    cx: &Context,
    which: Filter,
    cursor: Option<AuditId>,
    limit: u32,
) -> Result<Page<Line, AuditId>, store::Error> {
    let limit = limit.min(page::MAX);
    store::audit::list(&mut cx.db.read().await?, which, cursor, limit).await
}

/// `record` as it is stored, for who writes it by a statement that does more than that.
#[must_use]
pub fn row(cx: &Context, by: &Origin, record: &Record) -> store::audit::Row {
    store::audit::Row {
        id: AuditId::generate(&cx.clock, &cx.rng),
        at: cx.now(),
        action: record.action.as_str(),
        actor: by.actor.to_string(),
        user_id: record.user,
        session_id: record.session,
        ip: by.ip.map(|ip| ip.to_string()),
        outcome: record.outcome,
        request_id: by.request_id.clone(),
        details: if record.details.is_null() {
            "{}".to_owned()
        } else {
            record.details.to_string()
        },
    }
}
