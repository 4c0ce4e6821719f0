//! Creating users as an operator; and finding one, for operators by the address, for the routes by the id. A
//! registration that nobody proved gives way to what an operator makes or imports: a stranger must not keep people
//! out.

use secrecy::SecretString;

use super::{ACTIVATION, Accounts, Error, Grant, check_name};
use crate::audit::{self, Action, Origin, Record};
use crate::email::Email;
use crate::error::FieldError;
use crate::ids::UserId;
use crate::mail::Letter;
use crate::roles;
use crate::store::users::{self, Status, User};
use crate::store::{self, Tx};

/// The user that an operator creates.
///
/// With `invite` a mail lets the person choose the password within 24 hours, which also proves the
/// address. Otherwise there is a `password`; unless `active`, a mail asks for the address to be proven first.
#[derive(Debug)]
pub struct NewUser {
    pub email: Email,
    pub name: Option<String>,
    pub role: String,
    /// Usable at once: the operator vouches for the address.
    pub active: bool,
    pub password: Option<SecretString>,
    pub invite: bool,
}

/// A [`NewUser`] whose fields were checked.
struct Checked {
    name: Option<String>,
    password_hash: Option<String>,
}

impl Accounts {
    /// `user create`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a field, also for an unknown role; [`Error::Conflict`] for an address that
    /// is taken by more than a registration that nobody proved; [`Error::Overloaded`], [`Error::Unreadable`], [`Error::Store`].
    pub async fn create(&self, user: NewUser, by: &Origin) -> Result<UserId, Error> {
        let result = self.try_create(&user, by).await;
        self.audited(Action::UserCreate, None, by, result).await
    }

    async fn try_create(&self, user: &NewUser, by: &Origin) -> Result<UserId, Error> {
        let checked = self.check_new(user).await?;
        let id = UserId::generate(&self.cx.clock, &self.cx.rng);
        let new = users::NewUser {
            id,
            email: &user.email,
            name: checked.name.as_deref(),
            status: if user.active {
                Status::Active
            } else {
                Status::Pending
            },
            site_role: &user.role,
            password_hash: checked.password_hash.as_deref(),
            vouched: true,
            created_at: self.cx.now(),
        };
        let mut tx = self.cx.db.begin().await?;
        self.lock_address(&mut tx, &user.email).await?;
        let claim = find_claim(&mut tx, &user.email).await?;
        store::roles::lock(&mut tx, &user.role).await?;
        if store::roles::find_shared(&mut tx, &user.role).await?.is_none() {
            return Err(Error::Invalid(vec![roles::unknown_role(&user.role)]));
        }
        if !self.write_vouched(&mut tx, &new, claim.as_ref(), by).await? {
            return Err(Error::Conflict("this address has an account already"));
        }
        if let Some(letter) = self.first_letter(&mut tx, user, id, &checked).await? {
            let (mail, language) = (&self.cx.mail, self.language(None, by));
            mail.enqueue(&mut tx, &user.email, Some(id), &language, &letter)
                .await?;
        }
        let details =
            serde_json::json!({ "role": user.role, "status": new.status.as_str(), "invited": user.invite });
        let row = Record::done(Action::UserCreate).user(id).details(details);
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        Ok(id)
    }

    /// Writes `new` in the place of `claim`, unless somebody else has the address; answers whether it was written.
    pub(super) async fn write_vouched(
        &self,
        tx: &mut Tx,
        new: &users::NewUser<'_>,
        claim: Option<&User>,
        by: &Origin,
    ) -> Result<bool, Error> {
        if let Some(claim) = claim {
            // Nobody could sign in to it: no socket waits for the news.
            let _unheard = self.erase(tx, claim, Some(new.id), by).await?;
        }
        Ok(users::insert_missing(tx, new).await?)
    }

    async fn check_new(&self, user: &NewUser) -> Result<Checked, Error> {
        let mut faults = Vec::new();
        let name = check_name(user.name.as_deref()).unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        let password = match &user.password {
            Some(_) if user.invite => {
                let detail = "Either a password is given, or the person is invited to choose one.";
                Err(FieldError::new("password", "invalid", detail))
            }
            Some(typed) => self
                .check_password(typed, &user.email, user.name.as_deref())
                .await?
                .map(Some),
            None if user.invite => Ok(None),
            None => Err(FieldError::new(
                "password",
                "required",
                "A password is needed, or an invitation.",
            )),
        };
        let password = password.unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        let password_hash = match password {
            Some(password) => Some(self.hasher.hash(&password).await?),
            None => None,
        };
        Ok(Checked { name, password_hash })
    }

    /// The mail that a new user gets: an invitation, or the request to prove the address.
    async fn first_letter(
        &self,
        tx: &mut Tx,
        user: &NewUser,
        id: UserId,
        checked: &Checked,
    ) -> Result<Option<Letter>, store::Error> {
        if user.active && !user.invite {
            return Ok(None);
        }
        let grant = Grant {
            password_hash: checked.password_hash.as_deref(),
            name: checked.name.as_deref(),
            lifetime: ACTIVATION,
        };
        let letter = self
            .ask_for_proof(tx, id, &user.email, grant, user.invite)
            .await?;
        Ok(Some(letter))
    }

    /// The user.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn find(&self, id: UserId) -> Result<User, Error> {
        users::find(&mut self.cx.db.read().await?, id)
            .await?
            .ok_or(Error::NotFound)
    }

    /// The user with this address.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn find_by_email(&self, email: &Email) -> Result<User, Error> {
        users::find_by_email(&mut self.cx.db.read().await?, email)
            .await?
            .ok_or(Error::NotFound)
    }
}

/// The registration that nobody proved and that has the address, which is locked; it is locked, too.
pub(super) async fn find_claim(tx: &mut Tx, email: &Email) -> Result<Option<User>, store::Error> {
    // First without a lock: nobody else, of those who have the address, has to wait.
    match users::find_by_email(tx, email).await? {
        Some(owner) if owner.is_bare_claim() => {
            let claim = users::find_locked(tx, owner.id).await?;
            Ok(claim.filter(User::is_bare_claim))
        }
        _ => Ok(None),
    }
}
