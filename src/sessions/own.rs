//! The sessions of one person, ended by their owner.

use super::logout::Proven;
use super::{Current, Error, LogoutScope, Sessions};
use crate::audit::{self, Action, Origin, Record};
use crate::error::Code;
use crate::ids::SessionId;
use crate::store;

impl Sessions {
    /// Ends one session of the caller's. One that has ended is no error; one of somebody else is as unknown
    /// as one that never was.
    ///
    /// # Errors
    /// [`Error::NotFound`], and [`Error::Limited`] after too many of these, or of those that had ended;
    /// [`Error::SessionRevoked`] when the caller's own has ended; a failure of storage.
    pub async fn end_own(&self, caller: &Current, session: SessionId, by: &Origin) -> Result<(), Error> {
        let found = store::sessions::check(&mut self.cx.db.read().await?, session).await?;
        if found.is_none_or(|found| found.user_id != caller.user_id) {
            // Nobody comes by an id that is not theirs. Each is a write, so an address has so many of them.
            self.limits.token(by.ip).await?;
            let record = Record::refused(Action::SessionLogout, Code::NotFound)
                .user(caller.user_id)
                .session(caller.session_id)
                .details(serde_json::json!({ "wanted": session }));
            audit::write(&self.cx, by, record).await?;
            return Err(Error::NotFound);
        }
        self.end_for(caller, session, LogoutScope::Session, by).await
    }

    /// Ends every session of the caller's but the one that asks.
    ///
    /// # Errors
    /// [`Error::Limited`] after too many times that there were none; [`Error::SessionRevoked`] when the caller's own has
    /// ended; a failure of storage.
    pub async fn end_others(&self, caller: &Current, by: &Origin) -> Result<(), Error> {
        self.end_for(caller, caller.session_id, LogoutScope::Others, by)
            .await
    }

    async fn end_for(
        &self,
        caller: &Current,
        session: SessionId,
        scope: LogoutScope,
        by: &Origin,
    ) -> Result<(), Error> {
        let proven = Proven {
            user: caller.user_id,
            by: caller.session_id,
            session,
            scope,
        };
        if self.end_proven(proven, by).await? {
            Ok(())
        } else {
            Err(Error::SessionRevoked)
        }
    }
}
