//! argon2id (RFC 9106) behind a bounded queue.
//!
//! At most one hash a core runs at a time, each in `spawn_blocking`; its permits move into the blocking
//! task, because argon2 cannot be interrupted: a caller that gives up must not free a core that is busy.
//! Without the bound, tokio's 512 blocking threads would take 19 MiB each. They run at the usual priority: a
//! thread that waits for work is woken in time beside them, and at a lower one sign-ins would starve on a
//! machine that does other things. The policy's estimate of a new password waits in the same queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument as _;

use super::breached::{Breached, Unfit, Unreadable};
use super::mix::Mix;
use super::policy;
use super::scheme::{Known, Scheme};
use super::{MAX_BYTES, Password};
use crate::config;
use crate::error::FieldError;
use crate::metric;

/// More hashes are waiting than `passwords.queue` allows.
#[derive(Debug, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub struct Overloaded;

/// Why nobody can say whether a text may be a password.
#[derive(Debug, thiserror::Error)]
pub enum Unchecked {
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// What a verification found.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    pub matches: bool,
    /// The stored hash is not what would be made of the password now: other parameters, another pepper or
    /// other software. Hash again after success.
    pub outdated: bool,
}

/// The hashing queue. Clones share it.
#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

struct Inner {
    scheme: Scheme,
    min_length: usize,
    breached: Option<Breached>,
    /// What a sign-in without a hash pretends to be.
    mix: ArcSwap<Mix>,
    /// Those that run and those that wait.
    admitted: Arc<Semaphore>,
    /// Those that run.
    cores: Arc<Semaphore>,
    /// How many may run.
    all_cores: usize,
    /// How many may run or wait.
    places: usize,
    runs: AtomicU64,
    foreign_runs: AtomicU64,
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher")
            .field("params", self.0.scheme.params())
            .finish_non_exhaustive()
    }
}

