//! Whose account it is that a provider vouches for somebody: found, linked, claimed, or made. `crate::oauth` asks,
//! in the transaction in which the session begins.
//!
//! An identity is its provider and subject, never an address. An address decides only where nobody has the
//! identity yet, and only when the provider says that it was verified. What was set on an account whose own
//! address nobody ever proved is wiped before it is claimed: whoever registered it was perhaps waiting for its
//! owner to come (pre-hijacking, arXiv 2205.10174).

use super::{Accounts, Error};
use crate::audit::{self, Action, Origin, Record};
use crate::email::Email;
use crate::ids::{IdentityId, UserId};
use crate::mail::{self, Letter};
use crate::providers::Profile;
use crate::roles;
use crate::store::identities::{self, Identity};
use crate::store::journal::{Change, Entry, StateReason};
use crate::store::mailed_tokens;
use crate::store::sessions::EndReason;
use crate::store::users::{self, Activation, NewUser, Status, User};
use crate::store::{self, Tx};

const AGAIN: Error = Error::Conflict("the account was changed meanwhile; try again");

/// Who a provider says that somebody is.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The `<id>` of `oauth.<id>`.
    pub provider: &'a str,
    /// What the provider is called.
    pub name: &'a str,
    pub profile: &'a Profile,
}

impl Claim<'_> {
    /// The address that the provider vouches for.
    fn verified_email(&self) -> Result<&Email, Error> {
        let email = self
            .profile
            .email
            .as_ref()
            .filter(|_| self.profile.email_verified);
        email.ok_or(Error::EmailUnverified)
    }
}

/// An active account, locked, whose owner a provider vouched for.
#[derive(Debug)]
pub struct Admitted {
    pub user: User,
    /// To be announced after the commit.
    pub entries: Vec<Entry>,
}

/// What an address that a provider verified leads to.
enum Door {
    /// Nobody has it, and there may be a new account.
    Make,
    Link,
    /// It was registered, and never proven.
    Claim,
}

