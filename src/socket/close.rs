//! Close codes: the hundred decides what a client does.
//!
//! 40xx signed out: do not come back · 41xx get a new socket token · 42xx reconnect · 43xx stop and report.

use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::hub::outbox::Leave;
use crate::store::sessions::EndReason;

macro_rules! close_codes {
    ($($(#[$doc:meta])+ $name:ident = $code:literal $text:literal,)+) => {
        /// Why the server closes a socket.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum CloseCode { $($(#[$doc])+ $name,)+ }

        impl CloseCode {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $code),+ }
            }

            /// The reason text on the wire, at most 123 bytes (RFC 6455, 5.5).
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

close_codes! {
    /// The session was revoked.
    SessionRevoked = 4001 "session revoked",
    /// The account was disabled or deleted.
    AccountGone = 4002 "account disabled or deleted",
    /// Password or address changed.
    CredentialsChanged = 4003 "credentials changed",
    /// The person signed out.
    SignedOut = 4005 "signed out",
    /// The session's lifetime ran out.
    SessionExpired = 4006 "session expired",
    /// The session could not be checked in time.
    LeaseExpired = 4101 "lease ran out",
    /// The socket token is wrong.
    TokenInvalid = 4102 "token invalid",
    /// The socket token was used before.
    TokenUsed = 4103 "token used before",
    /// No hello within its time.
    HelloTimeout = 4104 "no hello in time",
    /// The server is draining.
    Draining = 4201 "draining",
    /// Nothing was heard after a ping.
    HeartbeatMissed = 4203 "heartbeat missed",
    /// The client reads too slowly.
    TooSlow = 4204 "reading too slowly",
    /// The server cannot serve now.
    Overloaded = 4206 "overloaded",
    /// Binary, not JSON, or not an object.
    BadFrame = 4301 "bad frame",
    /// A frame of a type that has no place here.
    UnexpectedType = 4302 "unexpected frame type",
    /// A frame is too large.
    TooLarge = 4303 "frame too large",
    /// Too many frames.
    TooManyFrames = 4304 "too many frames",
    /// Too many connections.
    TooManyConnections = 4306 "too many connections",
    /// The server stops now.
    ServiceRestart = 1012 "service restart",
    /// A fault of the server.
    Internal = 1011 "internal error",
}

impl CloseCode {
    /// The frame that says so.
    #[must_use]
    pub fn frame(self) -> CloseFrame {
        CloseFrame {
            code: self.number().into(),
            reason: self.text().into(),
        }
    }

    /// The code of a session that ended.
    #[must_use]
    pub const fn of_ending(reason: EndReason) -> Self {
        match reason {
            EndReason::Revoked | EndReason::RefreshReused => Self::SessionRevoked,
            EndReason::AccountDisabled | EndReason::AccountDeleted => Self::AccountGone,
            EndReason::PasswordChanged | EndReason::EmailChanged => Self::CredentialsChanged,
            EndReason::Logout => Self::SignedOut,
            EndReason::Expired => Self::SessionExpired,
        }
    }

    /// The code of an order of the hub.
    #[must_use]
    pub const fn of_leave(why: Leave) -> Self {
        match why {
            Leave::LeaseExpired => Self::LeaseExpired,
            Leave::TooSlow => Self::TooSlow,
            Leave::TooMany => Self::TooManyConnections,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_fit_into_a_close_frame_and_codes_are_unique() {
        let mut numbers: Vec<u16> = CloseCode::ALL.iter().map(|code| code.number()).collect();
        assert!(CloseCode::ALL.iter().all(|code| code.text().len() <= 123));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), CloseCode::ALL.len());
    }
}
