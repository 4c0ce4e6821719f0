//! The letters that the hub writes.

/// A letter, before it is rendered.
#[derive(Clone, Debug)]
pub enum Letter {
    /// Prove your address; the link carries the token.
    Activation {
        name: Option<String>,
        token: crate::secret::PlainToken,
    },
    /// Somebody registered with your address, which has an account already.
    AlreadyRegistered { name: Option<String> },
    /// Choose a new password.
    Recovery {
        name: Option<String>,
        token: crate::secret::PlainToken,
    },
    /// Your password was changed and all sessions ended.
    PasswordChanged { name: Option<String> },
    /// An old refresh token of yours was used again; the session was ended.
    TokenReuse {
        name: Option<String>,
        device: Option<String>,
        ip: Option<String>,
    },
}