impl Accounts {
    /// Whether [`admit`](Self::admit) would let the person in now, for who has to be told before the frontend
    /// gets its code. Decides nothing.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub async fn would_admit(&self, claim: Claim<'_>) -> Result<(), Error> {
        let mut tx = self.cx.db.read().await?;
        let (provider, subject) = (claim.provider, &claim.profile.subject);
        if let Some(identity) = identities::find(&mut tx, provider, subject).await? {
            let user = users::find(&mut tx, identity.user_id).await?;
            return user.map_or(Err(AGAIN), |user| may_sign_in(&user));
        }
        let user = users::find_by_email(&mut tx, claim.verified_email()?).await?;
        self.door(user.as_ref()).map(drop)
    }

    /// The account of who the provider vouches for, locked until `tx` ends.
    ///
    /// # Errors
    /// [`Error::AccountDisabled`]; where nobody has the identity, [`Error::EmailUnverified`] and
    /// [`Error::RegistrationClosed`]; [`Error::Conflict`] when somebody was faster; [`Error::Store`].
    pub async fn admit(&self, tx: &mut Tx, claim: Claim<'_>, by: &Origin) -> Result<Admitted, Error> {
        let (provider, subject) = (claim.provider, &claim.profile.subject);
        match identities::find(tx, provider, subject).await? {
            Some(identity) => self.admit_known(tx, &identity, claim).await,
            None => self.admit_by_address(tx, claim, by).await,
        }
    }

    async fn admit_known(
        &self,
        tx: &mut Tx,
        identity: &Identity,
        claim: Claim<'_>,
    ) -> Result<Admitted, Error> {
        let user = users::find_locked(tx, identity.user_id).await?.ok_or(AGAIN)?;
        let email = claim.profile.email.as_ref().map(Email::as_str);
        // Under the lock: it may have been unlinked since it was found.
        if !identities::note_use(tx, identity.id, user.id, email, self.cx.now()).await? {
            return Err(AGAIN);
        }
        may_sign_in(&user)?;
        Ok(Admitted {
            user,
            entries: Vec::new(),
        })
    }

    async fn admit_by_address(&self, tx: &mut Tx, claim: Claim<'_>, by: &Origin) -> Result<Admitted, Error> {
        let email = claim.verified_email()?;
        self.lock_address(tx, email).await?;
        // Who waited for somebody's first sign-in, in two tabs say, finds what that has made.
        if let Some(identity) = identities::find(tx, claim.provider, &claim.profile.subject).await? {
            return self.admit_known(tx, &identity, claim).await;
        }
        let found = users::find_by_email_locked(tx, email).await?;
        let (user, entries) = match (self.door(found.as_ref())?, found) {
            (Door::Make, _) | (_, None) => (self.make(tx, email, claim, by).await?, Vec::new()),
            (Door::Link, Some(user)) => {
                self.tell_of_link(tx, &user, claim.name, by).await?;
                (user.id, Vec::new())
            }
            (Door::Claim, Some(user)) => (user.id, self.claim(tx, &user, email, claim, by).await?),
        };
        self.write_identity(tx, user, claim, by).await?.ok_or(AGAIN)?;
        let user = self.adopt_profile(tx, user, claim.profile).await?;
        Ok(Admitted { user, entries })
    }

    fn door(&self, user: Option<&User>) -> Result<Door, Error> {
        match user.map(|user| (user.status, user.id)) {
            None if self.cx.config.registration.open => Ok(Door::Make),
            None => Err(Error::RegistrationClosed),
            Some((Status::Active, _)) => Ok(Door::Link),
            Some((Status::Pending, _)) => Ok(Door::Claim),
            Some((Status::Disabled, id)) => Err(Error::AccountDisabled(id)),
        }
    }

    /// A new account without a password, active at once: the provider has proven the address.
    async fn make(&self, tx: &mut Tx, email: &Email, claim: Claim<'_>, by: &Origin) -> Result<UserId, Error> {
        let id = UserId::generate(&self.cx.clock, &self.cx.rng);
        let new = NewUser {
            id,
            email,
            name: None,
            status: Status::Active,
            site_role: roles::DEFAULT,
            password_hash: None,
            vouched: false,
            created_at: self.cx.now(),
        };
        if !users::insert_missing(tx, &new).await? {
            return Err(AGAIN);
        }
        let details = serde_json::json!({ "provider": claim.provider, "known": false });
        let row = Record::done(Action::UserRegister).user(id).details(details);
        audit::record(tx, &self.cx, by, row).await?;
        Ok(id)
    }

    /// Activates a pending account for its owner, without anything that was set on it before, but for the role and
    /// the name that an operator gave. The user is locked.
    async fn claim(
        &self,
        tx: &mut Tx,
        user: &User,
        email: &Email,
        claim: Claim<'_>,
        by: &Origin,
    ) -> Result<Vec<Entry>, Error> {
        mailed_tokens::end_all(tx, user.id).await?;
        identities::delete_all(tx, user.id).await?;
        let (ended, entry) = self.end_sessions(tx, user.id, EndReason::Revoked).await?;
        let activation = Activation {
            id: user.id,
            email,
            password_hash: None,
            name: user.name.as_deref().filter(|_| user.vouched),
            locale: mail::preferred(by.languages.as_deref().unwrap_or_default()),
            now: self.cx.now(),
        };
        let version = users::activate(tx, &activation).await?.ok_or(AGAIN)?;
        let change = Change::State {
            reason: StateReason::StatusChanged,
        };
        let state = self.append(tx, user.id, Some(version), change).await?;
        let details = serde_json::json!({ "provider": claim.provider, "sessions_revoked": ended });
        let row = Record::done(Action::UserActivate).user(user.id).details(details);
        audit::record(tx, &self.cx, by, row).await?;
        Ok(vec![entry, state])
    }

    /// Links the identity to `user`, who is locked; `None` when an account has it already.
    pub(super) async fn write_identity(
        &self,
        tx: &mut Tx,
        user: UserId,
        claim: Claim<'_>,
        by: &Origin,
    ) -> Result<Option<Identity>, store::Error> {
        let now = self.cx.now();
        let identity = Identity {
            id: IdentityId::generate(&self.cx.clock, &self.cx.rng),
            user_id: user,
            provider: claim.provider.to_owned(),
            subject: claim.profile.subject.clone(),
            email: claim
                .profile
                .email
                .as_ref()
                .map(|email| email.as_str().to_owned()),
            created_at: now,
            last_used_at: now,
        };
        if !identities::insert_missing(tx, &identity).await? {
            return Ok(None);
        }
        let details = serde_json::json!({ "provider": claim.provider, "identity": identity.id });
        let row = Record::done(Action::IdentityLink).user(user).details(details);
        audit::record(tx, &self.cx, by, row).await?;
        Ok(Some(identity))
    }

    /// Name and avatar are taken over where there is none, and never overwritten.
    pub(super) async fn adopt_profile(
        &self,
        tx: &mut Tx,
        user: UserId,
        profile: &Profile,
    ) -> Result<User, Error> {
        let (name, avatar) = (profile.name.as_deref(), profile.avatar_url.as_deref());
        let user = users::adopt_profile(tx, user, name, avatar, self.cx.now()).await?;
        user.ok_or(AGAIN)
    }

    /// Writes to the owner of an account that it has another way in.
    pub(super) async fn tell_of_link(
        &self,
        tx: &mut Tx,
        user: &User,
        provider: &str,
        by: &Origin,
    ) -> Result<(), store::Error> {
        let letter = Letter::IdentityLinked {
            name: user.name.clone(),
            provider: provider.to_owned(),
        };
        self.write_to(tx, user, &user.email, by, &letter).await
    }
}

/// (No identity belongs to a pending account: it is activated with its first.)
fn may_sign_in(user: &User) -> Result<(), Error> {
    match user.status {
        Status::Active => Ok(()),
        Status::Pending | Status::Disabled => Err(Error::AccountDisabled(user.id)),
    }
}
