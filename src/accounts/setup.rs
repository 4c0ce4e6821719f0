//! The first admin of a development server: a one-time address, printed at the start.

use std::time::Duration;

use super::operator::find_claim;
use super::{Accounts, Error, Registration};
use crate::audit::{self, Action, Origin, Record};
use crate::ids::UserId;
use crate::roles;
use crate::secret::PlainToken;
use crate::store::users::{self, NewUser, Status, User};
use crate::store::{self, setup_tokens};

/// How long the address works.
const LIFETIME: Duration = Duration::from_hours(1);

impl Accounts {
    /// A fresh set-up token (one hour; ends the older ones) while there is no admin, else `None`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn offer_setup(&self) -> Result<Option<PlainToken>, Error> {
        let token = PlainToken::generate("pcs_", &self.cx.rng);
        let now = self.cx.now();
        let mut tx = self.cx.db.begin().await?;
        store::roles::lock(&mut tx, roles::ADMIN).await?;
        setup_tokens::end_all(&mut tx).await?;
        let wanted = !users::any_in_role(&mut tx, roles::ADMIN).await?;
        if wanted {
            setup_tokens::insert(&mut tx, &token.hash(), now, now + LIFETIME).await?;
        }
        tx.commit().await?;
        Ok(wanted.then_some(token))
    }

    /// POST /api/setup/{token}: the first admin, active at once, in the same transaction that finds that
    /// there is none.
    ///
    /// # Errors
    /// [`Error::TokenSpent`] for every token that cannot be redeemed, and once any admin exists;
    /// [`Error::Conflict`] for an address that is taken by more than a registration that nobody proved; [`Error::Invalid`], neither of which spends the token.
    pub async fn set_up(&self, token: &PlainToken, who: Registration, by: &Origin) -> Result<User, Error> {
        let result = self.try_set_up(token, &who, by).await;
        self.audited(Action::UserSetup, None, by, result).await
    }

    async fn try_set_up(&self, token: &PlainToken, who: &Registration, by: &Origin) -> Result<User, Error> {
        self.limits.token(by.ip).await?;
        if !self.may_set_up(token).await? {
            return Err(Error::TokenSpent);
        }
        let (password, name) = self.check_registration(who).await?;
        let hash = self.hasher.hash(&password).await?;
        let new = NewUser {
            id: UserId::generate(&self.cx.clock, &self.cx.rng),
            email: &who.email,
            name: name.as_deref(),
            status: Status::Active,
            site_role: roles::ADMIN,
            password_hash: Some(&hash),
            vouched: true,
            created_at: self.cx.now(),
        };
        let mut tx = self.cx.db.begin().await?;
        // First the address, as wherever an account is made.
        self.lock_address(&mut tx, &who.email).await?;
        let claim = find_claim(&mut tx, &who.email).await?;
        // Everybody who makes an admin waits here: two that set up at once do not both find none.
        store::roles::lock(&mut tx, roles::ADMIN).await?;
        if users::any_in_role(&mut tx, roles::ADMIN).await?
            || !setup_tokens::consume(&mut tx, &token.hash(), self.cx.now()).await?
        {
            return Err(Error::TokenSpent);
        }
        if !self.write_vouched(&mut tx, &new, claim.as_ref(), by).await? {
            return Err(Error::Conflict("this address has an account already"));
        }
        setup_tokens::end_all(&mut tx).await?;
        let user = users::find(&mut tx, new.id).await?.ok_or(Error::NotFound)?;
        audit::record(
            &mut tx,
            &self.cx,
            by,
            Record::done(Action::UserSetup).user(new.id),
        )
        .await?;
        tx.commit().await?;
        Ok(user)
    }

    /// A cheap look before anything is hashed.
    async fn may_set_up(&self, token: &PlainToken) -> Result<bool, store::Error> {
        let mut tx = self.cx.db.read().await?;
        Ok(
            setup_tokens::is_live(&mut tx, &token.hash(), self.cx.now()).await?
                && !users::any_in_role(&mut tx, roles::ADMIN).await?,
        )
    }
}
