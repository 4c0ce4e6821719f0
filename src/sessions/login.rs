//! Sign-in by e-mail and password.
//!
//! Nobody learns whether an address has an account (T09): every branch reads once, hashes once and
//! writes one line of the audit log. That an account is pending or disabled is told only to who knows
//! its password.

use std::time::Duration;

use super::access_token::Grant;
use super::device::{self, Standing};
use super::rotation::{FIRST_GENERATION, PREFIX};
use super::trusted_browser::TrustedBrowser;
use super::{
    Error, Kept, LogoutProof, LogoutScope, MAX_DEVICE, MAX_USER_AGENT, Sessions, SignIn, SignedIn, TokenPair,
};
use crate::audit::{self, Action, Origin, Record};
use crate::clock::Timestamp;
use crate::email::Email;
use crate::error::Code;
use crate::ids::SessionId;
use crate::limits::{Attempt, Place};
use crate::metric;
use crate::secret::PlainToken;
use crate::store::journal::{Change, Entry, NewEntry};
use crate::store::known_devices::Device;
use crate::store::sessions::{Candidate, NewSession};
use crate::store::users::{Status, User};
use crate::store::{self, Tx, journal, refresh_tokens, users};

/// How often a password is verified when the hash changes under it: by another sign-in that hashes it
/// anew, or by a change of password.
const VERIFICATIONS: usize = 3;
/// A password was typed (RFC 8176).
const PASSWORD: &str = "pwd";

/// How a session is to begin.
struct Start<'a> {
    /// What to call the device.
    device: Option<&'a str>,
    standing: Standing,
    by: &'a Origin,
}

/// A session that has begun, before anybody was told.
struct Started {
    session: NewSession,
    refresh_token: PlainToken,
    entry: Entry,
    /// The owner is written to.
    mailed: bool,
}

/// One of [`metric::SIGN_IN_OUTCOMES`], or of [`metric::REFRESH_OUTCOMES`].
pub(super) fn outcome(error: &Error) -> &'static str {
    let code = match error {
        Error::Limited(_) => Code::RateLimited,
        Error::Overloaded(_) => Code::Overloaded,
        Error::Store(store::Error::Unavailable(_) | store::Error::Silent) => Code::Unavailable,
        other => super::refusal_code(other).unwrap_or(Code::Internal),
    };
    code.as_str()
}

/// What became of a verified password.
enum Opening {
    Begun(Box<TokenPair>),
    Refused(Error),
    /// The user has another hash by now: perhaps of the same password.
    OtherHash(Box<User>),
}

