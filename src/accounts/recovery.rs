//! Recovery: a mailed token sets a new password and signs everybody out.

use secrecy::SecretString;

use super::{Accounts, Error, Grant, RECOVERY};
use crate::audit::{self, Action, Origin, Record};
use crate::email::Email;
use crate::ids::{SessionId, UserId};
use crate::limits::Mailing;
use crate::mail::{self, Letter};
use crate::secret::PlainToken;
use crate::store::journal::{Change, Entry, StateReason};
use crate::store::mailed_tokens::{self, MailedToken, Purpose};
use crate::store::sessions::{self, EndReason, EndScope, Ending, Selection};
use crate::store::users::{self, Activation, Status};
use crate::store::{self, Tx};

impl Accounts {
    /// POST /api/auth/recovery. Ok always, but for limits; a disabled account gets no mail.
    ///
    /// # Errors
    /// [`Error::Limited`] and [`Error::Store`], neither of which depends on whether the address is known.
    pub async fn request_recovery(&self, email: &Email, by: &Origin) -> Result<(), Error> {
        Self::on_the_beat(self.try_request_recovery(email, by)).await
    }

    async fn try_request_recovery(&self, email: &Email, by: &Origin) -> Result<(), Error> {
        let within = self.limits.mailing(Mailing::Recovery, by.ip, email).await?;
        let mut tx = self.cx.db.begin().await?;
        self.lock_address(&mut tx, email).await?;
        let user = users::find_by_email_locked(&mut tx, email).await?;
        // No hash hides a difference here, so there must be none: for an unknown or disabled account the
        // same statements run for a user that does not exist, and the same letter is rendered, sealed and
        // written as a decoy. Only the mail job, later and elsewhere, tells the two apart; what the
        // database itself makes of it disappears between two beats. The same when this account has got
        // enough mails for now: its owner has them.
        let user = user.filter(|user| user.status != Status::Disabled && within);
        let id = user.as_ref().map_or_else(|| self.nobody(), |user| user.id);
        // What was set on an account never activated is not trusted: nothing of it comes with the token, but
        // for what an operator called the person.
        let vouched = user.as_ref().filter(|user| user.vouched);
        let grant = Grant {
            password_hash: None,
            name: vouched.and_then(|user| user.name.as_deref()),
            lifetime: RECOVERY,
        };
        let token = self
            .replace_token(&mut tx, Purpose::Recovery, id, email, grant)
            .await?;
        let language = self.language(user.as_ref(), by);
        let name = user.as_ref().and_then(|user| user.name.clone());
        let user = user.map(|user| user.id);
        let letter = Letter::Recovery { name, token };
        self.enqueue_or_pretend(&mut tx, email, user, &language, &letter)
            .await?;
        let details = serde_json::json!({ "sent": user.is_some() });
        let row = Record {
            user,
            ..Record::done(Action::RecoveryRequest).details(details)
        };
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        Ok(())
    }

    /// POST /api/auth/recovery/{token}: sets the password, ends every session and every mailed token of
    /// the user, and mails a notice. An account never activated becomes active, and what was set before is wiped.
    ///
    /// # Errors
    /// [`Error::TokenSpent`] for every token that cannot be redeemed; [`Error::Invalid`] for a password
    /// that will not do, which does not spend the token; [`Error::Limited`], [`Error::Overloaded`],
    /// [`Error::Unreadable`], [`Error::Store`].
    pub async fn recover(
        &self,
        token: &PlainToken,
        password: SecretString,
        by: &Origin,
    ) -> Result<(), Error> {
        let action = Action::RecoveryComplete;
        // A look first, so that a stranger with an invented token cannot make us hash.
        let found = self.find_token(token, Purpose::Recovery, action, by).await?;
        let result = self.try_recover(token, &password, &found, by).await;
        self.audited(action, Some(found.user_id), by, result).await
    }

