//! Revoking one token (RFC 7009): whoever holds it may end the session that it stands for.
//!
//! A session has no token that could end alone: the others would bring it back. So any of its tokens ends
//! it, as signing out does; a refresh token that was exchanged long ago raises no alarm here.

use super::jwt::Validity;
use super::logout::Proven;
use super::rotation::PREFIX;
use super::{Error, LogoutScope, Sessions};
use crate::audit::Origin;
use crate::secret::PlainToken;

impl Sessions {
    /// POST /api/auth/revoke. A token that is unknown, expired or dead is no error, and ends nothing.
    ///
    /// # Errors
    /// When storage fails; nothing has ended then.
    pub async fn revoke_token(&self, token: &PlainToken, by: &Origin) -> Result<(), Error> {
        let mut tried = self.limits.sign_out(by.ip).await;
        let ended = match self.stands_for(token).await? {
            Some(proven) => self.end_proven(proven, by).await?,
            None => false,
        };
        if !ended {
            tried.count();
        }
        self.limits.signed_out(tried).await;
        Ok(())
    }

    /// The session of a refresh token of any generation, or of a valid access or socket token.
    async fn stands_for(&self, token: &PlainToken) -> Result<Option<Proven>, Error> {
        let scope = LogoutScope::Session;
        if token.expose().starts_with(PREFIX) {
            return self.prove_by_refresh(token, scope).await;
        }
        if let Some(access) = self.verify_access(token).await {
            let live = access.validity == Validity::Live;
            return Ok(live.then_some(Proven {
                user: access.user,
                by: access.session,
                session: access.session,
                scope,
            }));
        }
        let socket = self.verify_socket_token(token).await.ok();
        Ok(socket.map(|socket| Proven {
            user: socket.user_id,
            by: socket.session_id,
            session: socket.session_id,
            scope,
        }))
    }
}
