//! argon2id (RFC 9106) behind a bounded queue.
//!
//! At most one hash a core runs at a time, each in `spawn_blocking`; its permits move into the blocking
//! task, because argon2 cannot be interrupted: a caller that gives up must not free a core that is busy.
//! Without the bound, tokio's 512 blocking threads would take 19 MiB each. They run at the usual priority: a
//! thread that waits for work is woken in time beside them, and at a lower one sign-ins would starve on a
//! machine that does other things.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use argon2::Params;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::memory::Memory;
use super::phc::{Stored, params, phc};
use super::{MAX_BYTES, Password};
use crate::config;
use crate::metric;
use crate::secret::Rng;

/// More hashes are waiting than `passwords.queue` allows.
#[derive(Debug, thiserror::Error)]
#[error("too many passwords are waiting to be hashed")]
pub struct Overloaded;

/// What a verification found.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    pub matches: bool,
    /// The stored hash has other parameters than the configured ones: hash again after success.
    pub outdated: bool,
}

/// The hashing queue. Clones share it.
#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

struct Inner {
    params: Params,
    /// A hash of random bytes under the configured parameters: what is verified when there is nothing to verify.
    dummy: String,
    /// Those that run and those that wait.
    admitted: Arc<Semaphore>,
    /// Those that run.
    cores: Arc<Semaphore>,
    memory: Memory,
    runs: AtomicU64,
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher")
            .field("params", &self.0.params)
            .finish_non_exhaustive()
    }
}

impl Hasher {
    /// A queue with the configured parameters. Computes one hash, the dummy, which takes as long as one does.
    #[must_use]
    pub fn new(config: &config::Passwords) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let params = params(config);
        let mut nothing = [0; 32];
        Rng::System.fill(&mut nothing);
        let memory = Memory::for_params(&params);
        let inner = Inner {
            dummy: phc(&params, &nothing, &memory),
            memory,
            params,
            admitted: Arc::new(Semaphore::new(cores + config.queue)),
            cores: Arc::new(Semaphore::new(cores)),
            runs: AtomicU64::new(0),
        };
        Self(Arc::new(inner))
    }

    /// A PHC string.
    ///
    /// # Errors
    /// [`Overloaded`] when too many wait.
    pub async fn hash(&self, password: &Password) -> Result<String, Overloaded> {
        let (secret, inner) = (password.secret().clone(), Arc::clone(&self.0));
        self.run(move || phc(&inner.params, secret.expose_secret().as_bytes(), &inner.memory))
            .await
    }

    /// Verifies exactly as typed.
    ///
    /// The same work in every branch: without a stored hash, for one that cannot be read, and for a text
    /// too long to be a password, the dummy is verified and the answer is no. A stored hash costs what
    /// its own parameters say, up to 1 GiB, so one made under others than the configured ones takes
    /// another time until its owner signs in next.
    ///
    /// # Errors
    /// [`Overloaded`] when too many wait.
    pub async fn verify(&self, typed: &SecretString, stored: Option<&str>) -> Result<Verdict, Overloaded> {
        let typed = if typed.expose_secret().len() <= MAX_BYTES {
            Some(typed.clone())
        } else {
            None
        };
        let stored = stored.and_then(|text| {
            let readable = Stored::parse(text);
            if readable.is_none() {
                tracing::error!("a stored password hash cannot be read");
            }
            readable
        });
        let outdated = stored
            .as_ref()
            .is_some_and(|hash| !hash.is_current(&self.0.params));
        let inner = Arc::clone(&self.0);
        let matches = self
            .run(move || {
                if let (Some(typed), Some(stored)) = (&typed, &stored) {
                    return stored.matches(typed.expose_secret().as_bytes(), &inner.memory);
                }
                if let Some(dummy) = Stored::parse(&inner.dummy) {
                    let text = typed.as_ref().map_or("", |typed| typed.expose_secret());
                    let _ = dummy.matches(text.as_bytes(), &inner.memory);
                }
                false
            })
            .await?;
        Ok(Verdict { matches, outdated })
    }

    /// How many hashes were computed so far, verifications included. Tests count work with it.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.0.runs.load(Ordering::SeqCst)
    }

    /// Runs `work` on a blocking thread once a core is free.
    async fn run<T, F>(&self, work: F) -> Result<T, Overloaded>
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
        let inner = Arc::clone(&self.0);
        let task = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let result = work();
            metrics::histogram!(metric::PASSWORD_HASH).record(began.elapsed().as_secs_f64());
            inner.runs.fetch_add(1, Ordering::SeqCst);
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
mod tests {
    use super::super::check;
    use super::*;

