//! Activation: the mailed token proves the address, and what was registered with it takes effect.

use super::{ACTIVATION, Accounts, Error, Grant};
use crate::audit::{self, Action, Origin, Record};
use crate::email::Email;
use crate::ids::UserId;
use crate::mail::{self, Letter};
use crate::secret::PlainToken;
use crate::store::journal::{Change, StateReason};
use crate::store::mailed_tokens::{self, Purpose};
use crate::store::users::{self, Activation, User};
use crate::store::{self, Tx};

impl<'a> Grant<'a> {
    /// What is set on the pending account already.
    pub(super) fn kept(user: &'a User) -> Self {
        Self {
            password_hash: user.password_hash.as_deref(),
            name: user.name.as_deref(),
            lifetime: ACTIVATION,
        }
    }
}

impl Accounts {
    /// A fresh token by which the owner of a pending account proves the address, and the letter that carries it.
    /// Who is `invited` has no password yet and chooses one.
    pub(super) async fn ask_for_proof(
        &self,
        tx: &mut Tx,
        user: UserId,
        email: &Email,
        grant: Grant<'_>,
        invited: bool,
    ) -> Result<Letter, store::Error> {
        let name = grant.name.map(str::to_owned);
        if invited {
            // A recovery token, because that is what the person does: choose a password. It carries the
            // operator's name for the person, which the recovery of a pending account would wipe.
            let token = self
                .replace_token(tx, Purpose::Recovery, user, email, grant)
                .await?;
            return Ok(Letter::Invitation { name, token });
        }
        let token = self
            .replace_token(tx, Purpose::Activation, user, email, grant)
            .await?;
        Ok(Letter::Activation { name, token })
    }

    /// PATCH /api/auth/activate/{token}. Does not sign in.
    ///
    /// # Errors
    /// [`Error::TokenSpent`] for every token that cannot be redeemed; [`Error::Limited`], [`Error::Store`].
    pub async fn activate(&self, token: &PlainToken, by: &Origin) -> Result<(), Error> {
        let action = Action::UserActivate;
        let found = self.find_token(token, Purpose::Activation, action, by).await?;
        let result = self.redeem_activation(token, found.user_id, by).await;
        self.audited(action, Some(found.user_id), by, result).await
    }

    async fn redeem_activation(&self, token: &PlainToken, user: UserId, by: &Origin) -> Result<(), Error> {
        let now = self.cx.now();
        let mut tx = self.cx.db.begin().await?;
        // The user before the token, as everywhere: a registration that ends this token holds the user.
        users::lock(&mut tx, user).await?;
        let token = mailed_tokens::consume(&mut tx, &token.hash(), Purpose::Activation, now)
            .await?
            .ok_or(Error::TokenSpent)?;
        let activation = Activation {
            id: user,
            email: &token.email,
            password_hash: token.password_hash.as_deref(),
            name: token.name.as_deref(),
            // Only who can read this mail has the token: so this is the owner's language, or none.
            locale: mail::preferred(by.languages.as_deref().unwrap_or_default()),
            now,
        };
        let version = users::activate(&mut tx, &activation)
            .await?
            .ok_or(Error::TokenSpent)?;
        mailed_tokens::end(&mut tx, user, Purpose::Activation).await?;
        let change = Change::State {
            reason: StateReason::StatusChanged,
        };
        let entry = self.append(&mut tx, user, Some(version), change).await?;
        audit::record(
            &mut tx,
            &self.cx,
            by,
            Record::done(Action::UserActivate).user(user),
        )
        .await?;
        tx.commit().await?;
        self.cx.hub.announce(&[entry]).await;
        self.limits.prove(by.ip, &token.email).await;
        Ok(())
    }
}
