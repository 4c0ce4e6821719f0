//! Request limits: per address, per account key (known or not), and in total.
//!
//! Called by services before they do costly work. Counting an account never locks its owner out for
//! good: every bucket refills, and an address from which the owner has signed in before is not counted
//! against the account as a whole. Counters are kept in memory, by each node for itself.

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

#[derive(Debug)]
struct Buckets {
    sign_in: SignIn,
    mailing: Mailing,
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
struct Mailing {
    total: Total,
    address: Keyed<Address>,
    account: Keyed<Email>,
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
            mailing: Mailing {
                total: Total::new(500, 50, 1),
                address: Keyed::new(50, 100, HOUR),
                account: Keyed::new(5, 10, HOUR),
            },
            token: Token {
                total: Total::new(5_000, 2_000, 1),
                address: Keyed::new(240, 600, 60),
            },
        };
        Self(config.enabled.then(|| Arc::new(buckets())))
    }

    /// Before registration, resend and recovery: mails cost, and annoy.
    ///
    /// # Errors
    /// [`Exceeded`]: the same for an address with an account and without.
    pub fn mailing(&self, ip: Option<IpAddr>, email: &Email) -> Result<(), Exceeded> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        // The narrowest first: who is stopped there takes nothing from the others.
        if let Some(ip) = ip {
            buckets.mailing.address.take(&Address::of(ip))?;
        }
        buckets.mailing.account.take(email)?;
        buckets.mailing.total.take()
    }

    /// Before a password is verified. `known`: the account's owner has signed in from this address
    /// before; then attempts from elsewhere cannot stop it.
    ///
    /// # Errors
    /// [`Exceeded`]: the same for an address with an account and without.
    pub fn sign_in(&self, ip: Option<IpAddr>, email: &Email, known: bool) -> Result<(), Exceeded> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        let sign_in = &buckets.sign_in;
        if let Some(ip) = ip.map(Address::of) {
            sign_in.address.take(&ip)?;
            sign_in.pair.take(&(ip, email.clone()))?;
        }
        if !known {
            sign_in.account.take(email)?;
        }
        sign_in.total.take()
    }

    /// Before a bearer secret is looked up (refresh, activation, recovery and service keys).
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
        buckets.mailing.address.purge();
        buckets.mailing.account.purge();
        buckets.token.address.purge();
    }
}

/// What counts as one caller: an IPv4 address, or the /64 of an IPv6 address, which is what one household
/// or one machine holds. An IPv4 address in IPv6 form counts as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Address(IpAddr);

impl Address {
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(ip) => Self(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into()),
            v4 @ IpAddr::V4(_) => Self(v4),
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
            assert_eq!(limits.sign_in(Some(ip("192.0.2.1")), &ada, false), Ok(()));
        }
        let wait = limits
            .sign_in(Some(ip("192.0.2.1")), &ada, false)
            .unwrap_err()
            .retry_after;
        assert!((1..=6).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(
            limits.sign_in(Some(ip("192.0.2.1")), &email("bob@example.org"), false),
            Ok(())
        );
    }

    #[test]
    fn t08_many_addresses_stop_at_the_account_but_never_its_owner() {
        let (limits, ada) = (limits(), email("ada@example.org"));
        let stopped = (0..200u32).filter(|n| {
            let ip = IpAddr::from(0x0a00_0000u32.saturating_add(*n).to_be_bytes());
            limits.sign_in(Some(ip), &ada, false).is_err()
        });
        assert!(stopped.count() >= 179);
        assert_eq!(limits.sign_in(Some(ip("198.51.100.7")), &ada, true), Ok(()));
    }

    #[test]
    fn an_account_counts_the_same_whether_or_not_it_exists() {
        let limits = limits();
        for address in ["ada@example.org", "nobody@example.org"] {
            let allowed = (0..20).filter(|_| limits.mailing(None, &email(address)).is_ok());
            assert_eq!(allowed.count(), 5);
        }
    }

    #[test]
    fn t13_ipv6_counts_by_64_bits_and_mapped_addresses_as_ipv4() {
        let key = |text: &str| Address::of(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
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
        while limits.mailing(Some(ip("192.0.2.1")), &ada).is_ok() {}
        limits.purge();
        assert!(limits.mailing(Some(ip("192.0.2.1")), &ada).is_err());
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
