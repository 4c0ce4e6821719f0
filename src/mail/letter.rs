//! The letters that the hub writes. Services make them, [`super::render`] puts them into words.

use crate::config::{Links, Site};
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
    /// Your password was changed and all sessions ended.
    PasswordChanged { name: Option<String> },
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
            Self::TokenReuse { .. } => "token_reuse",
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Activation { name, .. }
            | Self::AlreadyRegistered { name }
            | Self::Recovery { name, .. }
            | Self::Invitation { name, .. }
            | Self::PasswordChanged { name }
            | Self::TokenReuse { name, .. } => name.as_deref(),
        }
    }

    pub(super) fn token(&self) -> Option<&PlainToken> {
        match self {
            Self::Activation { token, .. }
            | Self::Recovery { token, .. }
            | Self::Invitation { token, .. } => Some(token),
            Self::AlreadyRegistered { .. } | Self::PasswordChanged { .. } | Self::TokenReuse { .. } => None,
        }
    }

    /// The address that the letter asks to open, made from configured addresses alone.
    pub(super) fn link(&self, site: &Site, links: &Links) -> Option<String> {
        let (template, path, token) = match self {
            Self::Activation { token, .. } => (&links.activation, "/activate/", token),
            Self::Recovery { token, .. } | Self::Invitation { token, .. } => {
                (&links.recovery, "/recovery/", token)
            }
            Self::AlreadyRegistered { .. } | Self::PasswordChanged { .. } | Self::TokenReuse { .. } => {
                return None;
            }
        };
        Some(match template {
            Some(template) => template.replace("{token}", token.expose()),
            None => site.link(&format!("{path}{}", token.expose())),
        })
    }
}
