//! Deleting an account, as a manager's act.

use super::{Accounts, Error};
use crate::audit::{Action, Origin};
use crate::ids::UserId;

impl Accounts {
    /// DELETE /api/users/{id}: ends every session of the user, and erases the person. What stays names the
    /// id alone: see [`users::erase`](crate::store::users::erase).
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::LastAdmin`]; [`Error::Lacking`] where the user holds a permission that
    /// the caller lacks; [`Error::Caller`]; [`Error::Store`].
    pub async fn remove(&self, id: UserId, by: &Origin) -> Result<(), Error> {
        let result = self.try_remove(id, by).await;
        self.audited(Action::UserDelete, Some(id), by, result).await
    }

    async fn try_remove(&self, id: UserId, by: &Origin) -> Result<(), Error> {
        let mut tx = self.cx.db.begin().await?;
        let user = self.lock_subject(&mut tx, id, by).await?;
        let entry = self.erase(&mut tx, &user, None, by).await?;
        tx.commit().await?;
        self.cx.hub.announce(&[entry]).await;
        Ok(())
    }
}
