//! The roles themselves: reading, making, changing and deleting them.
//!
//! A change of a role is one transaction with one row of the journal, however many hold it: their versions
//! grow by one statement, and each node tells those of them who are connected to it.

use super::{ADMIN, Authority, DEFAULT, Error, Name, Permission, Roles};
use crate::audit::{self, Action, Origin, Record};
use crate::store::journal::{self, Change, NewEntry};
use crate::store::roles::{self, Role};
use crate::store::users;

impl Roles {
    /// Every role, by name.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn list(&self) -> Result<Vec<Role>, Error> {
        Ok(roles::list(&mut self.cx.db.read().await?).await?)
    }

    /// The role of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`], or a failure of storage.
    pub async fn find(&self, name: &Name) -> Result<Role, Error> {
        let role = roles::find(&mut self.cx.db.read().await?, name.as_str()).await?;
        role.ok_or(Error::NotFound)
    }

    /// Gives the role exactly these permissions, and makes it where there is none of this name. Who holds it
    /// is told at once. The same permissions as before change nothing.
    ///
    /// # Errors
    /// [`Error::Lacking`] where the role holds, or is given, a built-in permission that the caller lacks;
    /// [`Error::LastAdmin`] where it would take one from the role `admin`; [`Error::Caller`], or a failure of storage.
    pub async fn write(&self, name: &Name, permissions: Vec<Name>, by: &Origin) -> Result<Role, Error> {
        let mut wanted: Vec<String> = Vec::with_capacity(permissions.len());
        for permission in permissions {
            if wanted.iter().all(|known| known != permission.as_str()) {
                wanted.push(permission.to_string());
            }
        }
        let result = self.try_write(name.as_str(), wanted.clone(), by).await;
        let wanted = || serde_json::json!({ "role": name.as_str(), "permissions": wanted });
        self.audited(Action::RoleWrite, None, wanted, by, result).await
    }

    async fn try_write(&self, name: &str, permissions: Vec<String>, by: &Origin) -> Result<Role, Error> {
        let now = self.cx.now();
        let mut tx = self.cx.db.begin().await?;
        let made = roles::insert_missing(&mut tx, name, &permissions, now).await?;
        // The role before those who hold it: nobody comes to it between the growing of their versions and
        // the commit, who would have the new permissions under a version that has not grown.
        let before = roles::find_exclusively(&mut tx, name)
            .await?
            .ok_or(Error::NotFound)?;
        let may = Authority::confirm(&mut tx, by, Permission::RolesWrite, now).await?;
        for permissions in [&before.permissions, &permissions] {
            if let Some(missing) = may.lacks(permissions) {
                return Err(Error::Lacking(missing));
            }
        }
        let built_in = Permission::ALL.iter().map(|permission| permission.as_str());
        if name == ADMIN && !built_in.into_iter().all(|known| holds(&permissions, known)) {
            return Err(Error::LastAdmin);
        }
        if !made && same(&before.permissions, &permissions) {
            return Ok(before);
        }
        let (mut holders, mut entries) = (0, Vec::new());
        if !made {
            roles::set_permissions(&mut tx, name, &permissions, now).await?;
            holders = users::grow_versions(&mut tx, name, now).await?;
        }
        if holders > 0 {
            let entry = NewEntry {
                user_id: None,
                session_id: None,
                version: None,
                change: Change::RoleUpdated {
                    role: name.to_owned(),
                },
            };
            entries.push(journal::append(&mut tx, entry, now).await?);
        }
        let from = (!made).then_some(&before.permissions);
        let details =
            serde_json::json!({ "role": name, "from": from, "to": permissions, "holders": holders });
        let record = Record::done(Action::RoleWrite).details(details);
        audit::record(&mut tx, &self.cx, by, record).await?;
        tx.commit().await?;
        self.cx.hub.announce(&entries).await;
        Ok(Role {
            name: name.to_owned(),
            permissions,
        })
    }

    /// Deletes a role that nobody holds.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] where it is in use or given to new accounts;
    /// [`Error::LastAdmin`] for the role `admin`; [`Error::Lacking`] where it holds a built-in permission that the caller lacks;
    /// [`Error::Caller`], or a failure of storage.
    pub async fn delete(&self, name: &Name, by: &Origin) -> Result<(), Error> {
        let result = self.try_delete(name.as_str(), by).await;
        let wanted = || serde_json::json!({ "role": name.as_str() });
        self.audited(Action::RoleDelete, None, wanted, by, result).await
    }

    async fn try_delete(&self, name: &str, by: &Origin) -> Result<(), Error> {
        let mut tx = self.cx.db.begin().await?;
        // Whoever is about to give it has given it by now, or waits.
        let role = roles::find_exclusively(&mut tx, name).await?;
        let may = Authority::confirm(&mut tx, by, Permission::RolesWrite, self.cx.now()).await?;
        let role = role.ok_or(Error::NotFound)?;
        if let Some(missing) = may.lacks(&role.permissions) {
            return Err(Error::Lacking(missing));
        }
        match name {
            ADMIN => return Err(Error::LastAdmin),
            DEFAULT => return Err(Error::Conflict("new accounts are given this role")),
            _ => {}
        }
        if users::any_in_role(&mut tx, name).await? {
            let detail = "somebody holds this role: give everybody who does another one first";
            return Err(Error::Conflict(detail));
        }
        roles::delete(&mut tx, name).await?;
        let details = serde_json::json!({ "role": name, "permissions": role.permissions });
        let record = Record::done(Action::RoleDelete).details(details);
        audit::record(&mut tx, &self.cx, by, record).await?;
        Ok(tx.commit().await?)
    }
}

fn holds(permissions: &[String], wanted: &str) -> bool {
    permissions.iter().any(|permission| permission == wanted)
}

/// Whether both are the same permissions, in whatever order.
fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|permission| holds(other, permission))
}
