//! Request limits: per address, per account key (known or not), and in total.
//!
//! Called by services before they do costly work. Counting an account never locks its owner out for good.

use std::net::IpAddr;
use std::time::Duration;

use crate::config;
use crate::email::Email;

/// Too many requests; come back after `retry_after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests, try again in {} s", retry_after.as_secs())]
pub struct Exceeded {
    pub retry_after: Duration,
}

/// The limiter. Clones share their counters.
#[derive(Clone, Debug)]
pub struct Limits;

impl Limits {
    #[must_use]
    pub fn new(_config: &config::Limits) -> Self {
        todo!()
    }
    /// Before registration, resend and recovery: mails cost, and annoy.
    pub fn mailing(&self, _ip: Option<IpAddr>, _email: &Email) -> Result<(), Exceeded> {
        todo!()
    }
    /// Before a password is verified. `known`: the account's owner has signed in from this address before.
    pub fn sign_in(&self, _ip: Option<IpAddr>, _email: &Email, _known: bool) -> Result<(), Exceeded> {
        todo!()
    }
    /// Before a bearer secret is looked up (refresh, activation, recovery and service keys).
    pub fn token(&self, _ip: Option<IpAddr>) -> Result<(), Exceeded> {
        todo!()
    }
}