    fn config(memory_kib: u32, queue: usize) -> config::Passwords {
        config::Passwords {
            min_length: 8,
            memory_kib,
            iterations: 1,
            parallelism: 1,
            queue,
        }
    }

    fn password(text: &str) -> Password {
        check(text.to_owned().into(), "password", &[], &config(1024, 1)).unwrap()
    }

    const TEXT: &str = "plinth gravel otter quench";

    #[tokio::test]
    async fn a_hash_is_argon2id_with_the_configured_cost_and_verifies_as_typed() {
        let hasher = Hasher::new(&config(1024, 4));
        let hash = hasher.hash(&password(TEXT)).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=1024,t=1,p=1$"), "{hash}");
        for (typed, matches) in [(TEXT, true), ("plinth gravel otter quench ", false), ("", false)] {
            let verdict = hasher
                .verify(&typed.to_owned().into(), Some(&hash))
                .await
                .unwrap();
            assert_eq!(
                verdict,
                Verdict {
                    matches,
                    outdated: false
                },
                "{typed:?}"
            );
        }
    }

    #[tokio::test]
    async fn t09_every_branch_of_a_verification_hashes_exactly_once() {
        let hasher = Hasher::new(&config(1024, 4));
        let hash = hasher.hash(&password(TEXT)).await.unwrap();
        let long = "x".repeat(MAX_BYTES + 1);
        let costly = "$argon2id$v=19$m=4194304,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA";
        for (typed, stored, matches) in [
            (TEXT, Some(hash.as_str()), true),
            ("something else", Some(hash.as_str()), false),
            (TEXT, None, false),
            (TEXT, Some("not a hash"), false),
            (TEXT, Some(costly), false),
            (long.as_str(), Some(hash.as_str()), false),
            (long.as_str(), None, false),
        ] {
            let before = hasher.runs();
            let verdict = hasher.verify(&typed.to_owned().into(), stored).await.unwrap();
            assert_eq!(verdict.matches, matches);
            assert_eq!(hasher.runs(), before + 1);
        }
    }

    #[test]
    fn the_dummy_costs_what_a_new_hash_costs() {
        let hasher = Hasher::new(&config(2048, 4));
        assert!(hasher.0.dummy.starts_with("$argon2id$v=19$m=2048,t=1,p=1$"));
        assert!(
            Stored::parse(&hasher.0.dummy)
                .unwrap()
                .is_current(&hasher.0.params)
        );
        assert_eq!(hasher.runs(), 0);
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_is_verified_and_called_outdated() {
        let hash = Hasher::new(&config(1024, 4)).hash(&password(TEXT)).await.unwrap();
        let hasher = Hasher::new(&config(2048, 4));
        let verdict = hasher.verify(&TEXT.to_owned().into(), Some(&hash)).await.unwrap();
        assert_eq!(
            verdict,
            Verdict {
                matches: true,
                outdated: true
            }
        );
    }

    #[tokio::test]
    async fn t12_beyond_the_queue_work_is_refused_and_a_dropped_request_keeps_its_core() {
        let hasher = Hasher::new(&config(1024, 1));
        let cores = hasher.0.cores.available_permits();
        let (release, gate) = std::sync::mpsc::sync_channel::<()>(0);
        let gate = Arc::new(std::sync::Mutex::new(gate));
        for _ in 0..cores {
            let gate = Arc::clone(&gate);
            let mut request = Box::pin(hasher.run(move || gate.lock().unwrap().recv()));
            assert!(futures_util::poll!(&mut request).is_pending());
        }
        assert_eq!(
            hasher.0.cores.available_permits(),
            0,
            "the requests are gone, their work is not"
        );
        let mut waiting = Box::pin(hasher.run(|| ()));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert!(hasher.run(|| ()).await.is_err());
        for _ in 0..cores {
            release.send(()).unwrap();
        }
        assert!(waiting.await.is_ok());
    }
}
