//! Request limits: per address, per account key (known or not), and in total.
//!
//! Called by services before they do costly work. Counting an account never locks its owner out for
//! good: every bucket refills, an address from which the owner has signed in before is not counted
//! against the account as a whole, and mails that strangers ask for never refuse one to the owner: beyond
//! the account's bound nobody is refused, and nothing is sent. Buckets are taken from in the order of
//! whom they concern, one caller first, everybody last: who is stopped takes nothing from the wider ones.
//! [`crate::hub::counters`] counts, here and where nodes share a Redis for all of them together.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::email::Email;
use crate::hub::counters::{Bucket, Counters, Empty, Take};

/// Too many requests; come back after `retry_after`, which is at least a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests, try again in {} s", retry_after.as_secs())]
pub struct Exceeded {
    pub retry_after: Duration,
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

#[derive(Debug)]
struct Inner {
    counters: Counters,
    sign_in: SignIn,
    mails: Mails,
    token: Token,
}

#[derive(Debug)]
struct SignIn {
    total: Bucket,
    address: Bucket,
    /// One account from one address: what somebody who mistypes runs into first.
    pair: Bucket,
    /// One account from all addresses that its owner has not used: what spraying runs into.
    account: Bucket,
}

#[derive(Debug)]
struct Mails {
    total: Bucket,
    address: Bucket,
    /// One account from one address, on one route.
    pair: Bucket,
    /// One account from everywhere, on one route: nobody is refused, but no more mails are sent.
    account: Bucket,
}

#[derive(Debug)]
struct Token {
    total: Bucket,
    address: Bucket,
}

impl Limits {
    /// Buckets that are full; none at all with `limits.enabled = false`.
    #[must_use]
    pub fn new(config: &config::Limits, counters: Counters) -> Self {
        const HOUR: u32 = 3_600;
        let inner = || Inner {
            counters,
            sign_in: SignIn {
                total: Bucket::new("sign_in:total", 500, 100, 1),
                address: Bucket::new("sign_in:address", 60, 60, 60),
                pair: Bucket::new("sign_in:pair", 15, 15, 60),
                account: Bucket::new("sign_in:account", 20, 100, HOUR),
            },
            mails: Mails {
                total: Bucket::new("mails:total", 500, 50, 1),
                address: Bucket::new("mails:address", 50, 100, HOUR),
                pair: Bucket::new("mails:pair", 5, 10, HOUR),
                account: Bucket::new("mails:account", 10, 20, HOUR),
            },
            token: Token {
                total: Bucket::new("token:total", 5_000, 2_000, 1),
                address: Bucket::new("token:address", 240, 600, 60),
            },
        };
        Self(config.enabled.then(|| Arc::new(inner())))
    }

    /// Before registration, resend, recovery and a change of address: mails cost, and annoy. False when the account has got
    /// enough of them from all sides: then the caller is answered as ever and no mail is sent.
    ///
    /// # Errors
    /// [`Exceeded`]: the same for an address with an account and without.
    pub async fn mailing(&self, route: Mailing, ip: Option<IpAddr>, email: &Email) -> Result<bool, Exceeded> {
        let Some(inner) = &self.0 else { return Ok(true) };
        let (mails, route) = (&inner.mails, route.name());
        let mut takes = Vec::with_capacity(4);
        if let Some(ip) = ip.map(Address::of) {
            takes.push((&mails.address, ip.to_string()));
            takes.push((&mails.pair, format!("{route} {ip} {email}")));
        }
        takes.push(everybody(&mails.total));
        takes.push((&mails.account, format!("{route} {email}")));
        match inner.counters.take(&takes).await {
            Ok(()) => Ok(true),
            Err(empty) if empty.at + 1 == takes.len() => Ok(false),
            Err(empty) => Err(empty.into()),
        }
    }

    /// Before anything is read for a sign-in.
    ///
    /// # Errors
    /// [`Exceeded`]: the same for an address with an account and without.
    pub async fn sign_in_attempt(&self, ip: Option<IpAddr>, email: &Email) -> Result<(), Exceeded> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let Some(ip) = ip.map(Address::of) else {
            return Ok(());
        };
        let sign_in = &inner.sign_in;
        let takes = [
            (&sign_in.address, ip.to_string()),
            (&sign_in.pair, format!("{ip} {email}")),
        ];
        Ok(inner.counters.take(&takes).await?)
    }

    /// Before a password is verified. `known`: the account's owner has signed in from this address
    /// before; then attempts from elsewhere cannot stop it.
    ///
    /// # Errors
    /// [`Exceeded`]: the same for an address with an account and without.
    pub async fn sign_in_account(&self, email: &Email, known: bool) -> Result<(), Exceeded> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let account = (&inner.sign_in.account, email.to_string());
        let total = everybody(&inner.sign_in.total);
        let taken = if known {
            inner.counters.take(&[total]).await
        } else {
            inner.counters.take(&[account, total]).await
        };
        Ok(taken?)
    }

    /// Before a password is verified that is to prove somebody who is signed in. A stolen access token must
    /// not make guessing cheaper than the sign-in does, so it counts as a sign-in from an unknown address.
    ///
    /// # Errors
    /// [`Exceeded`].
    pub async fn proof(&self, ip: Option<IpAddr>, email: &Email) -> Result<(), Exceeded> {
        self.sign_in_attempt(ip, email).await?;
        self.sign_in_account(email, false).await
    }

    /// Before a bearer secret is looked up (refresh, activation, recovery), and after a service key that
    /// was wrong.
    ///
    /// # Errors
    /// [`Exceeded`].
    pub async fn token(&self, ip: Option<IpAddr>) -> Result<(), Exceeded> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let address = ip.map(|ip| (&inner.token.address, Address::of(ip).to_string()));
        let takes: Vec<_> = address
            .into_iter()
            .chain([everybody(&inner.token.total)])
            .collect();
        Ok(inner.counters.take(&takes).await?)
    }

    /// Forgets every key whose bucket is full again. Called by the clean-up job.
    pub fn purge(&self) {
        let Some(inner) = &self.0 else { return };
        let (sign_in, mails, token) = (&inner.sign_in, &inner.mails, &inner.token);
        [&sign_in.address, &sign_in.pair, &sign_in.account, &mails.address]
            .into_iter()
            .chain([&mails.pair, &mails.account, &token.address])
            .for_each(Bucket::purge);
    }
}

