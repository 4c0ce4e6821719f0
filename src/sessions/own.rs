//! The sessions of one person: listed with their live connections, and ended by their owner.

use std::collections::HashMap;
use std::sync::Arc;

use super::logout::Proven;
use super::{Current, Error, LogoutScope, Sessions};
use crate::audit::Origin;
use crate::hub::presence::{IsLive, Live};
use crate::ids::{SessionId, UserId};
use crate::store;
use crate::store::sessions::Listed;

/// A live session with its sockets, on all nodes.
#[derive(Clone, Debug)]
pub struct Alive {
    pub session: Listed,
    pub connections: Vec<Live>,
}

impl Sessions {
    /// The live sessions of `user`, the newest first, each with its sockets as far as they are known here.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn list(&self, user: UserId) -> Result<Vec<Alive>, Error> {
        let listed = store::sessions::list_live(&mut self.cx.db.read().await?, user, self.cx.now()).await?;
        let hub = &self.cx.hub;
        let others = hub.clone();
        let is_live: IsLive = Arc::new(move |node| others.is_live(node));
        let mut connections: HashMap<SessionId, Vec<Live>> = HashMap::new();
        for live in hub.presence().of(hub, user, &is_live).await {
            connections.entry(live.session).or_default().push(live);
        }
        let with_connections = |session: Listed| Alive {
            connections: connections.remove(&session.id).unwrap_or_default(),
            session,
        };
        Ok(listed.into_iter().map(with_connections).collect())
    }

    /// Ends one session of the caller's. One that has ended is no error; one of somebody else is as unknown
    /// as one that never was.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::SessionRevoked`] when the caller's own has ended; a failure of storage.
    pub async fn end_own(&self, caller: &Current, session: SessionId, by: &Origin) -> Result<(), Error> {
        let found = store::sessions::check(&mut self.cx.db.read().await?, session).await?;
        if found.is_none_or(|found| found.user_id != caller.user_id) {
            return Err(Error::NotFound);
        }
        self.end_for(caller, session, LogoutScope::Session, by).await
    }

    /// Ends every session of the caller's but the one that asks.
    ///
    /// # Errors
    /// [`Error::SessionRevoked`] when the caller's own has ended; a failure of storage.
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
