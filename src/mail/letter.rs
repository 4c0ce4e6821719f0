//! The letters that the hub writes. Services make them, [`super::render`] puts them into words.

use std::time::Duration;

use crate::config::{Links, PublicUrl};
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
    Secured {
        name: Option<String>,
        cause: Cause,
        token: PlainToken,
    },
    /// Your account can be signed in to by way of this provider from now on.
    IdentityLinked { name: Option<String>, provider: String },
    /// Your account cannot be signed in to by way of this provider any more.
    IdentityUnlinked { name: Option<String>, provider: String },
    /// Your account was deleted.
    AccountDeleted { name: Option<String> },
    /// An old refresh token of yours was used again; the session was ended.
    TokenReuse {
        name: Option<String>,
        device: Option<String>,
        ip: Option<String>,
    },
}

/// What somebody said was not them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The change of an address. What was linked to the account since is not any more: names of providers.
    Change { unlinked: Vec<String> },
    /// A sign-in, with a password or through a provider.
    SignIn { by_provider: bool },
}

/// Where a link leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Activation,
    Recovery,
    Email,
    EmailUndo,
    Device,
}

impl Page {
    /// The hub's own page, unless the site has one.
    fn of(self, links: &Links) -> (&'static str, Option<&str>) {
        match self {
            Self::Activation => ("/activate/", links.activation.as_deref()),
            Self::Recovery => ("/recovery/", links.recovery.as_deref()),
            Self::Email => ("/email/", links.email.as_deref()),
            Self::EmailUndo => ("/email-undo/", links.email_undo.as_deref()),
            Self::Device => ("/device/", links.device.as_deref()),
        }
    }
}

impl Letter {
    /// Every kind there is.
    pub(super) const KINDS: [&'static str; 14] = [
        "activation",
        "already_registered",
        "recovery",
        "invitation",
        "password_changed",
        "email_change",
        "email_change_asked",
        "email_changed",
        "new_device",
        "secured",
        "identity_linked",
        "identity_unlinked",
        "account_deleted",
        "token_reuse",
    ];

