//! Deleting an account, as a manager's act.

use super::management::spare_last_admin;
use super::{Accounts, Error};
use crate::audit::{self, Action, Origin, Record};
use crate::ids::UserId;
use crate::store::sessions::EndReason;
use crate::store::users;

impl Accounts {
    /// DELETE /api/users/{id}: ends every session of the user, and erases the person. What stays names the
    /// id alone: see [`users::erase`].
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
        spare_last_admin(&mut tx, &user).await?;
        let (ended, entry) = self.end_sessions(&mut tx, id, EndReason::AccountDeleted).await?;
        users::erase(&mut tx, id).await?;
        let details = serde_json::json!({ "status": user.status.as_str(), "sessions": ended });
        let record = Record::done(Action::UserDelete).user(id).details(details);
        audit::record(&mut tx, &self.cx, by, record).await?;
        tx.commit().await?;
        self.cx.hub.announce(&[entry]).await;
        Ok(())
    }
}
