//! Request limits: per address, per account key (known or not), and in total.
//!
//! Called by services before they do costly work. Nobody can lock somebody else out: what strangers do is
//! counted where strangers come from, or against all strangers together. An address from which, or a browser in
//! which, the owner has signed in before has a budget of its own, every bucket refills, and mails that strangers
//! ask for never refuse one to the owner: beyond the account's bound nobody is refused, and nothing is sent.
//!
//! What counts against guessing is taken before the password is verified and given back unless it was wrong,
//! so that guesses sent all at once do not slip through together. [`crate::hub::counters`] counts, here and
//! where nodes share a Redis for all of them together.

mod address;
mod policy;
mod sign_out;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::whole_seconds;
use crate::config;
use crate::email::Email;
use crate::hub::counters::{Bucket, Counters, Empty, Take};
use crate::ids::SessionId;
use crate::metric;

pub use address::Address;
use policy::Policy;
pub use sign_out::SignOut;

/// Too many requests; come back after `retry_after`, which is at least a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests, try again in {} s", retry_after.as_secs())]
pub struct Exceeded {
    pub retry_after: Duration,
    /// Which limit stopped it, one of [`metric::LIMITS`]: for the metrics and an audit log, not for the caller.
    pub limit: &'static str,
}

/// The limiter. Clones share their counters.
#[derive(Clone, Debug)]
pub struct Limits(Option<Arc<Inner>>);

/// The routes that send a mail to whoever is named. Each counts for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mailing {
    Registration,
    Resend,
    Recovery,
    EmailChange,
}

impl Mailing {
    const fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Resend => "resend",
            Self::Recovery => "recovery",
            Self::EmailChange => "email_change",
        }
    }
}

/// Where a sign-in comes from.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// `None`: from this machine's own command line, which is not limited by address.
    pub ip: Option<IpAddr>,
    /// A browser that the owner of this very account trusts, when the caller proved to be one.
    pub browser: Option<String>,
}

/// A try to sign in, or to sign out elsewhere: what it took of the budgets of wrong passwords, or of what ended nothing.
#[derive(Debug, Default)]
#[must_use = "what was taken for no such try is to be given back"]
pub struct Attempt<'a> {
    takes: Vec<Take<'a>>,
    is_guess: bool,
}

impl Attempt<'_> {
    /// A wrong password was verified, or nothing ended: what was taken stays taken, whatever the caller is answered.
    pub const fn count(&mut self) {
        self.is_guess = true;
    }
}

#[derive(Debug)]
struct Inner {
    counters: Counters,
    policy: Policy,
    /// One sign-out at a time, of all addresses that have nothing left.
    turns: Semaphore,
}

impl Limits {
    /// Buckets that are full; none at all with `limits.enabled = false`.
    #[must_use]
    pub fn new(config: &config::Limits, counters: Counters) -> Self {
        Self(config.enabled.then(|| {
            Arc::new(Inner {
                counters,
                policy: Policy::new(config),
                turns: Semaphore::new(1),
            })
        }))
    }

    /// Before registration, resend, recovery and a change of address: mails cost, and annoy. False when the
    /// account has got enough of them from all sides: then the caller is answered as ever and no mail is sent.
    ///
    /// # Errors
    /// [`Exceeded`]: the same for an address with an account and without.
    pub async fn mailing(&self, route: Mailing, ip: Option<IpAddr>, email: &Email) -> Result<bool, Exceeded> {
        let Some(inner) = &self.0 else { return Ok(true) };
        let (mails, route) = (&inner.policy.mails, route.name());
        let mut takes = Vec::with_capacity(3);
        if let Some(ip) = ip.map(Address::of) {
            takes.push((&mails.pair, format!("{route} {ip} {email}")));
            takes.push((&mails.address, ip.to_string()));
        }
        takes.push(everybody(&mails.total));
        inner.take(&takes).await?;
        let account = inner.take(&[(&mails.account, format!("{route} {email}"))]).await;
        Ok(account.is_ok())
    }