    /// Its kind, which is also the name of its template.
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
            Self::IdentityLinked { .. } => "identity_linked",
            Self::IdentityUnlinked { .. } => "identity_unlinked",
            Self::AccountDeleted { .. } => "account_deleted",
            Self::TokenReuse { .. } => "token_reuse",
        }
    }

    /// For how long a letter of this kind is worth sending: until its link has expired; a notice for as long as
    /// the way back from what it tells of is open.
    #[must_use]
    pub fn send_within(kind: &str) -> Duration {
        match kind {
            "recovery" | "secured" => Duration::from_mins(30),
            "activation" | "invitation" | "email_change" => Duration::from_hours(24),
            _ => Duration::from_hours(72),
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
            | Self::IdentityLinked { name, .. }
            | Self::IdentityUnlinked { name, .. }
            | Self::AccountDeleted { name }
            | Self::TokenReuse { name, .. } => name.as_deref(),
        }
    }

    /// The device and the address of the network that it tells of.
    pub(super) fn device_and_ip(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::NewDevice { device, ip, .. } | Self::TokenReuse { device, ip, .. } => {
                (device.as_deref(), ip.as_deref())
            }
            _ => (None, None),
        }
    }

    /// The address that was asked for, where it tells of a change.
    pub(super) fn wanted(&self) -> Option<&Email> {
        match self {
            Self::EmailChangeAsked { wanted, .. } | Self::EmailChanged { wanted, .. } => Some(wanted),
            _ => None,
        }
    }

    /// What the provider is called that it tells of.
    pub(super) fn provider(&self) -> Option<&str> {
        match self {
            Self::IdentityLinked { provider, .. } | Self::IdentityUnlinked { provider, .. } => Some(provider),
            _ => None,
        }
    }

    /// The providers that it tells of as unlinked, as a list of words; none where there are none.
    pub(super) fn unlinked(&self) -> Option<String> {
        match self {
            Self::Secured {
                cause: Cause::Change { unlinked },
                ..
            } => (!unlinked.is_empty()).then(|| unlinked.join(", ")),
            _ => None,
        }
    }

    /// Whether it tells of a sign-in through a provider.
    pub(super) const fn by_provider(&self) -> bool {
        matches!(
            self,
            Self::Secured {
                cause: Cause::SignIn { by_provider: true },
                ..
            }
        )
    }

    /// Whether it tells of sessions that ended, all but one.
    pub(super) const fn one_stays(&self) -> bool {
        matches!(self, Self::PasswordChanged { one_stays: true, .. })
    }

    pub(super) fn token(&self) -> Option<&PlainToken> {
        self.link_target().map(|(_, token)| token)
    }

    /// The address that the letter asks to open, made from configured addresses alone.
    pub(super) fn link(&self, site: &PublicUrl, links: &Links) -> Option<String> {
        let (page, token) = self.link_target()?;
        Some(match page.of(links) {
            (_, Some(template)) => template.replace("{token}", token.expose()),
            (path, None) => site.link(&format!("{path}{}", token.expose())),
        })
    }

    /// The page that it asks to open, and the token to bring along.
    const fn link_target(&self) -> Option<(Page, &PlainToken)> {
        match self {
            Self::Activation { token, .. } => Some((Page::Activation, token)),
            Self::Recovery { token, .. } | Self::Invitation { token, .. } | Self::Secured { token, .. } => {
                Some((Page::Recovery, token))
            }
            Self::EmailChange {
                token: Some(token), ..
            } => Some((Page::Email, token)),
            Self::EmailChangeAsked { token, .. } | Self::EmailChanged { token, .. } => {
                Some((Page::EmailUndo, token))
            }
            Self::NewDevice { token, .. } => Some((Page::Device, token)),
            Self::AlreadyRegistered { .. }
            | Self::PasswordChanged { .. }
            | Self::EmailChange { token: None, .. }
            | Self::IdentityLinked { .. }
            | Self::IdentityUnlinked { .. }
            | Self::AccountDeleted { .. }
            | Self::TokenReuse { .. } => None,
        }
    }

    /// One of each kind, in the order of [`KINDS`](Self::KINDS), for whoever checks templates: to somebody
    /// called `name`, or without anything that can be left out.
    pub(super) fn samples(name: Option<&str>, token: &PlainToken, wanted: &Email) -> Vec<Self> {
        let name = name.map(str::to_owned);
        let (device, ip) = (name.clone(), name.as_ref().map(|_| "192.0.2.1".to_owned()));
        let full = name.is_some();
        let (token, wanted) = (|| token.clone(), || wanted.clone());
        let named = || name.clone();
        vec![
            Self::Activation {
                name: named(),
                token: token(),
            },
            Self::AlreadyRegistered { name: named() },
            Self::Recovery {
                name: named(),
                token: token(),
            },
            Self::Invitation {
                name: named(),
                token: token(),
            },
            Self::PasswordChanged {
                name: named(),
                one_stays: full,
            },
            Self::EmailChange {
                name: named(),
                token: full.then(token),
            },
            Self::EmailChangeAsked {
                name: named(),
                wanted: wanted(),
                token: token(),
            },
            Self::EmailChanged {
                name: named(),
                wanted: wanted(),
                token: token(),
            },
            Self::NewDevice {
                name: named(),
                device: device.clone(),
                ip: ip.clone(),
                token: token(),
            },
            Self::Secured {
                name: named(),
                cause: if full {
                    Cause::Change {
                        unlinked: vec!["GitHub".to_owned()],
                    }
                } else {
                    Cause::SignIn { by_provider: true }
                },
                token: token(),
            },
            Self::IdentityLinked {
                name: named(),
                provider: "GitHub".to_owned(),
            },
            Self::IdentityUnlinked {
                name: named(),
                provider: "GitHub".to_owned(),
            },
            Self::AccountDeleted { name: named() },
            Self::TokenReuse {
                name: named(),
                device,
                ip,
            },
        ]
    }
}