    async fn try_recover(
        &self,
        token: &PlainToken,
        password: &SecretString,
        found: &MailedToken,
        by: &Origin,
    ) -> Result<(), Error> {
        let user = users::find(&mut self.cx.db.read().await?, found.user_id)
            .await?
            .ok_or(Error::TokenSpent)?;
        let password = self
            .check_password(password, &user.email, user.name.as_deref())
            .await?
            .map_err(|fault| Error::Invalid(vec![fault]))?;
        let hash = self.hasher.hash(&password).await?;
        // From here on nothing is awaited but SQL, and whoever else redeems this token loses.
        let mut tx = self.cx.db.begin().await?;
        users::lock(&mut tx, user.id).await?;
        let token = mailed_tokens::consume(&mut tx, &token.hash(), Purpose::Recovery, self.cx.now())
            .await?
            .ok_or(Error::TokenSpent)?;
        let mut entries = self.put_password(&mut tx, &token, &hash, by).await?;
        mailed_tokens::end_all(&mut tx, token.user_id).await?;
        let (ended, entry) = self
            .end_sessions(&mut tx, token.user_id, EndReason::PasswordChanged)
            .await?;
        entries.push(entry);
        let now = users::find(&mut tx, token.user_id)
            .await?
            .ok_or(Error::TokenSpent)?;
        let notice = Letter::PasswordChanged {
            name: now.name.clone(),
            one_stays: false,
        };
        self.write_to(&mut tx, &now, &token.email, by, &notice).await?;
        let row = Record::done(Action::RecoveryComplete)
            .user(token.user_id)
            .details(
                serde_json::json!({ "sessions_revoked": ended, "activated": user.status == Status::Pending }),
            );
        audit::record(&mut tx, &self.cx, by, row).await?;
        tx.commit().await?;
        self.cx.mail.wake();
        self.cx.hub.announce(&entries).await;
        self.limits.prove(by.ip, &token.email).await;
        Ok(())
    }

    /// Sets the password of an active account, or activates a pending one with it. The status is decided
    /// by the statements themselves, under the lock: what was read before may have changed.
    async fn put_password(
        &self,
        tx: &mut Tx,
        token: &MailedToken,
        hash: &str,
        by: &Origin,
    ) -> Result<Vec<Entry>, Error> {
        let (user, now) = (token.user_id, self.cx.now());
        let activation = Activation {
            id: user,
            email: &token.email,
            password_hash: Some(hash),
            name: token.name.as_deref(),
            locale: mail::preferred(by.languages.as_deref().unwrap_or_default()),
            now,
        };
        if let Some(version) = users::activate(tx, &activation).await? {
            let change = Change::State {
                reason: StateReason::StatusChanged,
            };
            return Ok(vec![self.append(tx, user, Some(version), change).await?]);
        }
        if users::set_password(tx, user, &token.email, hash, now).await? {
            return Ok(Vec::new());
        }
        // Disabled meanwhile, or another address.
        Err(Error::TokenSpent)
    }

    /// Ends every session of the user, whose row is locked, and the trust in every browser; answers how many
    /// sessions, and the row to announce.
    pub(super) async fn end_sessions(
        &self,
        tx: &mut Tx,
        user: UserId,
        reason: EndReason,
    ) -> Result<(u64, Entry), store::Error> {
        self.end_sessions_but(tx, user, None, reason).await
    }

    /// As [`end_sessions`](Self::end_sessions); `except` stays.
    pub(super) async fn end_sessions_but(
        &self,
        tx: &mut Tx,
        user: UserId,
        except: Option<SessionId>,
        reason: EndReason,
    ) -> Result<(u64, Entry), store::Error> {
        let ending = Ending {
            reason,
            scope: EndScope::User,
            message: None,
        };
        let which = Selection::User { id: user, except };
        let ended = sessions::end_many(tx, &which, &ending, self.cx.now()).await?;
        users::distrust_browsers(tx, user).await?;
        // Announced also when none was live: a sign-in may be about to open a socket.
        let change = Change::UserSessionsEnded {
            reason,
            except,
            message: None,
        };
        Ok((ended, self.append(tx, user, None, change).await?))
    }
}