impl Hasher {
    /// A queue with the configured parameters. Computes one hash, which takes as long as one does.
    ///
    /// # Errors
    /// When the list that `passwords.breached` names cannot serve.
    pub fn new(config: &config::Passwords) -> Result<Self, Unfit> {
        let breached = config.breached.as_deref().map(Breached::open).transpose()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let inner = Inner {
            scheme: Scheme::new(config),
            min_length: config.min_length,
            breached,
            mix: ArcSwap::default(),
            admitted: Arc::new(Semaphore::new(cores + config.queue)),
            cores: Arc::new(Semaphore::new(cores)),
            all_cores: cores,
            places: cores + config.queue,
            runs: AtomicU64::new(0),
            foreign_runs: AtomicU64::new(0),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Whether `typed` may be a password, exactly as it is; what is wrong is said of the field `field`.
    ///
    /// `context` is what is known of the person and the site (address, name, host): easy guesses. The inner
    /// error is `too_long` beyond 128 characters or 1024 bytes; `weak_password` below `passwords.min_length`
    /// and for what is easily guessed or known from breaches. The contract knows no code of its own for a short
    /// one: it is weak.
    ///
    /// # Errors
    /// [`Overloaded`] when too many wait; [`Unreadable`] when the list of breached passwords fails: then no
    /// password is taken.
    pub async fn check(
        &self,
        typed: &SecretString,
        field: &str,
        context: &[&str],
    ) -> Result<Result<Password, FieldError>, Unchecked> {
        if let Err(fault) = policy::check_length(typed, field, self.0.min_length) {
            return Ok(Err(fault));
        }
        let (typed, field) = (typed.clone(), field.to_owned());
        let context: Vec<String> = context.iter().map(|&text| text.to_owned()).collect();
        let inner = Arc::clone(&self.0);
        let checked = self.queue(move || policy::check(typed, &field, &context, inner.breached.as_ref()));
        Ok(checked.await??)
    }

    /// A PHC string.
    ///
    /// # Errors
    /// [`Overloaded`] when too many wait.
    pub async fn hash(&self, password: &Password) -> Result<String, Overloaded> {
        self.rehash(password.secret()).await
    }

    /// As [`hash`](Self::hash), of a password that has just been verified: whatever the policy says of it
    /// today, it is the person's until it is changed, and an old hash makes it no better.
    ///
    /// # Errors
    /// [`Overloaded`] when too many wait.
    pub async fn rehash(&self, verified: &SecretString) -> Result<String, Overloaded> {
        let (secret, inner) = (verified.clone(), Arc::clone(&self.0));
        self.run(move || inner.scheme.hash(secret.expose_secret().as_bytes()))
            .await
    }

    /// As [`verify_at`](Self::verify_at), where it is known that there is a hash.
    ///
    /// # Errors
    /// [`Overloaded`] when too many wait.
    pub async fn verify(&self, typed: &SecretString, stored: &str) -> Result<Verdict, Overloaded> {
        self.verify_at(typed, Some(stored), u64::MAX).await
    }

    /// Verifies exactly as typed.
    ///
    /// The same work in every branch: without a stored hash, for one that cannot be read, and for a text
    /// too long to be a password, the work of one is done and the answer is no. Without a stored hash it is
    /// that of the hash at `place` in the [`Mix`]: the caller gives each address a place of its own, always
    /// the same. A stored hash costs what its own parameters say, within bounds, until its owner signs in next.
    ///
    /// # Errors
    /// [`Overloaded`] when too many wait.
    pub async fn verify_at(
        &self,
        typed: &SecretString,
        stored: Option<&str>,
        place: u64,
    ) -> Result<Verdict, Overloaded> {
        let typed = if typed.expose_secret().len() <= MAX_BYTES {
            Some(typed.clone())
        } else {
            None
        };
        let pretended = match stored {
            Some(_) => None,
            None => self.0.mix.load().at(place),
        };
        let stored = stored.and_then(|text| self.0.scheme.read(text));
        let outdated = stored
            .as_ref()
            .is_some_and(|known| !self.0.scheme.is_current(known));
        let inner = Arc::clone(&self.0);
        let matches = self
            .run(move || {
                if let (Some(typed), Some(stored)) = (&typed, &stored) {
                    let foreign = matches!(stored, Known::Foreign(_));
                    inner.foreign_runs.fetch_add(foreign.into(), Ordering::SeqCst);
                    return inner.scheme.matches(stored, typed.expose_secret().as_bytes());
                }
                let foreign = pretended.is_some();
                inner.foreign_runs.fetch_add(foreign.into(), Ordering::SeqCst);
                let text = typed.as_ref().map_or("", |typed| typed.expose_secret());
                inner.scheme.pretend(text.as_bytes(), pretended);
                false
            })
            .await?;
        Ok(Verdict { matches, outdated })
    }

    /// From now on pretends to be one of these.
    pub fn pretend_as(&self, mix: Mix) {
        self.0.mix.store(Arc::new(mix));
    }

    /// How many hashes were computed so far, verifications included. Tests count work with it.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.0.runs.load(Ordering::SeqCst)
    }

    /// How many of the [`runs`](Self::runs) had the cost of a foreign hash.
    #[must_use]
    pub fn foreign_runs(&self) -> u64 {
        self.0.foreign_runs.load(Ordering::SeqCst)
    }

    /// How many run, and how many wait for a core.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let inner = &self.0;
        let free = inner.cores.available_permits();
        let running = inner.all_cores.saturating_sub(free);
        let admitted = inner.places.saturating_sub(inner.admitted.available_permits());
        (running, admitted.saturating_sub(running))
    }

    /// As [`queue`](Self::queue), for work that is a hash.
    async fn run<T, F>(&self, work: F) -> Result<T, Overloaded>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let inner = Arc::clone(&self.0);
        self.queue(move || {
            let began = Instant::now();
            let result = work();
            metrics::histogram!(metric::PASSWORD_HASH).record(began.elapsed().as_secs_f64());
            inner.runs.fetch_add(1, Ordering::SeqCst);
            result
        })
        .instrument(tracing::info_span!("password_hash"))
        .await
    }

    /// Runs `work` on a blocking thread once a core is free.
    async fn queue<T, F>(&self, work: F) -> Result<T, Overloaded>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let place = Arc::clone(&self.0.admitted)
            .try_acquire_owned()
            .map_err(|_| Overloaded)?;
        let core = Arc::clone(&self.0.cores)
            .acquire_owned()
            .await
            .map_err(|_| Overloaded)?;
        let permits: [OwnedSemaphorePermit; 2] = [core, place];
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permits);
            result
        });
        match task.await {
            Ok(result) => Ok(result),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is being shut down.
            Err(_) => Err(Overloaded),
        }
    }
}

#[cfg(test)]
mod tests;