impl Sessions {
    /// POST /api/auth
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`]; only after a right password [`Error::AccountInactive`] and
    /// [`Error::AccountDisabled`]; [`Error::Limited`], [`Error::Overloaded`], or a failure of storage.
    pub async fn sign_in(&self, who: SignIn, by: &Origin) -> Result<SignedIn, Error> {
        let result = self.try_sign_in(&who, by).await;
        let outcome = result.as_ref().err().map_or("ok", outcome);
        metrics::counter!(metric::SIGN_INS, "outcome" => outcome).increment(1);
        let pair = result?;
        self.end_replaced(who.kept, &pair, by).await;
        let browser = self.trust_browser(&pair.user);
        Ok(SignedIn { pair, browser })
    }

    async fn try_sign_in(&self, who: &SignIn, by: &Origin) -> Result<TokenPair, Error> {
        let browser = self.recognise(&who.kept.browsers, &who.email);
        let from = Place {
            ip: by.ip,
            browser: browser.as_ref().map(|browser| browser.id.clone()),
        };
        let mut attempt = self.limits.sign_in(&from, &who.email).await?;
        let result = self.decide(who, from, browser, &mut attempt, by).await;
        self.limits.settle(attempt).await;
        result
    }

    /// Ends the sessions whose refresh tokens gave way to the new one's. The sign-in stands, whatever becomes
    /// of that.
    async fn end_replaced(&self, kept: Kept, new: &TokenPair, by: &Origin) {
        for token in kept.replaced {
            let ended = self.log_out(LogoutProof::Refresh(token), LogoutScope::Session, by);
            if let Err(error) = ended.await {
                tracing::warn!(%error, session = %new.session_id, "a session that was replaced lives on");
            }
        }
    }

    /// A sign-in without the beginning and the end of its `attempt`.
    async fn decide<'a>(
        &'a self,
        who: &SignIn,
        mut from: Place,
        browser: Option<TrustedBrowser>,
        attempt: &mut Attempt<'a>,
        by: &Origin,
    ) -> Result<TokenPair, Error> {
        let candidate = self.find_candidate(&who.email, by).await?;
        let user = candidate.as_ref().map(|found| &found.user);
        if browser.is_some_and(|browser| !browser.is_trusted_by(user)) {
            self.limits.distrust(attempt, &mut from, &who.email).await?;
        }
        let known = candidate.as_ref().is_some_and(|candidate| candidate.known);
        self.limits
            .verification(attempt, &from, &who.email, known)
            .await?;
        self.verify_and_open(who, candidate, attempt, by).await
    }

    /// The account with this address, as it stands to the device that asks.
    async fn find_candidate(&self, email: &Email, by: &Origin) -> Result<Option<Candidate>, Error> {
        let mut read = self.cx.db.read().await?;
        let (network, agent) = device::of(by);
        let device = Device {
            network: &network,
            agent: &agent,
        };
        Ok(store::sessions::candidate(&mut read, email, device).await?)
    }

    /// Verifies the password and begins a session; once more when the hash has changed meanwhile.
    async fn verify_and_open(
        &self,
        who: &SignIn,
        mut candidate: Option<Candidate>,
        attempt: &mut Attempt<'_>,
        by: &Origin,
    ) -> Result<TokenPair, Error> {
        let standing = candidate
            .as_ref()
            .map_or(Standing::First, |found| self.standing(found));
        for _ in 0..VERIFICATIONS {
            let user = candidate.as_ref().map(|found| &found.user);
            let refused = match self.verify(who, user).await {
                Err(error) => {
                    // Before the refusal is written down: it stays a guess when that fails.
                    if matches!(error, Error::InvalidCredentials) {
                        attempt.count();
                    }
                    error
                }
                Ok((user, rehashed)) => {
                    let start = Start {
                        device: who.device.as_deref(),
                        standing,
                        by,
                    };
                    match self.open(user, rehashed.as_deref(), start).await? {
                        Opening::Begun(pair) => return Ok(*pair),
                        Opening::Refused(error) => error,
                        Opening::OtherHash(user) => {
                            candidate = candidate.map(|found| Candidate { user: *user, ..found });
                            continue;
                        }
                    }
                }
            };
            return self.refuse_sign_in(refused, user, by).await;
        }
        attempt.count();
        let user = candidate.as_ref().map(|found| &found.user);
        self.refuse_sign_in(Error::InvalidCredentials, user, by).await
    }

    /// Hashes exactly once, whoever asks; twice only when a right password is due for a new hash.
    async fn verify<'a>(
        &self,
        who: &SignIn,
        user: Option<&'a User>,
    ) -> Result<(&'a User, Option<String>), Error> {
        // (Of a pending account it is the hash that its newest registration chose.)
        let stored = user.and_then(|user| user.password_hash.as_deref());
        let place = self.place(&who.email);
        let verdict = self.hasher.verify_at(&who.password, stored, place).await?;
        let user = match user {
            Some(user) if verdict.matches => user,
            _ => return Err(Error::InvalidCredentials),
        };
        match user.status {
            Status::Active => {}
            Status::Pending => return Err(Error::AccountInactive),
            Status::Disabled => return Err(Error::AccountDisabled),
        }
        // Without room for another hash the old one stays until the next sign-in.
        let rehashed = if verdict.outdated {
            self.hasher.rehash(&who.password).await.ok()
        } else {
            None
        };
        Ok((user, rehashed))
    }

    async fn open(
        &self,
        verified: &User,
        rehashed: Option<&str>,
        start: Start<'_>,
    ) -> Result<Opening, Error> {
        let mut tx = self.cx.db.begin().await?;
        // The hash was verified outside of this transaction. A change of password or status that
        // committed meanwhile has ended the user's sessions, and this one must not slip in behind it.
        let user = match users::find_locked(&mut tx, verified.id).await? {
            Some(user) if user.status == Status::Active => user,
            Some(user) if user.status == Status::Disabled => {
                return Ok(Opening::Refused(Error::AccountDisabled));
            }
            _ => return Ok(Opening::Refused(Error::InvalidCredentials)),
        };
        if user.password_hash != verified.password_hash {
            return Ok(Opening::OtherHash(Box::new(user)));
        }
        if let (Some(old), Some(new)) = (&user.password_hash, rehashed) {
            users::rehash(&mut tx, user.id, old, new).await?;
        }
        let started = self.start(&mut tx, &user, start).await?;
        tx.commit().await?;
        if started.mailed {
            self.cx.mail.wake();
        }
        self.cx.hub.announce(std::slice::from_ref(&started.entry)).await;
        Ok(Opening::Begun(Box::new(self.first_pair(started, user)?)))
    }

    /// Writes the session, its first refresh token, the journal and the audit log. The user is locked.
    async fn start(&self, tx: &mut Tx, user: &User, start: Start<'_>) -> Result<Started, Error> {
        let Start { device, standing, by } = start;
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
            network: device::network(by),
            user_agent: said(by.user_agent.as_deref(), MAX_USER_AGENT),
            device: said(device, MAX_DEVICE).or_else(|| device::name_device(by.user_agent.as_deref()?)),
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
        let mailed = self.note_device(tx, user, &session, standing, by).await?;
        Ok(Started {
            session,
            refresh_token,
            entry,
            mailed,
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
            audit::write(&self.cx, by, record).await?;
        }
        Err(error)
    }
}

/// As [`device::plain_text`], trimmed. `None` when nothing is left.
fn said(text: Option<&str>, length: usize) -> Option<String> {
    let plain = device::plain_text(text?, length);
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t15_what_a_client_says_of_itself_is_cut_and_cleaned() {
        assert_eq!(
            said(Some(" Ada\u{7}'s\r\n phone "), 100).as_deref(),
            Some("Ada's phone")
        );
        assert_eq!(
            said(Some(&"é".repeat(400)), 300).map(|text| text.chars().count()),
            Some(300)
        );
        assert_eq!(said(Some("\u{1b}\n"), 100), None);
        assert_eq!(said(None, 100), None);
    }
}
