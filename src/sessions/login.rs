//! Sign-in by e-mail and password.
//!
//! Nobody learns whether an address has an account (T09): every branch reads once, hashes once and
//! writes one line of the audit log. That an account is pending or disabled is told only to who knows
//! its password.

use std::time::Duration;

use super::access_token::Grant;
use super::rotation::{FIRST_GENERATION, PREFIX};
use super::{Error, Sessions, SignIn, TokenPair};
use crate::audit::{self, Action, Origin, Record};
use crate::clock::Timestamp;
use crate::error::Code;
use crate::ids::SessionId;
use crate::metric;
use crate::password;
use crate::secret::PlainToken;
use crate::store::journal::{Change, Entry, NewEntry};
use crate::store::sessions::{Candidate, NewSession};
use crate::store::users::{Status, User};
use crate::store::{self, Tx, journal, refresh_tokens, users};

const MAX_DEVICE: usize = 100;
const MAX_USER_AGENT: usize = 300;
/// A password was typed (RFC 8176).
const PASSWORD: &str = "pwd";

/// A session that has begun, before anybody was told.
struct Started {
    session: NewSession,
    refresh_token: PlainToken,
    entry: Entry,
}

/// One of [`metric::SIGN_IN_OUTCOMES`].
fn outcome(error: &Error) -> &'static str {
    let code = match error {
        Error::Limited(_) => Code::RateLimited,
        Error::Overloaded(_) => Code::Overloaded,
        Error::Store(store::Error::Unavailable(_)) => Code::Unavailable,
        other => super::refusal_code(other).unwrap_or(Code::Internal),
    };
    code.as_str()
}

