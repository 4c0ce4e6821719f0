//! The letters that the hub writes. Services make them, [`super::render`] puts them into words.

use crate::config::{Links, Site};
use crate::email::Email;
use crate::secret::PlainToken;

/// A letter, before it is rendered.
#[derive(Clone, Debug)]
pub enum Letter {
    /// Prove your address; the link carries the token.
    Activation { name: Option<String>, token: PlainToken },
    /// Somebody registered with your address, which has an account already.
    AlreadyRegistered { name: Option<String> },
    /// Choose a new password.
    Recovery { name: Option<String>, token: PlainToken },
    /// An operator made an account for you; choose its password. The link is that of a recovery.
    Invitation { name: Option<String>, token: PlainToken },
    /// Your password was changed and sessions ended: all of them, or all but the one that changed it.
    PasswordChanged { name: Option<String>, one_stays: bool },
    /// Prove the address that you want for your account. Without a token: somebody wanted your address for
    /// theirs, and you have an account with it. One kind for both, so that no list of mails tells them apart.
    EmailChange {
        name: Option<String>,
        token: Option<PlainToken>,
    },
    /// Somebody asked for another address for your account; the link stops it.
    EmailChangeAsked {
        name: Option<String>,
        wanted: Email,
        token: PlainToken,
    },
    /// Your account has another address by now; the link takes that back.
    EmailChanged {
        name: Option<String>,
        wanted: Email,
        token: PlainToken,
    },
    /// Somebody signed in to your account from a device that was not used before; the link signs it out.
    NewDevice {
        name: Option<String>,
        device: Option<String>,
        ip: Option<String>,
        token: PlainToken,
    },
    /// You said that it was not you; choose another password. The link is that of a recovery.
    Secured { name: Option<String>, token: PlainToken },
    /// Your account was deleted.
    AccountDeleted { name: Option<String> },
    /// An old refresh token of yours was used again; the session was ended.
    TokenReuse {
        name: Option<String>,
        device: Option<String>,
        ip: Option<String>,
    },
}

impl Letter {
    /// Its kind, which is also the name of its templates.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Activation { .. } => "activation",
            Self::AlreadyRegistered { .. } => "already_registered",
            Self::Recovery { .. } => "recovery",
            Self::Invitation { .. } => "invitation",
            Self::PasswordChanged { .. } => "password_changed",
            Self::EmailChange { .. } => "email_change",
            Self::EmailChangeAsked { .. } => "email_change_asked",
            Self::EmailChanged { .. } => "email_changed",
            Self::NewDevice { .. } => "new_device",
            Self::Secured { .. } => "secured",
            Self::AccountDeleted { .. } => "account_deleted",
            Self::TokenReuse { .. } => "token_reuse",
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Activation { name, .. }
            | Self::AlreadyRegistered { name }
            | Self::Recovery { name, .. }
            | Self::Invitation { name, .. }
            | Self::PasswordChanged { name, .. }
            | Self::EmailChange { name, .. }
            | Self::EmailChangeAsked { name, .. }
            | Self::EmailChanged { name, .. }
            | Self::NewDevice { name, .. }
            | Self::Secured { name, .. }
            | Self::AccountDeleted { name }
            | Self::TokenReuse { name, .. } => name.as_deref(),
        }
    }

    pub(super) fn token(&self) -> Option<&PlainToken> {
        match self {
            Self::Activation { token, .. }
            | Self::Recovery { token, .. }
            | Self::Invitation { token, .. }
            | Self::EmailChangeAsked { token, .. }
            | Self::EmailChanged { token, .. }
            | Self::NewDevice { token, .. }
            | Self::Secured { token, .. } => Some(token),
            Self::EmailChange { token, .. } => token.as_ref(),
            Self::AlreadyRegistered { .. }
            | Self::PasswordChanged { .. }
            | Self::TokenReuse { .. }
            | Self::AccountDeleted { .. } => None,
        }
    }

    /// The address that the letter asks to open, made from configured addresses alone.
    pub(super) fn link(&self, site: &Site, links: &Links) -> Option<String> {
        let token = self.token()?;
        let (template, path) = match self {
            Self::Activation { .. } => (links.activation.as_ref(), "/activate/"),
            Self::Recovery { .. } | Self::Invitation { .. } | Self::Secured { .. } => {
                (links.recovery.as_ref(), "/recovery/")
            }
            Self::EmailChange { .. } => (links.email.as_ref(), "/email/"),
            Self::EmailChangeAsked { .. } | Self::EmailChanged { .. } => (None, "/email-undo/"),
            Self::NewDevice { .. } => (None, "/device/"),
            Self::AlreadyRegistered { .. }
            | Self::PasswordChanged { .. }
            | Self::TokenReuse { .. }
            | Self::AccountDeleted { .. } => return None,
        };
        Some(match template {
            Some(template) => template.replace("{token}", token.expose()),
            None => site.link(&format!("{path}{}", token.expose())),
        })
    }
}
