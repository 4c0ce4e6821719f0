//! Sign-in by e-mail and password.
//!
//! Nobody learns whether an address has an account (T09): every branch reads once, hashes once and
//! writes one line of the audit log. That an account is pending or disabled is told only to who knows
//! its password. How the session then begins: `beginning.rs`.

use super::beginning::Start;
use super::device::{self, Standing};
use super::trusted_browser::TrustedBrowser;
use super::{Error, Sessions, SignIn, SignedIn, TokenPair};
use crate::audit::{self, Action, Origin, Record};
use crate::email::Email;
use crate::limits::{Attempt, Place};
use crate::metric;
use crate::store::known_devices::Device;
use crate::store::sessions::Candidate;
use crate::store::users::{Status, User};
use crate::store::{self, users};

/// How often a password is verified when the hash changes under it: by another sign-in that hashes it
/// anew, or by a change of password.
const VERIFICATIONS: usize = 3;

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
        let outcome = result
            .as_ref()
            .err()
            .map_or("ok", |error| error.outcome().as_str());
        metrics::counter!(metric::SIGN_INS, "outcome" => outcome).increment(1);
        Ok(self.welcome(result?, who.kept, by).await)
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
                        provider: None,
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
        let begun = self.start(&mut tx, &user, start).await?;
        tx.commit().await?;
        let pair = self.publish(begun, Vec::new(), user).await?;
        Ok(Opening::Begun(Box::new(pair)))
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