/// One from the bucket that all callers share.
fn everybody(bucket: &Bucket) -> Take<'_> {
    (bucket, String::new())
}

impl From<Empty> for Exceeded {
    /// Whole seconds, rounded up: who waits as long as told must not be told again.
    fn from(empty: Empty) -> Self {
        let seconds = empty.wait.as_secs() + u64::from(empty.wait.subsec_nanos() > 0);
        Self {
            retry_after: Duration::from_secs(seconds.max(1)),
        }
    }
}

/// What counts as one caller: an IPv4 address, or the /64 of an IPv6 address, which is what one household
/// or one machine holds. An IPv4 address in IPv6 form counts as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(IpAddr);

impl Address {
    /// What `ip` counts as.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(ip) => Self(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into()),
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => ip.fmt(f),
            IpAddr::V6(ip) => write!(f, "{ip}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::new(&config::Limits { enabled: true }, Counters::Local)
    }

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn t08_guessing_at_one_account_from_one_address_is_slowed_and_told_for_how_long() {
        let (limits, ada) = (limits(), email("ada@example.org"));
        let here = Some(ip("192.0.2.1"));
        for _ in 0..15 {
            assert_eq!(limits.sign_in_attempt(here, &ada).await, Ok(()));
        }
        let refused = limits.sign_in_attempt(here, &ada).await.unwrap_err();
        let wait = refused.retry_after;
        assert!((1..=6).contains(&wait.as_secs()), "{wait:?}");
        let bob = email("bob@example.org");
        assert_eq!(limits.sign_in_attempt(here, &bob).await, Ok(()));
    }

    #[tokio::test]
    async fn t08_many_addresses_stop_at_the_account_but_never_its_owner() {
        let (limits, ada) = (limits(), email("ada@example.org"));
        let mut stopped = 0;
        for _ in 0..200 {
            stopped += u32::from(limits.sign_in_account(&ada, false).await.is_err());
        }
        assert!(stopped >= 179);
        assert_eq!(limits.sign_in_account(&ada, true).await, Ok(()));
    }

    #[tokio::test]
    async fn an_account_counts_the_same_whether_or_not_it_exists() {
        let limits = limits();
        for address in ["ada@example.org", "nobody@example.org"] {
            let (caller, email) = (Some(ip("192.0.2.1")), email(address));
            let mut allowed = 0;
            for _ in 0..20 {
                let taken = limits.mailing(Mailing::Recovery, caller, &email).await;
                allowed += u32::from(taken.is_ok());
            }
            assert_eq!(allowed, 5);
        }
    }

    #[tokio::test]
    async fn t08_mails_that_strangers_ask_for_never_refuse_one_to_the_owner() {
        let (limits, ada) = (limits(), email("ada@example.org"));
        let mut sent = 0;
        for n in 0..200u32 {
            let ip = IpAddr::from(0x0a00_0000u32.saturating_add(n).to_be_bytes());
            let within = limits.mailing(Mailing::Recovery, Some(ip), &ada).await;
            sent += u32::from(within.unwrap());
        }
        assert!((10..=11).contains(&sent), "the account's own bound");
        let home = Some(ip("198.51.100.7"));
        assert_eq!(limits.mailing(Mailing::Recovery, home, &ada).await, Ok(false));
        for other in [Mailing::Registration, Mailing::Resend] {
            assert_eq!(limits.mailing(other, home, &ada).await, Ok(true), "{other:?}");
        }
    }

    #[test]
    fn t13_ipv6_counts_by_64_bits_and_mapped_addresses_as_ipv4() {
        let key = |text: &str| Address::of(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("2001:db8::ffff:1").to_string(), "2001:db8::/64");
        assert_eq!(key("::ffff:192.0.2.1").to_string(), "192.0.2.1");
    }

    #[tokio::test]
    async fn switched_off_it_lets_everything_pass() {
        let limits = Limits::new(&config::Limits { enabled: false }, Counters::Local);
        for _ in 0..1_000 {
            assert_eq!(limits.token(Some(ip("192.0.2.1"))).await, Ok(()));
        }
        limits.purge();
    }

    #[tokio::test]
    async fn purging_keeps_what_still_counts() {
        let (limits, ada) = (limits(), email("ada@example.org"));
        let take = || limits.mailing(Mailing::Resend, Some(ip("192.0.2.1")), &ada);
        while take().await.is_ok() {}
        limits.purge();
        assert!(take().await.is_err());
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2)] {
            let wait = Duration::from_millis(millis);
            let exceeded = Exceeded::from(Empty { at: 0, wait });
            assert_eq!(exceeded.retry_after.as_secs(), seconds);
        }
    }
}
