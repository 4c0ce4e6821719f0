//! Registration, and sending the activation mail again.
//!
//! Nobody may learn from an answer or from its time whether an address has an account. So each function
//! runs the same steps in every case: as many hashes, the same statements, one mail rendered and sealed.
//! Where there is nothing to do, the statements concern a user that does not exist, and the mail is a
//! decoy which the mail job throws away. What remains of a difference (a row written or not) is a part
//! of a millisecond, and is hidden by answering on a beat: see [`Accounts::on_the_beat`].

use std::time::Duration;

use super::{ACTIVATION, Accounts, Error, Grant, Registration};
use crate::audit::{self, Action, Origin, Record};
use crate::email::Email;
use crate::ids::UserId;
use crate::limits::Mailing;
use crate::mail::Letter;
use crate::roles;
use crate::secret::PlainToken;
use crate::store::mailed_tokens;
use crate::store::users::{self, NewUser, Status};

/// At most one activation mail to an address in this time is sent by [`Accounts::resend_activation`].
const RESEND_PAUSE: Duration = Duration::from_mins(1);

impl Accounts {
    /// POST /api/users. Ok also for an address that has an account: then its owner gets a mail that says
    /// so. For an account never activated, password and name are those of the newest registration, unless an
    /// operator made it: then they stay, and its owner gets once more what the operator had sent.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`], [`Error::Invalid`], [`Error::Limited`], [`Error::Overloaded`],
    /// [`Error::Unreadable`] and [`Error::Store`], none of which depends on whether the address is known.
    pub async fn register(&self, who: Registration, by: &Origin) -> Result<(), Error> {
        let result = Self::on_the_beat(self.try_register(&who, by)).await;
        self.audited(Action::UserRegister, None, by, result).await
    }

    async fn try_register(&self, who: &Registration, by: &Origin) -> Result<(), Error> {
        // First the cheap limit, because a refusal is written down and estimating a password costs; a
        // weak one does not use up mails.
        self.limits.token(by.ip).await?;
        if !self.cx.config.registration.open {
            return Err(Error::RegistrationClosed);
        }
        let (password, name) = self.check_registration(who).await?;
        let within = self
            .limits
            .mailing(Mailing::Registration, by.ip, &who.email)
            .await?;
        let hash = self.hasher.hash(&password).await?;
        if within {
            self.write_registration(&who.email, &hash, name.as_deref(), by)
                .await
        } else {
            self.pretend_registration(&who.email, name, by).await
        }
    }

    /// The address has got enough mails for now, whether or not it has an account: nothing is looked up.
    async fn pretend_registration(
        &self,
        email: &Email,
        name: Option<String>,
        by: &Origin,
    ) -> Result<(), Error> {
        let token = PlainToken::generate(mailed_tokens::PREFIX, &self.cx.rng);
        let mut tx = self.cx.db.begin().await?;
        let letter = Letter::Activation { name, token };
        let language = self.language(None, by);
        self.enqueue_or_pretend(&mut tx, email, None, &language, &letter)
            .await?;
        let details = serde_json::json!({ "sent": false });
        let row = Record::done(Action::UserRegister).details(details);
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        Ok(())
    }

    async fn write_registration(
        &self,
        email: &Email,
        hash: &str,
        name: Option<&str>,
        by: &Origin,
    ) -> Result<(), Error> {
        let now = self.cx.now();
        let fresh = NewUser {
            id: UserId::generate(&self.cx.clock, &self.cx.rng),
            email,
            name,
            status: Status::Pending,
            site_role: roles::DEFAULT,
            password_hash: Some(hash),
            vouched: false,
            created_at: now,
        };
        let mut tx = self.cx.db.begin().await?;
        self.lock_address(&mut tx, email).await?;
        // Of two that register one new address at once, the second waits here for the first, then finds
        // its row: it goes on as somebody who registers a pending account again.
        let known = !users::insert_missing(&mut tx, &fresh).await?;
        let owner = users::find_by_email_locked(&mut tx, email).await?;
        // (`None`: it was deleted between the two statements. The mail then carries a token of nobody.)
        let pending = owner.as_ref().is_none_or(|owner| owner.status == Status::Pending);
        let id = owner
            .as_ref()
            .filter(|_| pending)
            .map_or_else(|| self.nobody(), |owner| owner.id);
        // What an operator made has the role that the operator gave: nobody who proves nothing puts a password
        // on it, not even one that waits for the owner's click.
        let vouched = owner.as_ref().filter(|owner| pending && owner.vouched);
        let earlier = if known && vouched.is_none() {
            id
        } else {
            self.nobody()
        };
        users::replace_pending(&mut tx, earlier, hash, name, now).await?;
        let registered = Grant {
            password_hash: Some(hash),
            name,
            lifetime: ACTIVATION,
        };
        let grant = vouched.map_or(registered, Grant::kept);
        let invited = grant.password_hash.is_none();
        let proof = self.ask_for_proof(&mut tx, id, email, grant, invited).await?;
        let letter = match &owner {
            Some(owner) if !pending => Letter::AlreadyRegistered {
                name: owner.name.clone(),
            },
            _ => proof,
        };
        let language = self.language(owner.as_ref(), by);
        let owner = owner.map(|owner| owner.id);
        self.cx
            .mail
            .enqueue(&mut tx, email, owner, &language, &letter)
            .await?;
        let details = serde_json::json!({ "known": known });
        let row = Record {
            user: owner,
            ..Record::done(Action::UserRegister).details(details)
        };
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        Ok(())
    }

    /// POST /api/auth/activate. Ok always, but for limits. At most one mail a minute to an address, also
    /// with limits off and after a restart; the mail of the registration does not count.
    ///
    /// # Errors
    /// [`Error::Limited`] and [`Error::Store`], neither of which depends on whether the address is known.
    pub async fn resend_activation(&self, email: &Email, by: &Origin) -> Result<(), Error> {
        Self::on_the_beat(self.try_resend_activation(email, by)).await
    }

    async fn try_resend_activation(&self, email: &Email, by: &Origin) -> Result<(), Error> {
        let within = self.limits.mailing(Mailing::Resend, by.ip, email).await?;
        let now = self.cx.now();
        let mut tx = self.cx.db.begin().await?;
        self.lock_address(&mut tx, email).await?;
        let user = users::find_by_email_locked(&mut tx, email).await?;
        let user = user.filter(|_| within);
        let asked = user.as_ref().map_or_else(|| self.nobody(), |user| user.id);
        let due = users::note_activation_resent(&mut tx, asked, now - RESEND_PAUSE, now).await?;
        let pending = user.filter(|_| due);
        let id = pending.as_ref().map_or_else(|| self.nobody(), |user| user.id);
        let grant = pending.as_ref().map_or(Grant::bare(ACTIVATION), Grant::kept);
        let invited = pending.is_some() && grant.password_hash.is_none();
        let letter = self.ask_for_proof(&mut tx, id, email, grant, invited).await?;
        let language = self.language(pending.as_ref(), by);
        let user = pending.map(|user| user.id);
        self.enqueue_or_pretend(&mut tx, email, user, &language, &letter)
            .await?;
        let details = serde_json::json!({ "sent": user.is_some() });
        let row = Record {
            user,
            ..Record::done(Action::ActivationResend).details(details)
        };
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        Ok(())
    }
}
