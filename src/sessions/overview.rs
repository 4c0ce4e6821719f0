//! Live sessions with their connections, for people who look: one user's, or everybody's by pages.
//!
//! Which sessions there are is read from SQL; which of them are connected is told by the hub, as far as it
//! knows of the other nodes at the moment.

use super::{Error, Sessions};
use crate::hub::presence::Live;
use crate::ids::{SessionId, UserId};
use crate::store::sessions::{Listed, find_live, list_live};
use crate::store::{Page, page, users};

/// How many whole pages are looked at for one page of sessions without a connection.
const MOST_PAGES: usize = 10;
/// The most sessions of one user that are listed: the newest.
const MAX_OF_USER: u32 = 1_000;

/// A live session, and who is connected with it.
#[derive(Clone, Debug)]
pub struct Shown {
    pub session: Listed,
    /// The oldest first.
    pub connections: Vec<Live>,
}

/// Which sessions are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    pub user: Option<UserId>,
    /// Those with a connection, or those without.
    pub connected: Option<bool>,
}

impl Sessions {
    /// The user's live sessions, the newest first. `None`: there is no such user.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn of_user(&self, user: UserId) -> Result<Option<Vec<Shown>>, Error> {
        let mut tx = self.cx.db.read().await?;
        if users::find(&mut tx, user).await?.is_none() {
            return Ok(None);
        }
        let page = list_live(&mut tx, Some(user), None, MAX_OF_USER, self.cx.now()).await?;
        drop(tx);
        Ok(Some(self.show(page.items).await))
    }

    /// Live sessions, the newest first: at most `limit` (200), those older than `cursor` when given.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn list(
        &self,
        which: Filter,
        cursor: Option<SessionId>,
        limit: u32,
    ) -> Result<Page<Shown, SessionId>, Error> {
        let limit = limit.min(page::MAX);
        match which.connected {
            Some(true) => self.list_connected(which.user, cursor, limit).await,
            Some(false) => self.list_without(which.user, cursor, limit).await,
            None => {
                let page = self.read_page(which.user, cursor, limit).await?;
                let (items, next) = (self.show(page.items).await, page.next);
                Ok(Page { items, next })
            }
        }
    }

    /// The connected ones: few in comparison, so the hub is asked first.
    async fn list_connected(
        &self,
        user: Option<UserId>,
        cursor: Option<SessionId>,
        limit: u32,
    ) -> Result<Page<Shown, SessionId>, Error> {
        let mut ids: Vec<SessionId> = match user {
            Some(user) => self.cx.hub.connections(&[user]).await.into_keys().collect(),
            None => self.cx.hub.connected_sessions().await.into_iter().collect(),
        };
        ids.retain(|id| cursor.is_none_or(|cursor| *id < cursor));
        ids.sort_unstable_by(|one, other| other.cmp(one));
        let enough = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
        let mut found: Vec<Listed> = Vec::new();
        for ids in ids.chunks(enough) {
            let mut tx = self.cx.db.read().await?;
            found.extend(find_live(&mut tx, ids, self.cx.now()).await?);
            if found.len() >= enough {
                break;
            }
        }
        let page = Page::of(found, limit, |session| session.id);
        let (items, next) = (self.show(page.items).await, page.next);
        Ok(Page { items, next })
    }

    /// Those without a connection: read from SQL until there are enough, or many were looked at. Then the page
    /// is short, and leads on.
    async fn list_without(
        &self,
        user: Option<UserId>,
        mut cursor: Option<SessionId>,
        limit: u32,
    ) -> Result<Page<Shown, SessionId>, Error> {
        let mut found = Vec::new();
        for _ in 0..MOST_PAGES {
            let page = self.read_page(user, cursor, page::MAX).await?;
            let shown = self.show(page.items).await;
            found.extend(shown.into_iter().filter(|shown| shown.connections.is_empty()));
            cursor = page.next;
            if cursor.is_none() || found.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
                return Ok(Page::of(found, limit, |shown| shown.session.id));
            }
        }
        Ok(Page {
            items: found,
            next: cursor,
        })
    }

    async fn read_page(
        &self,
        user: Option<UserId>,
        cursor: Option<SessionId>,
        limit: u32,
    ) -> Result<Page<Listed, SessionId>, Error> {
        let mut tx = self.cx.db.read().await?;
        Ok(list_live(&mut tx, user, cursor, limit, self.cx.now()).await?)
    }

    async fn show(&self, sessions: Vec<Listed>) -> Vec<Shown> {
        let mut users: Vec<UserId> = sessions.iter().map(|session| session.user_id).collect();
        users.sort_unstable();
        users.dedup();
        let mut connections = self.cx.hub.connections(&users).await;
        let shown = sessions.into_iter().map(|session| Shown {
            connections: connections.remove(&session.id).unwrap_or_default(),
            session,
        });
        shown.collect()
    }
}