    /// Before anything is read for a sign-in.
    ///
    /// # Errors
    /// [`Exceeded`]: the same for an address with an account and without.
    pub async fn sign_in(&self, from: &Place, email: &Email) -> Result<Attempt<'_>, Exceeded> {
        let Some(inner) = &self.0 else {
            return Ok(Attempt::default());
        };
        let sign_in = &inner.policy.sign_in;
        let (request, guess) = match (&from.browser, from.ip.map(Address::of)) {
            // Who shares the owner's address, and uses it up, does not use up this; nor does a browser that was
            // trusted once, and is not any more.
            (Some(browser), _) => (
                (&sign_in.address, format!("browser {browser} {email}")),
                (&sign_in.browser, format!("{browser} {email}")),
            ),
            (None, Some(ip)) => (
                (&sign_in.address, ip.to_string()),
                (&sign_in.pair, format!("{ip} {email}")),
            ),
            (None, None) => return Ok(Attempt::default()),
        };
        let takes = [request, guess];
        inner.take(&takes).await?;
        let [_, guess] = takes;
        Ok(Attempt {
            takes: vec![guess],
            is_guess: false,
        })
    }

    /// After the account was read: it does not trust the browser any more, which from now on counts as the
    /// address that it calls from.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in); the attempt is as it was then.
    pub async fn distrust<'a>(
        &'a self,
        attempt: &mut Attempt<'a>,
        from: &mut Place,
        email: &Email,
    ) -> Result<(), Exceeded> {
        from.browser = None;
        let stranger = self.sign_in(from, email).await?;
        self.settle(std::mem::replace(attempt, stranger)).await;
        Ok(())
    }

    /// Before a password is verified. `known`: the account's owner has signed in from this address before;
    /// then attempts from elsewhere cannot stop it, nor those in a trusted browser, nor, for a day, those
    /// from an address where the owner has followed a mailed link.
    ///
    /// # Errors
    /// [`Exceeded`]: the same for an address with an account and without. The attempt is as it was then.
    pub async fn verification<'a>(
        &'a self,
        attempt: &mut Attempt<'a>,
        from: &Place,
        email: &Email,
        known: bool,
    ) -> Result<(), Exceeded> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let sign_in = &inner.policy.sign_in;
        let known = known || from.browser.is_some();
        let mut guesses = Vec::new();
        if !known {
            guesses.push((&sign_in.account, email.to_string()));
            if let Some(ip) = from.ip {
                guesses.push((&sign_in.failures, Address::of(ip).to_string()));
            }
            guesses.push(everybody(&sign_in.spraying));
        }
        let mut tries = vec![everybody(&sign_in.total)];
        if from.browser.is_some() {
            // All browsers together: anybody may have as many that their own account trusts as they like.
            tries.push((&sign_in.address, format!("browsers of {email}")));
        }
        let takes: Vec<_> = guesses.iter().chain(&tries).cloned().collect();
        if let Err(empty) = inner.counters.take(&takes).await {
            if known || !inner.is_proven(from.ip, email).await {
                return Err(refusal(empty, &takes));
            }
            return inner.take(&tries).await;
        }
        attempt.takes.extend(guesses);
        Ok(())
    }

    /// After a mailed token was redeemed: whoever did so at this address reads the account's mail, so no
    /// strangers' guesses keep them from signing in there. A way in for an owner who is on the road.
    pub async fn prove(&self, ip: Option<IpAddr>, email: &Email) {
        let (Some(inner), Some(ip)) = (&self.0, ip) else {
            return;
        };
        // A bucket that has nothing left says the same.
        let _noted = inner.counters.take(&[inner.proven(ip, email)]).await;
    }

    /// After an attempt: gives back what it took, unless it was a guess.
    pub async fn settle(&self, attempt: Attempt<'_>) {
        match &self.0 {
            Some(inner) if !attempt.is_guess => inner.counters.give_back(&attempt.takes).await,
            _ => {}
        }
    }

    /// Before a password is verified that is to prove somebody who is signed in. A stolen access token must
    /// not make guessing cheaper than the sign-in does, so guesses count for the address, and for the session from
    /// wherever they come; strangers without one use up neither. What it took is to be settled.
    ///
    /// # Errors
    /// [`Exceeded`].
    pub async fn proof(
        &self,
        session: SessionId,
        ip: Option<IpAddr>,
        email: &Email,
    ) -> Result<Attempt<'_>, Exceeded> {
        let Some(inner) = &self.0 else {
            return Ok(Attempt::default());
        };
        let sign_in = &inner.policy.sign_in;
        let mut attempt = self.sign_in(&Place { ip, browser: None }, email).await?;
        let guess = (&sign_in.session, session.to_string());
        if let Err(exceeded) = inner.take(&[guess.clone(), everybody(&sign_in.total)]).await {
            self.settle(attempt).await;
            return Err(exceeded);
        }
        attempt.takes.push(guess);
        Ok(attempt)
    }

    /// Before a bearer secret is looked up (refresh, activation, recovery), before what people may do to their own
    /// account without proof, and after what is only written down: a service key that was wrong, management that
    /// was refused, a session that is not the caller's.
    ///
    /// # Errors
    /// [`Exceeded`].
    pub async fn token(&self, ip: Option<IpAddr>) -> Result<(), Exceeded> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let token = &inner.policy.token;
        let address = ip.map(|ip| (&token.address, Address::of(ip).to_string()));
        let takes: Vec<_> = address.into_iter().chain([everybody(&token.total)]).collect();
        inner.take(&takes).await
    }

    /// Forgets every key whose bucket is full again. Called by the clean-up job.
    pub fn purge(&self) {
        let Some(inner) = &self.0 else { return };
        for bucket in inner.policy.all().into_iter().chain([&inner.policy.proven]) {
            inner.counters.purge(bucket);
        }
    }
}

impl Inner {
    fn proven(&self, ip: IpAddr, email: &Email) -> Take<'_> {
        (&self.policy.proven, format!("{} {email}", Address::of(ip)))
    }

    async fn is_proven(&self, ip: Option<IpAddr>, email: &Email) -> bool {
        match ip {
            Some(ip) => self.counters.holds(&self.proven(ip, email)).await,
            None => false,
        }
    }

    /// Takes from all or from none.
    async fn take(&self, takes: &[Take<'_>]) -> Result<(), Exceeded> {
        let result = self.counters.take(takes).await;
        result.map_err(|empty| refusal(empty, takes))
    }
}

/// Counts a refusal, and says when to come back.
fn refusal(empty: Empty, takes: &[Take<'_>]) -> Exceeded {
    let limit = takes.get(empty.at).map_or("", |(bucket, _)| bucket.kind());
    metrics::counter!(metric::LIMITED, "limit" => limit).increment(1);
    Exceeded {
        retry_after: Duration::from_secs(whole_seconds(empty.wait)),
        limit,
    }
}

/// One from the bucket that all callers share.
fn everybody(bucket: &Bucket) -> Take<'_> {
    (bucket, String::new())
}

/// Every limit with its tiers, as `docs/SECURITY.md` lists them: name, then at once, count, seconds.
#[must_use]
pub fn figures(config: &config::Limits) -> Vec<(&'static str, u32, u32, u32)> {
    let policy = Policy::new(config);
    let buckets = policy.all().into_iter();
    buckets
        .flat_map(|bucket| {
            bucket
                .figures()
                .map(|(burst, count, seconds)| (bucket.kind(), burst, count, seconds))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests;
