//! One's own identities at providers: to list, to link while signed in, to unlink. Each change is told by mail.

use super::{Accounts, Claim, Error};
use crate::audit::{self, Action, Origin, Record};
use crate::clock::Timestamp;
use crate::ids::{IdentityId, UserId};
use crate::mail::Letter;
use crate::providers::{Provider, Providers};
use crate::sessions::Current;
use crate::store::identities::{self, Identity};
use crate::store::{self, Tx};

impl Accounts {
    /// GET /api/users/me/identities: the oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn identities(&self, caller: &Current) -> Result<Vec<Identity>, Error> {
        Ok(identities::list(&mut self.cx.db.read().await?, caller.user_id).await?)
    }

    /// Links the identity to the caller's account, whose session must be live.
    ///
    /// # Errors
    /// [`Error::IdentityTaken`]; [`Error::SessionEnded`]; [`Error::Store`].
    pub async fn link(
        &self,
        tx: &mut Tx,
        caller: &Current,
        claim: Claim<'_>,
        by: &Origin,
    ) -> Result<Identity, Error> {
        let user = self.hold_live(tx, caller).await?;
        let subject = &claim.profile.subject;
        let known = identities::find(tx, claim.provider, subject).await?;
        if let Some(own) = known.filter(|identity| identity.user_id == user.id) {
            return Ok(own);
        }
        let linked = self.write_identity(tx, user.id, claim, by).await?;
        let identity = linked.ok_or(Error::IdentityTaken)?;
        self.adopt_profile(tx, user.id, claim.profile).await?;
        self.tell_of_link(tx, &user, claim.name, by).await?;
        Ok(identity)
    }

    /// DELETE /api/users/me/identities/{id}. An identity at a provider that is not among `providers` any more is
    /// no way to sign in.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::LastCredential`] where nothing else would be left to sign in with;
    /// [`Error::SessionEnded`], [`Error::Limited`], [`Error::Store`].
    pub async fn unlink(
        &self,
        caller: &Current,
        id: IdentityId,
        providers: &Providers,
        by: &Origin,
    ) -> Result<(), Error> {
        self.limits.token(by.ip).await?;
        let result = self.try_unlink(caller, id, providers, by).await;
        self.audited(Action::IdentityUnlink, Some(caller.user_id), by, result)
            .await
    }

    async fn try_unlink(
        &self,
        caller: &Current,
        id: IdentityId,
        providers: &Providers,
        by: &Origin,
    ) -> Result<(), Error> {
        let mut tx = self.cx.db.begin().await?;
        let user = self.hold_live(&mut tx, caller).await?;
        let gone = identities::delete(&mut tx, user.id, id).await?;
        let gone = gone.ok_or(Error::NotFound)?;
        let left = identities::list(&mut tx, user.id).await?;
        let works = |identity: &Identity| providers.find(&identity.provider).is_some();
        if user.password_hash.is_none() && works(&gone) && !left.iter().any(works) {
            return Err(Error::LastCredential);
        }
        let letter = Letter::IdentityUnlinked {
            name: user.name.clone(),
            provider: name_of(&gone, providers),
        };
        self.write_to(&mut tx, &user, &user.email, by, &letter).await?;
        let row = unlinked(&gone).session(caller.session_id);
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        Ok(())
    }

    /// Unlinks what was linked to `user`, who is locked, at `since` or later; answers what the providers are called.
    pub(super) async fn unlink_since(
        &self,
        tx: &mut Tx,
        user: UserId,
        since: Timestamp,
        providers: &Providers,
        by: &Origin,
    ) -> Result<Vec<String>, store::Error> {
        let gone = identities::delete_since(tx, user, since).await?;
        for identity in &gone {
            audit::record(tx, &self.cx, by, unlinked(identity)).await?;
        }
        Ok(gone.iter().map(|identity| name_of(identity, providers)).collect())
    }
}

fn unlinked(identity: &Identity) -> Record {
    let details = serde_json::json!({ "provider": identity.provider, "identity": identity.id });
    Record::done(Action::IdentityUnlink)
        .user(identity.user_id)
        .details(details)
}

/// What people call the identity's provider; its id where it is not configured any more.
fn name_of(identity: &Identity, providers: &Providers) -> String {
    let id = &identity.provider;
    let name = providers.find(id).map(Provider::name);
    name.unwrap_or(id).to_owned()
}
