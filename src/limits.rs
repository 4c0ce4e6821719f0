//! Request limits: per address, per account key (known or not), and in total.
//!
//! Called by services before they do costly work. Counting an account never locks its owner out for
//! good: every bucket refills, an address from which the owner has signed in before is not counted
//! against the account as a whole, and mails that strangers ask for never refuse one to the owner: beyond
//! the account's bound nobody is refused, and nothing is sent. Buckets are taken from in the order of
//! whom they concern, one caller first, everybody last: who is stopped takes nothing from the wider ones.
//! Counters are kept in memory, by each node for itself.

use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config;
use crate::email::Email;

/// Too many requests; come back after `retry_after`, which is at least a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests, try again in {} s", retry_after.as_secs())]
pub struct Exceeded {
    pub retry_after: Duration,
}

/// The limiter. Clones share their counters.
#[derive(Clone, Debug)]
pub struct Limits(Option<Arc<Buckets>>);

/// The routes that send a mail to whoever is named. Each counts for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mailing {
    Registration,
    Resend,
    Recovery,
}

#[derive(Debug)]
struct Buckets {
    sign_in: SignIn,
    mails: Mails,
    token: Token,
}

#[derive(Debug)]
struct SignIn {
    total: Total,
    address: Keyed<Address>,
    /// One account from one address: what somebody who mistypes runs into first.
    pair: Keyed<(Address, Email)>,
    /// One account from all addresses that its owner has not used: what spraying runs into.
    account: Keyed<Email>,
}

#[derive(Debug)]
struct Mails {
    total: Total,
    address: Keyed<Address>,
    /// One account from one address, on one route.
    pair: Keyed<(Mailing, Address, Email)>,
    /// One account from everywhere, on one route: nobody is refused, but no more mails are sent.
    account: Keyed<(Mailing, Email)>,
}

#[derive(Debug)]
struct Token {
    total: Total,
    address: Keyed<Address>,
}

impl Limits {
    /// Counters at zero; none at all with `limits.enabled = false`.
    #[must_use]
    pub fn new(config: &config::Limits) -> Self {
        const HOUR: u32 = 3_600;
        let buckets = || Buckets {
            sign_in: SignIn {
                total: Total::new(500, 100, 1),
                address: Keyed::new(60, 60, 60),
                pair: Keyed::new(15, 15, 60),
                account: Keyed::new(20, 100, HOUR),
            },
            mails: Mails {
                total: Total::new(500, 50, 1),
                address: Keyed::new(50, 100, HOUR),
                pair: Keyed::new(5, 10, HOUR),
                account: Keyed::new(10, 20, HOUR),
            },
            token: Token {
                total: Total::new(5_000, 2_000, 1),
                address: Keyed::new(240, 600, 60),
            },
        };
        Self(config.enabled.then(|| Arc::new(buckets())))
    }

    /// Before registration, resend and recovery: mails cost, and annoy. False when the account has got
    /// enough of them from all sides: then the caller is answered as ever and no mail is sent.
    ///
    /// # Errors
    /// [`Exceeded`]: the same for an address with an account and without.
    pub fn mailing(&self, route: Mailing, ip: Option<IpAddr>, email: &Email) -> Result<bool, Exceeded> {
        let Some(buckets) = &self.0 else { return Ok(true) };
        let mails = &buckets.mails;
        if let Some(ip) = ip.map(Address::of) {
            mails.address.take(&ip)?;
            mails.pair.take(&(route, ip, email.clone()))?;
        }
        mails.total.take()?;
        Ok(mails.account.take(&(route, email.clone())).is_ok())
    }

