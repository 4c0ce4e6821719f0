//! Signing out, which must always be possible: whoever has a right token is never refused, whatever others do.
//!
//! Only what ended nothing counts. A stranger who presents made-up tokens costs a look into the database each time; once
//! an address has used up what it has, its sign-outs take turns with those of other such addresses, one at a time.
//! That bounds the cost, and keeps a right token that comes from there waiting for a moment only.

use std::net::IpAddr;

use tokio::sync::SemaphorePermit;

use super::{Address, Attempt, Exceeded, Limits, refusal};
use crate::ids::SessionId;

/// A try to sign out. While it is held it may be the one of its kind.
#[derive(Debug, Default)]
#[must_use = "what was taken for a try that ended something is to be given back"]
pub struct SignOut<'a> {
    pub(super) attempt: Attempt<'a>,
    _turn: Option<SemaphorePermit<'a>>,
}

impl SignOut<'_> {
    /// It ended nothing.
    pub const fn count(&mut self) {
        self.attempt.count();
    }
}

impl Limits {
    /// Before a token that is to be signed out is looked up. Waits for its turn, refuses nobody. To be settled by
    /// [`signed_out`](Self::signed_out).
    pub async fn sign_out(&self, ip: Option<IpAddr>) -> SignOut<'_> {
        let (Some(inner), Some(ip)) = (&self.0, ip) else {
            return SignOut::default();
        };
        let takes = vec![(&inner.policy.sign_out.address, Address::of(ip).to_string())];
        match inner.counters.take(&takes).await {
            Ok(()) => SignOut {
                attempt: Attempt {
                    takes,
                    is_guess: false,
                },
                _turn: None,
            },
            Err(empty) => {
                // For the metric alone.
                let _slowed = refusal(empty, &takes);
                SignOut {
                    attempt: Attempt::default(),
                    // It is never closed.
                    _turn: inner.turns.acquire().await.ok(),
                }
            }
        }
    }

    /// After it: gives back what was taken, unless nothing had ended.
    pub async fn signed_out(&self, tried: SignOut<'_>) {
        self.settle(tried.attempt).await;
    }

    /// Before somebody who stays signed in ends other sessions of their own. What ended something costs nothing: there
    /// are no more sessions to end than sign-ins that made them. To be settled.
    ///
    /// # Errors
    /// [`Exceeded`].
    pub async fn sign_out_elsewhere(&self, session: SessionId) -> Result<Attempt<'_>, Exceeded> {
        let Some(inner) = &self.0 else {
            return Ok(Attempt::default());
        };
        let takes = vec![(&inner.policy.sign_out.session, session.to_string())];
        inner.take(&takes).await?;
        Ok(Attempt {
            takes,
            is_guess: false,
        })
    }
}
