//! How an export looks: the shapes of its lists, as JSON and in the `OpenAPI` document.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::render::UserJson;
use crate::accounts::Export;
use crate::clock::Timestamp;
use crate::ids::{AuditId, IdentityId, MailId, SessionId, UserId};
use crate::store::audit::Line;
use crate::store::identities::Identity;
use crate::store::known_devices::Known;
use crate::store::sessions::Listed;
use crate::store::{mailed_tokens, mails};

/// All that is stored about a person.
#[derive(Serialize, ToSchema)]
#[schema(as = Export)]
pub struct ExportJson {
    #[schema(value_type = String, format = DateTime)]
    exported_at: Timestamp,
    user: UserJson,
    has_password: bool,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Those that ended within the last 30 days included.
    sessions: Vec<PastSessionJson>,
    /// Who the person is at providers.
    identities: Vec<ExportedIdentityJson>,
    /// What was signed in from.
    devices: Vec<DeviceJson>,
    /// Mailed links that still work.
    links: Vec<LinkJson>,
    /// Mails on record, without their contents.
    mails: Vec<MailJson>,
    /// What was done to the account, the oldest first.
    #[serde(skip)]
    #[expect(
        dead_code,
        reason = "the handler writes it after the rest; here is its schema"
    )]
    audit: Vec<LineJson>,
}

/// A session, live or ended.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedSession)]
pub struct PastSessionJson {
    #[schema(value_type = uuid::Uuid)]
    id: SessionId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    authenticated_at: Timestamp,
    amr: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    idle_expires_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    revoked_reason: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    device: Option<String>,
}

/// Who the person is at a provider.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedIdentity)]
pub struct ExportedIdentityJson {
    #[schema(value_type = uuid::Uuid)]
    id: IdentityId,
    provider: String,
    subject: String,
    email: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
}

/// A device that the person has signed in from.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedDevice)]
pub struct DeviceJson {
    network: String,
    agent: String,
    #[schema(value_type = String, format = DateTime)]
    first_seen_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
}

/// A mailed link.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedLink)]
pub struct LinkJson {
    purpose: String,
    email: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A mail.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedMail)]
pub struct MailJson {
    #[schema(value_type = uuid::Uuid)]
    id: MailId,
    kind: String,
    #[schema(value_type = String)]
    status: mails::Status,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
}

/// A line of the audit log.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedLine)]
pub struct LineJson {
    #[schema(value_type = uuid::Uuid)]
    id: AuditId,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    action: String,
    actor: String,
    #[schema(value_type = Option<uuid::Uuid>)]
    session_id: Option<SessionId>,
    ip: Option<String>,
    outcome: String,
    request_id: Option<String>,
    #[schema(value_type = Object)]
    details: Value,
}

impl From<Listed> for PastSessionJson {
    fn from(session: Listed) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            authenticated_at: session.authenticated_at,
            amr: session.amr,
            last_seen_at: session.last_seen_at,
            idle_expires_at: session.idle_expires_at,
            expires_at: session.expires_at,
            revoked_at: session.revoked_at,
            revoked_reason: session.revoked_reason,
            ip: session.ip,
            user_agent: session.user_agent,
            device: session.device,
        }
    }
}

impl From<Identity> for ExportedIdentityJson {
    fn from(identity: Identity) -> Self {
        Self {
            id: identity.id,
            provider: identity.provider,
            subject: identity.subject,
            email: identity.email,
            created_at: identity.created_at,
            last_used_at: identity.last_used_at,
        }
    }
}

impl From<Known> for DeviceJson {
    fn from(device: Known) -> Self {
        Self {
            network: device.network,
            agent: device.agent,
            first_seen_at: device.first_seen_at,
            last_seen_at: device.last_seen_at,
        }
    }
}

impl From<mailed_tokens::Listed> for LinkJson {
    fn from(link: mailed_tokens::Listed) -> Self {
        Self {
            purpose: link.purpose,
            email: link.email,
            created_at: link.created_at,
            expires_at: link.expires_at,
        }
    }
}

impl From<mails::Listed> for MailJson {
    fn from(mail: mails::Listed) -> Self {
        Self {
            id: mail.id,
            kind: mail.kind,
            status: mail.status,
            created_at: mail.created_at,
            sent_at: mail.sent_at,
        }
    }
}

impl LineJson {
    /// For `reader`, whom it is about. What managers and backends did is told, but not from where, nor what they
    /// noted: that is for the log.
    pub fn of(mut line: Line, reader: UserId) -> Self {
        let own = line.actor == format!("user:{reader}");
        if !own && (line.actor.starts_with("user:") || line.actor.starts_with("service_key:")) {
            (line.ip, line.request_id) = (None, None);
        }
        if let Some(details) = line.details.as_object_mut().filter(|_| !own) {
            details.remove("reason");
        }
        Self {
            id: line.id,
            at: line.at,
            action: line.action,
            actor: line.actor,
            session_id: line.session_id,
            ip: line.ip,
            outcome: line.outcome,
            request_id: line.request_id,
            details: line.details,
        }
    }
}

impl From<Export> for ExportJson {
    fn from(export: Export) -> Self {
        Self {
            exported_at: export.at,
            has_password: export.user.password_hash.is_some(),
            updated_at: export.user.updated_at,
            user: export.user.into(),
            sessions: export.sessions.into_iter().map(Into::into).collect(),
            identities: export.identities.into_iter().map(Into::into).collect(),
            devices: export.devices.into_iter().map(Into::into).collect(),
            links: export.links.into_iter().map(Into::into).collect(),
            mails: export.mails.into_iter().map(Into::into).collect(),
            audit: Vec::new(),
        }
    }
}
