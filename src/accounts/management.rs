//! What managers and operators change on an account: its name, and whether it may be used.

use super::{Accounts, Error, check_name};
use crate::audit::{self, Action, Origin, Record};
use crate::ids::UserId;
use crate::roles::{ADMIN, Authority, Permission};
use crate::store::journal::{Change, Entry, StateReason};
use crate::store::mailed_tokens;
use crate::store::sessions::EndReason;
use crate::store::users::{self, Filter, Status, User};
use crate::store::{self, Page, Tx};

/// Another name, or none.
#[derive(Clone, Debug)]
pub enum NameChange {
    Set(String),
    Clear,
}

/// What is changed on an account. What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    pub name: Option<NameChange>,
    pub disabled: Option<bool>,
}

impl Accounts {
    /// The newest users that `which` describes first, at most `limit` (200), those older than `cursor` when given.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(
        &self,
        which: &Filter,
        cursor: Option<UserId>,
        limit: u32,
    ) -> Result<Page<User, UserId>, Error> {
        let mut tx = self.cx.db.read().await?;
        Ok(users::list(&mut tx, which, cursor, limit.min(store::page::MAX)).await?)
    }

    /// Changes an account: all that was asked for, or nothing. Disabling ends every session and every mailed
    /// token of the user; the new state is pushed. What is so already stays as it is.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name; [`Error::NotFound`]; [`Error::Conflict`] for an account never activated;
    /// [`Error::LastAdmin`]; [`Error::Lacking`] where the user holds a permission that the caller lacks;
    /// [`Error::Caller`]; [`Error::Store`].
    pub async fn change(&self, id: UserId, change: AccountChange, by: &Origin) -> Result<User, Error> {
        let action = match change.disabled {
            Some(_) => Action::UserStatus,
            None => Action::UserUpdate,
        };
        let result = self.try_change(id, change, by).await;
        self.audited(action, Some(id), by, result).await
    }

    /// As [`change`](Self::change), of the status alone.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub async fn set_disabled(&self, id: UserId, disabled: bool, by: &Origin) -> Result<User, Error> {
        let change = AccountChange {
            disabled: Some(disabled),
            ..AccountChange::default()
        };
        self.change(id, change, by).await
    }

    async fn try_change(&self, id: UserId, change: AccountChange, by: &Origin) -> Result<User, Error> {
        let name = match &change.name {
            Some(NameChange::Set(typed)) => {
                check_name(Some(typed)).map_err(|fault| Error::Invalid(vec![fault]))?
            }
            Some(NameChange::Clear) | None => None,
        };
        let mut tx = self.cx.db.begin().await?;
        let user = self.lock_subject(&mut tx, id, by).await?;
        if user.status == Status::Pending {
            // Its name, too, comes with the token that activates it.
            return Err(Error::Conflict("the account was never activated"));
        }
        if change.name.is_some() && name != user.name {
            users::set_name(&mut tx, id, name.as_deref(), self.cx.now()).await?;
            // That it changed, and not to what: the log outlives the person's record.
            let record = Record::done(Action::UserUpdate).user(id);
            let details = serde_json::json!({ "fields": ["name"] });
            audit::record(&mut tx, &self.cx, by, record.details(details)).await?;
        }
        let entries = match change.disabled {
            Some(disabled) => self.write_status(&mut tx, &user, disabled, by).await?,
            None => Vec::new(),
        };
        let user = users::find(&mut tx, id).await?.ok_or(Error::NotFound)?;
        tx.commit().await?;
        self.cx.hub.announce(&entries).await;
        Ok(user)
    }

    /// Moves the user, who is locked, between active and disabled; gives what is to be announced.
    async fn write_status(
        &self,
        tx: &mut Tx,
        user: &User,
        disabled: bool,
        by: &Origin,
    ) -> Result<Vec<Entry>, Error> {
        let (from, to) = if disabled {
            (Status::Active, Status::Disabled)
        } else {
            (Status::Disabled, Status::Active)
        };
        if user.status == to {
            return Ok(Vec::new());
        }
        if disabled {
            spare_last_admin(tx, user).await?;
        }
        let id = user.id;
        let version = users::set_status(tx, id, from, to, self.cx.now())
            .await?
            .ok_or(Error::NotFound)?;
        let mut entries = Vec::new();
        if disabled {
            // Before the new state: the sockets close with the reason, and need no state any more.
            entries.push(self.end_sessions(tx, id, EndReason::AccountDisabled).await?.1);
            mailed_tokens::end_all(tx, id).await?;
        }
        let change = Change::State {
            reason: StateReason::StatusChanged,
        };
        entries.push(self.append(tx, id, Some(version), change).await?);
        let details = serde_json::json!({ "from": from.as_str(), "to": to.as_str(), "version": version });
        let record = Record::done(Action::UserStatus).user(id).details(details);
        audit::record(tx, &self.cx, by, record).await?;
        Ok(entries)
    }

    /// Locks the user whom an act is about, and makes sure that the caller may touch them: nobody touches
    /// somebody who holds a built-in permission which they lack.
    pub(super) async fn lock_subject(&self, tx: &mut Tx, id: UserId, by: &Origin) -> Result<User, Error> {
        let user = users::find_locked(tx, id).await?;
        if user.as_ref().is_some_and(|user| user.site_role == ADMIN) {
            // Two acts on the last two admins must not pass each other. After the user's own row, as where a
            // role is given: two acts would wait for each other otherwise.
            store::roles::lock(tx, ADMIN).await?;
        }
        // After the locks: whoever took the right away and committed first is seen.
        let may = Authority::confirm(tx, by, Permission::UsersWrite, self.cx.now()).await?;
        let user = user.ok_or(Error::NotFound)?;
        let role = store::roles::find(tx, &user.site_role).await?;
        let held = role.map(|role| role.permissions).unwrap_or_default();
        match may.lacks(&held) {
            Some(missing) => Err(Error::Lacking(missing)),
            None => Ok(user),
        }
    }
}

/// Refuses what would leave nobody who is active with the role `admin`. The role is locked.
pub(super) async fn spare_last_admin(tx: &mut Tx, user: &User) -> Result<(), Error> {
    let counts = user.site_role == ADMIN && user.status == Status::Active;
    if counts && users::count_active_in_role(tx, ADMIN).await? <= 1 {
        return Err(Error::LastAdmin);
    }
    Ok(())
}
