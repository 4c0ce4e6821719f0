//! Identifiers: one newtype for each kind of record, all of them UUID v7 (RFC 9562).
//!
//! An id names a record and proves nothing: whoever holds one still needs a right to use it. Secrets
//! come from [`crate::secret`]. Time and randomness are passed in, so that a test can repeat a run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Clock;
use crate::secret::Rng;

/// A fresh UUID v7: milliseconds of `clock`, 74 random bits of `rng`.
fn fresh(clock: &Clock, rng: &Rng) -> Uuid {
    let mut random = [0; 10];
    rng.fill(&mut random);
    let millis = u64::try_from(clock.now().micros() / 1_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id that sorts after the ones made before it.
            #[must_use]
            pub fn generate(clock: &Clock, rng: &Rng) -> Self {
                Self(fresh(clock, rng))
            }

            /// The bare UUID, for binding to SQL.
            #[must_use]
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            /// Accepts the hyphenated form alone: one record has one address.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                uuid::fmt::Hyphenated::from_str(text).map(|id| Self(id.into_uuid()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

id!(
    /// A person's record.
    UserId
);
id!(
    /// One sign-in on one device; the `sid` of its tokens.
    SessionId
);
id!(
    /// One open socket.
    ConnectionId
);
id!(
    /// One running server process.
    NodeId
);
id!(
    /// A backend's credential.
    ServiceKeyId
);
id!(
    /// A person as a provider knows them.
    IdentityId
);
id!(
    /// One mail in the outbox.
    MailId
);
id!(
    /// One act of revocation that a backend asked for.
    RevocationId
);
id!(
    /// One row of the audit log.
    AuditId
);
id!(
    /// A signed token's `jti`.
    TokenId
);
