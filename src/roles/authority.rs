//! What a caller may do: as it was when the request came in, and as it is when the act is done.
//!
//! A request can wait between the two, for its body or for a lock. So a service that changes who may do
//! what asks again in the transaction of the act, by [`Authority::confirm`], and acts on that answer alone.

use super::Permission;
use crate::audit::{Actor, Origin};
use crate::clock::Timestamp;
use crate::error::Code;
use crate::store::users::Status;
use crate::store::{self, Tx};

/// What an actor may do, to compare with what it touches.
#[derive(Clone, Debug)]
pub enum Authority {
    /// The operator at the command line, and the server itself.
    Full,
    /// A signed-in manager or a service key: exactly these permissions.
    Holds(Vec<String>),
}

/// Why a caller may not do at this moment what it asks for.
#[derive(Debug, thiserror::Error)]
pub enum Unconfirmed {
    #[error("the caller's session has ended")]
    SessionEnded,
    #[error("the caller's service key is expired or revoked")]
    KeyEnded,
    #[error("this needs a permission that you do not hold: {0}")]
    Lacking(Permission),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Unconfirmed {
    /// The public code of the refusal, for the audit log. `None`: storage failed, nothing was decided.
    #[must_use]
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::SessionEnded => Some(Code::SessionRevoked),
            Self::KeyEnded => Some(Code::InvalidToken),
            Self::Lacking(_) => Some(Code::Forbidden),
            Self::Store(_) => None,
        }
    }
}

impl Authority {
    /// What the actor may do at `now`, read in `tx`, provided that this includes `needed`. To be called
    /// after the locks of the act: whoever took the right away and committed first is then seen.
    ///
    /// # Errors
    /// [`Unconfirmed`]; the act must not be done.
    pub async fn confirm(
        tx: &mut Tx,
        by: &Origin,
        needed: Permission,
        now: Timestamp,
    ) -> Result<Self, Unconfirmed> {
        let held = match by.actor {
            Actor::Operator | Actor::System => return Ok(Self::Full),
            Actor::Anonymous => Vec::new(),
            Actor::User { id, session } => {
                let session = store::sessions::check(tx, session)
                    .await?
                    .filter(|session| session.user_id == id && session.ended(now).is_none())
                    .ok_or(Unconfirmed::SessionEnded)?;
                if session.state.status != Status::Active {
                    return Err(Unconfirmed::SessionEnded);
                }
                session.state.permissions.clone()
            }
            Actor::ServiceKey(id) => {
                let key = store::service_keys::find(tx, id).await?;
                key.filter(|key| key.is_live(now))
                    .ok_or(Unconfirmed::KeyEnded)?
                    .scopes
            }
        };
        if !held.iter().any(|held| held == needed.as_str()) {
            return Err(Unconfirmed::Lacking(needed));
        }
        Ok(Self::Holds(held))
    }

    /// The first built-in permission among `wanted` that this authority lacks.
    #[must_use]
    pub fn lacks(&self, wanted: &[String]) -> Option<Permission> {
        let Self::Holds(held) = self else { return None };
        Permission::ALL.iter().copied().find(|permission| {
            let named = |list: &[String]| list.iter().any(|text| text == permission.as_str());
            named(wanted) && !named(held)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authority_lacks_only_built_in_permissions_that_are_not_held() {
        let held = Authority::Holds(vec!["users:read".into()]);
        assert_eq!(held.lacks(&["users:read".into(), "app.custom".into()]), None);
        assert_eq!(held.lacks(&["keys:write".into()]), Some(Permission::KeysWrite));
        assert_eq!(Authority::Full.lacks(&["keys:write".into()]), None);
    }
}