    /// Before anything is read for a sign-in.
    ///
    /// # Errors
    /// [`Exceeded`]: the same for an address with an account and without.
    pub fn sign_in_attempt(&self, ip: Option<IpAddr>, email: &Email) -> Result<(), Exceeded> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        let Some(ip) = ip.map(Address::of) else {
            return Ok(());
        };
        buckets.sign_in.address.take(&ip)?;
        buckets.sign_in.pair.take(&(ip, email.clone()))
    }

    /// Before a password is verified. `known`: the account's owner has signed in from this address
    /// before; then attempts from elsewhere cannot stop it.
    ///
    /// # Errors
    /// [`Exceeded`]: the same for an address with an account and without.
    pub fn sign_in_account(&self, email: &Email, known: bool) -> Result<(), Exceeded> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        if !known {
            buckets.sign_in.account.take(email)?;
        }
        buckets.sign_in.total.take()
    }

    /// Before a bearer secret is looked up (refresh, activation, recovery), and after a service key that
    /// was wrong.
    ///
    /// # Errors
    /// [`Exceeded`].
    pub fn token(&self, ip: Option<IpAddr>) -> Result<(), Exceeded> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        if let Some(ip) = ip {
            buckets.token.address.take(&Address::of(ip))?;
        }
        buckets.token.total.take()
    }

    /// Forgets every key whose bucket is full again. Called by the clean-up job.
    pub fn purge(&self) {
        let Some(buckets) = &self.0 else { return };
        buckets.sign_in.address.purge();
        buckets.sign_in.pair.purge();
        buckets.sign_in.account.purge();
        buckets.mails.address.purge();
        buckets.mails.pair.purge();
        buckets.mails.account.purge();
        buckets.token.address.purge();
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

/// One bucket for each key.
#[derive(Debug)]
struct Keyed<K: Hash + Eq + Clone>(DefaultKeyedRateLimiter<K>);

impl<K: Hash + Eq + Clone> Keyed<K> {
    /// `burst` at once, refilled by `count` in `seconds`.
    fn new(burst: u32, count: u32, seconds: u32) -> Self {
        Self(RateLimiter::keyed(quota(burst, count, seconds)))
    }

    fn take(&self, key: &K) -> Result<(), Exceeded> {
        self.0
            .check_key(key)
            .map_err(|until| exceeded(until.wait_time_from(DefaultClock::default().now())))
    }

    fn purge(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

/// One bucket for everybody.
#[derive(Debug)]
struct Total(DefaultDirectRateLimiter);

impl Total {
    fn new(burst: u32, count: u32, seconds: u32) -> Self {
        Self(RateLimiter::direct(quota(burst, count, seconds)))
    }

    fn take(&self) -> Result<(), Exceeded> {
        self.0
            .check()
            .map_err(|until| exceeded(until.wait_time_from(DefaultClock::default().now())))
    }
}

fn quota(burst: u32, count: u32, seconds: u32) -> Quota {
    let each = Duration::from_secs(seconds.into()) / count.max(1);
    #[expect(clippy::expect_used, reason = "the periods are constants above zero")]
    let quota = Quota::with_period(each).expect("a period above zero");
    quota.allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN))
}

/// Whole seconds, rounded up: who waits as long as told must not be told again.
fn exceeded(wait: Duration) -> Exceeded {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Exceeded {
        retry_after: Duration::from_secs(seconds.max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::new(&config::Limits { enabled: true })
    }

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn t08_guessing_at_one_account_from_one_address_is_slowed_and_told_for_how_long() {
        let (limits, ada) = (limits(), email("ada@example.org"));
        for _ in 0..15 {
            assert_eq!(limits.sign_in_attempt(Some(ip("192.0.2.1")), &ada), Ok(()));
        }
        let wait = limits
            .sign_in_attempt(Some(ip("192.0.2.1")), &ada)
            .unwrap_err()
            .retry_after;
        assert!((1..=6).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(
            limits.sign_in_attempt(Some(ip("192.0.2.1")), &email("bob@example.org")),
            Ok(())
        );
    }

    #[test]
    fn t08_many_addresses_stop_at_the_account_but_never_its_owner() {
        let (limits, ada) = (limits(), email("ada@example.org"));
        let stopped = (0..200).filter(|_| limits.sign_in_account(&ada, false).is_err());
        assert!(stopped.count() >= 179);
        assert_eq!(limits.sign_in_account(&ada, true), Ok(()));
    }

    #[test]
    fn an_account_counts_the_same_whether_or_not_it_exists() {
        let limits = limits();
        for address in ["ada@example.org", "nobody@example.org"] {
            let caller = Some(ip("192.0.2.1"));
            let allowed =
                (0..20).filter(|_| limits.mailing(Mailing::Recovery, caller, &email(address)).is_ok());
            assert_eq!(allowed.count(), 5);
        }
    }

    #[test]
    fn t08_mails_that_strangers_ask_for_never_refuse_one_to_the_owner() {
        let (limits, ada) = (limits(), email("ada@example.org"));
        let sent = (0..200u32).filter(|n| {
            let ip = IpAddr::from(0x0a00_0000u32.saturating_add(*n).to_be_bytes());
            limits.mailing(Mailing::Recovery, Some(ip), &ada).unwrap()
        });
        assert!((10..=11).contains(&sent.count()), "the account's own bound");
        let home = Some(ip("198.51.100.7"));
        assert_eq!(limits.mailing(Mailing::Recovery, home, &ada), Ok(false));
        for other in [Mailing::Registration, Mailing::Resend] {
            assert_eq!(limits.mailing(other, home, &ada), Ok(true), "{other:?}");
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

    #[test]
    fn switched_off_it_lets_everything_pass() {
        let limits = Limits::new(&config::Limits { enabled: false });
        assert!((0..1_000).all(|_| limits.token(Some(ip("192.0.2.1"))).is_ok()));
        limits.purge();
    }

    #[test]
    fn purging_keeps_what_still_counts() {
        let (limits, ada) = (limits(), email("ada@example.org"));
        let take = || limits.mailing(Mailing::Resend, Some(ip("192.0.2.1")), &ada);
        while take().is_ok() {}
        limits.purge();
        assert!(take().is_err());
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(
                exceeded(Duration::from_millis(millis)).retry_after.as_secs(),
                seconds
            );
        }
    }
}
