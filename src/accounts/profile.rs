//! What people change about themselves without further proof: the name.

use super::{Accounts, Error, check_name};
use crate::audit::{self, Action, Origin, Record};
use crate::sessions::Current;
use crate::store::users::{self, User};

impl Accounts {
    /// PATCH /api/users/me: another name, or none.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::SessionEnded`]; [`Error::Limited`], for each leaves a line in the audit log;
    /// [`Error::Store`].
    pub async fn rename(&self, caller: &Current, name: Option<&str>, by: &Origin) -> Result<User, Error> {
        self.limits.token(by.ip).await?;
        let result = self.try_rename(caller, name, by).await;
        self.audited(Action::UserUpdate, Some(caller.user_id), by, result)
            .await
    }

    async fn try_rename(&self, caller: &Current, name: Option<&str>, by: &Origin) -> Result<User, Error> {
        let name = check_name(name).map_err(|fault| Error::Invalid(vec![fault]))?;
        let mut tx = self.cx.db.begin().await?;
        let user = self.hold_live(&mut tx, caller).await?;
        let user = users::set_name(&mut tx, user.id, name.as_deref(), self.cx.now())
            .await?
            .ok_or(Error::SessionEnded)?;
        let row = Record::done(Action::UserUpdate)
            .user(user.id)
            .session(caller.session_id)
            .details(serde_json::json!({ "fields": ["name"] }));
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        Ok(user)
    }
}