impl Sessions {
    /// POST /api/auth
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`]; only after a right password [`Error::AccountInactive`] and
    /// [`Error::AccountDisabled`]; [`Error::Limited`], [`Error::Overloaded`], or a failure of storage.
    pub async fn sign_in(&self, who: SignIn, by: &Origin) -> Result<TokenPair, Error> {
        let result = self.try_sign_in(who, by).await;
        let outcome = result.as_ref().err().map_or("ok", outcome);
        metrics::counter!(metric::SIGN_INS, "outcome" => outcome).increment(1);
        result
    }

    async fn try_sign_in(&self, who: SignIn, by: &Origin) -> Result<TokenPair, Error> {
        let candidate = {
            let mut read = self.cx.db.read().await?;
            let ip = by.ip.map(|ip| ip.to_string()).unwrap_or_default();
            store::sessions::candidate(&mut read, &who.email, &ip).await?
        };
        let known = candidate.as_ref().is_some_and(|candidate| candidate.known);
        self.limits.sign_in(by.ip, &who.email, known)?;
        match self.verify(&who, candidate.as_ref()).await {
            Ok((user, rehashed)) => {
                self.open(user, rehashed.as_deref(), who.device.as_deref(), by)
                    .await
            }
            Err(error) => {
                self.refuse_sign_in(error, candidate.as_ref().map(|found| &found.user), by)
                    .await
            }
        }
    }

    /// Hashes exactly once, whoever asks; twice only when a right password is due for a new hash.
    async fn verify<'a>(
        &self,
        who: &SignIn,
        candidate: Option<&'a Candidate>,
    ) -> Result<(&'a User, Option<String>), Error> {
        let verdict = self
            .hasher
            .verify(&who.password, candidate.and_then(deciding_hash))
            .await?;
        let user = match candidate {
            Some(candidate) if verdict.matches => &candidate.user,
            _ => return Err(Error::InvalidCredentials),
        };
        match user.status {
            Status::Active => {}
            Status::Pending => return Err(Error::AccountInactive),
            Status::Disabled => return Err(Error::AccountDisabled),
        }
        let mut rehashed = None;
        if verdict.outdated {
            // A password that today's policy would refuse keeps its old hash until it is changed.
            let checked = password::check(who.password.clone(), "password", &[], &self.cx.config.passwords);
            if let Ok(password) = checked {
                rehashed = self.hasher.hash(&password).await.ok();
            }
        }
        Ok((user, rehashed))
    }

    async fn open(
        &self,
        verified: &User,
        rehashed: Option<&str>,
        device: Option<&str>,
        by: &Origin,
    ) -> Result<TokenPair, Error> {
        let mut tx = self.cx.db.begin().await?;
        users::lock(&mut tx, verified.id).await?;
        // The hash was verified outside of this transaction. A change of password or status that
        // committed meanwhile has ended the user's sessions, and this one must not slip in behind it.
        let present = users::find(&mut tx, verified.id).await?;
        let user = match present.filter(|user| user.password_hash == verified.password_hash) {
            Some(user) if user.status == Status::Active => user,
            found => {
                drop(tx);
                let error = match found.map(|user| user.status) {
                    Some(Status::Disabled) => Error::AccountDisabled,
                    _ => Error::InvalidCredentials,
                };
                return self.refuse_sign_in(error, Some(verified), by).await;
            }
        };
        if let (Some(old), Some(new)) = (&user.password_hash, rehashed) {
            store::sessions::rehash(&mut tx, user.id, old, new).await?;
        }
        let started = self.start(&mut tx, &user, device, by).await?;
        tx.commit().await?;
        self.cx.hub.announce(std::slice::from_ref(&started.entry)).await;
        self.first_pair(started, user)
    }

    /// Writes the session, its first refresh token, the journal and the audit log. The user is locked.
    async fn start(
        &self,
        tx: &mut Tx,
        user: &User,
        device: Option<&str>,
        by: &Origin,
    ) -> Result<Started, Error> {
        let now = self.cx.now();
        let (idle_expires_at, expires_at) = self.lifetimes(now);
        let session = NewSession {
            id: SessionId::generate(&self.cx.clock, &self.cx.rng),
            user_id: user.id,
            at: now,
            amr: vec![PASSWORD.to_owned()],
            idle_expires_at,
            expires_at,
            ip: by.ip.map(|ip| ip.to_string()),
            user_agent: plain_text(by.user_agent.as_deref(), MAX_USER_AGENT),
            device: plain_text(device, MAX_DEVICE),
        };
        store::sessions::insert(tx, &session).await?;
        let refresh_token = PlainToken::generate(PREFIX, &self.cx.rng);
        refresh_tokens::insert(tx, &refresh_token.hash(), session.id, FIRST_GENERATION, now).await?;
        let entry = NewEntry {
            user_id: Some(user.id),
            session_id: Some(session.id),
            version: None,
            change: Change::SessionCreated {
                device: session.device.clone(),
            },
        };
        let entry = journal::append(tx, entry, now).await?;
        let record = Record::done(Action::SessionCreate)
            .user(user.id)
            .session(session.id);
        audit::record(tx, &self.cx, by, record).await?;
        Ok(Started {
            session,
            refresh_token,
            entry,
        })
    }

    fn first_pair(&self, started: Started, user: User) -> Result<TokenPair, Error> {
        let Started {
            session,
            refresh_token,
            ..
        } = started;
        let ends_at = session.idle_expires_at.min(session.expires_at);
        let access = self.mint(&Grant {
            user: user.id,
            session: session.id,
            generation: FIRST_GENERATION,
            version: user.version,
            role: &user.site_role,
            authenticated_at: session.at,
            amr: &session.amr,
            ends_at,
            source: None,
        })?;
        Ok(TokenPair {
            access_token: access.token,
            expires_in: access.expires_in,
            refresh_token,
            refresh_expires_in: ends_at.since(session.at),
            session_id: session.id,
            user,
        })
    }

    /// Idle and absolute end of a session that begins at `now`.
    fn lifetimes(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let tokens = &self.cx.config.tokens;
        let expires_at = now + Duration::from_secs(tokens.refresh_absolute.into());
        let idle = now + Duration::from_secs(tokens.refresh_idle.into());
        (idle.min(expires_at), expires_at)
    }

    /// Writes the refusal down and passes it on. What was refused for want of capacity leaves no line.
    async fn refuse_sign_in<T>(&self, error: Error, user: Option<&User>, by: &Origin) -> Result<T, Error> {
        if let Some(code) = super::refusal_code(&error) {
            let mut record = Record::refused(Action::SessionCreate, code);
            if let Some(user) = user {
                record = record.user(user.id);
            }
            let mut tx = self.cx.db.begin().await?;
            audit::record(&mut tx, &self.cx, by, record).await?;
            tx.commit().await?;
        }
        Err(error)
    }
}

/// The hash that decides: of a pending account, that of its newest registration.
fn deciding_hash(candidate: &Candidate) -> Option<&str> {
    let own = candidate.user.password_hash.as_deref();
    match candidate.user.status {
        Status::Pending => candidate.pending_hash.as_deref().or(own),
        Status::Active | Status::Disabled => own,
    }
}

/// `text` without control characters, cut to `length` characters. `None` when nothing is left.
fn plain_text(text: Option<&str>, length: usize) -> Option<String> {
    let plain: String = text?.chars().filter(|c| !c.is_control()).take(length).collect();
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::Email;
    use crate::ids::UserId;

    fn candidate(status: Status, own: Option<&str>, pending: Option<&str>) -> Candidate {
        let user = User {
            id: UserId::from(uuid::Uuid::nil()),
            email: Email::parse("ada@example.org").unwrap(),
            email_verified: false,
            name: None,
            locale: None,
            avatar_url: None,
            status,
            site_role: "user".to_owned(),
            version: 1,
            password_hash: own.map(str::to_owned),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        };
        Candidate {
            user,
            pending_hash: pending.map(str::to_owned),
            known: false,
        }
    }

    #[test]
    fn a_pending_account_is_judged_by_its_newest_registration() {
        let decides =
            |status, own, pending| deciding_hash(&candidate(status, own, pending)).map(str::to_owned);
        assert_eq!(
            decides(Status::Pending, None, Some("new")).as_deref(),
            Some("new")
        );
        assert_eq!(
            decides(Status::Pending, Some("own"), Some("new")).as_deref(),
            Some("new")
        );
        assert_eq!(
            decides(Status::Pending, Some("own"), None).as_deref(),
            Some("own")
        );
        for status in [Status::Active, Status::Disabled] {
            assert_eq!(decides(status, Some("own"), Some("new")).as_deref(), Some("own"));
            assert_eq!(decides(status, None, Some("new")), None, "{status:?}");
        }
    }

    #[test]
    fn t15_what_a_client_says_of_itself_is_cut_and_cleaned() {
        assert_eq!(
            plain_text(Some(" Ada\u{7}'s\r\n phone "), 100).as_deref(),
            Some("Ada's phone")
        );
        assert_eq!(
            plain_text(Some(&"é".repeat(400)), 300).map(|text| text.chars().count()),
            Some(300)
        );
        assert_eq!(plain_text(Some("\u{1b}\n"), 100), None);
        assert_eq!(plain_text(None, 100), None);
    }
}
