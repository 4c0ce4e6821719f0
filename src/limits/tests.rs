//! What the limits let through, of whom, and for how long: on a clock that the test moves.

mod browsers;
mod sign_out;

use super::*;
use crate::clock::{Clock, ManualClock, Timestamp};

/// Full buckets on a clock that the test moves.
fn limits() -> (Limits, ManualClock) {
    with(&config::Limits::default())
}

fn with(config: &config::Limits) -> (Limits, ManualClock) {
    let clock = ManualClock::starting_at(Timestamp::from_micros(0));
    let counters = Counters::new(Clock::Manual(clock.clone()), None);
    (Limits::new(config, counters), clock)
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(address: &str) -> Place {
    Place {
        ip: Some(ip(address)),
        browser: None,
    }
}

/// The n-th of many addresses.
fn stranger(n: u32) -> Place {
    Place {
        ip: Some(IpAddr::from((0x0a00_0000 + n).to_be_bytes())),
        browser: None,
    }
}

/// A wrong password, all the way.
async fn guess(limits: &Limits, from: &Place, email: &Email, known: bool) -> Result<(), Exceeded> {
    let mut attempt = limits.sign_in(from, email).await?;
    let passed = limits.verification(&mut attempt, from, email, known).await;
    if passed.is_ok() {
        attempt.count();
    }
    limits.settle(attempt).await;
    passed
}

/// A right password, all the way.
async fn success(limits: &Limits, from: &Place, email: &Email, known: bool) -> Result<(), Exceeded> {
    let mut attempt = limits.sign_in(from, email).await?;
    let passed = limits.verification(&mut attempt, from, email, known).await;
    limits.settle(attempt).await;
    passed
}

#[tokio::test]
async fn t08_guessing_at_one_account_from_one_address_is_slowed_and_told_for_how_long() {
    let ((limits, _), ada) = (limits(), email("ada@example.org"));
    let here = at("192.0.2.1");
    for _ in 0..15 {
        assert_eq!(guess(&limits, &here, &ada, true).await, Ok(()));
    }
    let refused = guess(&limits, &here, &ada, true).await.unwrap_err();
    assert_eq!(refused.limit, "sign_in:pair");
    assert_eq!(refused.retry_after, Duration::from_secs(4));
    let bob = email("bob@example.org");
    assert_eq!(guess(&limits, &here, &bob, true).await, Ok(()));
}

#[tokio::test]
async fn t08_the_longer_somebody_guesses_the_longer_the_wait_and_never_for_good() {
    let ((limits, clock), ada) = (limits(), email("ada@example.org"));
    let here = at("192.0.2.1");
    let (mut guesses, mut waits) = (0, Vec::new());
    while guesses < 120 {
        match guess(&limits, &here, &ada, true).await {
            Ok(()) => guesses += 1,
            Err(refused) => {
                waits.push(refused.retry_after.as_secs());
                clock.advance(refused.retry_after);
                // Who waits as long as told is not told again.
                assert_eq!(guess(&limits, &here, &ada, true).await, Ok(()));
                guesses += 1;
            }
        }
    }
    assert_eq!(waits.first(), Some(&4));
    assert!(waits.is_sorted(), "{waits:?}");
    assert!((800..=864).contains(waits.last().unwrap()), "{waits:?}");
    clock.advance(Duration::from_hours(24));
    assert_eq!(guess(&limits, &here, &ada, true).await, Ok(()));
}

#[tokio::test]
async fn t08_a_right_password_is_no_guess() {
    let ((limits, clock), ada) = (limits(), email("ada@example.org"));
    let here = at("192.0.2.1");
    for _ in 0..500 {
        assert_eq!(success(&limits, &here, &ada, false).await, Ok(()));
        clock.advance(Duration::from_secs(1));
    }
    // Requests are counted all the same, whoever sends them.
    let mut passed = 0;
    while success(&limits, &here, &ada, false).await.is_ok() {
        passed += 1;
    }
    assert!(passed <= 60, "{passed}");
}

#[tokio::test]
async fn t08_guesses_that_are_all_sent_at_once_do_not_pass_together() {
    let ((limits, _), ada) = (limits(), email("ada@example.org"));
    let here = at("192.0.2.1");
    // None of them has an answer yet.
    let mut running = Vec::new();
    for _ in 0..50 {
        running.extend(limits.sign_in(&here, &ada).await.ok());
    }
    assert_eq!(running.len(), 15);
}

#[tokio::test]
async fn t08_strangers_from_many_addresses_stop_at_the_account_but_never_its_owner() {
    let ((limits, _), ada) = (limits(), email("ada@example.org"));
    let mut stopped = Vec::new();
    for n in 0..200 {
        stopped.extend(guess(&limits, &stranger(n), &ada, false).await.err());
    }
    assert_eq!(stopped.len(), 180);
    assert!(stopped.iter().all(|refused| refused.limit == "sign_in:account"));
    let home = at("198.51.100.7");
    assert_eq!(guess(&limits, &home, &ada, true).await, Ok(()), "a known address");
    let phone = Place {
        browser: Some("phone".to_owned()),
        ..stranger(7)
    };
    assert_eq!(
        guess(&limits, &phone, &ada, false).await,
        Ok(()),
        "a trusted browser"
    );
}

#[tokio::test]
async fn t08_one_address_that_tries_many_accounts_is_stopped() {
    let ((limits, clock), here) = (limits(), at("192.0.2.1"));
    let (mut looked_at, mut last) = (0, None);
    for n in 0..2_000 {
        let email = email(&format!("somebody{n}@example.org"));
        match guess(&limits, &here, &email, false).await {
            Ok(()) => looked_at += 1,
            Err(refused) => last = Some(refused.limit),
        }
        clock.advance(Duration::from_secs(1));
    }
    // A hundred at once, and 200 in each of the 2000 s.
    assert!((100..=212).contains(&looked_at), "{looked_at}");
    assert_eq!(last, Some("sign_in:failures"));
    // Somebody behind the same address who is known there signs in.
    let ada = email("ada@example.org");
    assert_eq!(success(&limits, &here, &ada, true).await, Ok(()));
}

#[tokio::test]
async fn t08_spraying_many_accounts_from_many_addresses_slows_new_places_alone() {
    let ((limits, clock), ada) = (limits(), email("ada@example.org"));
    let mut looked_at = 0;
    for n in 0..10_000 {
        let email = email(&format!("somebody{}@example.org", n % 1_000));
        let guessed = guess(&limits, &stranger(n % 500), &email, false).await;
        looked_at += u32::from(guessed.is_ok());
    }
    assert_eq!(looked_at, 200, "a sixth of what may be in an hour");
    let cafe = at("198.51.100.7");
    let refused = success(&limits, &cafe, &ada, false).await.unwrap_err();
    assert_eq!(refused.limit, "sign_in:spraying");
    assert_eq!(refused.retry_after, Duration::from_secs(3));
    assert_eq!(
        success(&limits, &cafe, &ada, true).await,
        Ok(()),
        "a known address"
    );
    clock.advance(refused.retry_after);
    assert_eq!(
        success(&limits, &cafe, &ada, false).await,
        Ok(()),
        "slowed, no more"
    );
}

#[tokio::test]
async fn t08_how_much_spraying_is_looked_at_can_be_set() {
    let (limits, _) = with(&config::Limits {
        failures: 60,
        ..config::Limits::default()
    });
    let mut looked_at = 0;
    for n in 0..50 {
        let email = email(&format!("somebody{n}@example.org"));
        let guessed = guess(&limits, &stranger(n), &email, false).await;
        looked_at += u32::from(guessed.is_ok());
    }
    assert_eq!(looked_at, 10);
}

#[tokio::test]
async fn t08_a_refusal_takes_nothing_that_the_owner_needs() {
    let ((limits, _), ada) = (limits(), email("ada@example.org"));
    let here = at("192.0.2.1");
    for n in 0..20 {
        let _guessed = guess(&limits, &stranger(n), &ada, false).await;
    }
    // From a new place she is told to wait; asking again does not make the wait longer.
    let waits = async || {
        let refused = success(&limits, &here, &ada, false).await.unwrap_err();
        (refused.limit, refused.retry_after)
    };
    let first = waits().await;
    assert_eq!(first.0, "sign_in:account");
    for _ in 0..30 {
        assert_eq!(waits().await, first);
    }
}

#[tokio::test]
async fn t08_who_redeems_a_mailed_token_signs_in_there_whatever_strangers_do() {
    let ((limits, clock), ada) = (limits(), email("ada@example.org"));
    for n in 0..1_000 {
        let other = email(&format!("somebody{n}@example.org"));
        let _sprayed = guess(&limits, &stranger(n), &other, false).await;
        let _guessed = guess(&limits, &stranger(n), &ada, false).await;
    }
    let hotel = at("2001:db8::1");
    assert!(success(&limits, &hotel, &ada, false).await.is_err());
    limits.prove(hotel.ip, &ada).await;
    limits.purge();
    assert_eq!(success(&limits, &hotel, &ada, false).await, Ok(()));
    // There alone, for this account alone, and not for good.
    let eve = email("eve@example.org");
    for (place, email) in [(&at("2001:db8:0:1::1"), &ada), (&hotel, &eve)] {
        assert!(success(&limits, place, email, false).await.is_err(), "{place:?}");
    }
    for _ in 0..15 {
        assert_eq!(guess(&limits, &hotel, &ada, false).await, Ok(()));
    }
    let refused = guess(&limits, &hotel, &ada, false).await.unwrap_err();
    assert_eq!(refused.limit, "sign_in:pair");
    clock.advance(Duration::from_hours(24));
    for n in 0..100 {
        let _guessed = guess(&limits, &stranger(n), &ada, false).await;
    }
    let refused = success(&limits, &hotel, &ada, false).await.unwrap_err();
    assert_eq!(refused.limit, "sign_in:account");
}

#[tokio::test]
async fn t13_an_ipv6_network_counts_as_one() {
    let ((limits, _), ada) = (limits(), email("ada@example.org"));
    let mut heard = 0;
    for n in 0..40 {
        let here = at(&format!("2001:db8::{n:x}"));
        heard += u32::from(guess(&limits, &here, &ada, true).await.is_ok());
    }
    assert_eq!(heard, 15);
    let next_door = at("2001:db8:0:1::1");
    assert_eq!(guess(&limits, &next_door, &ada, true).await, Ok(()));
}

#[tokio::test]
async fn an_account_counts_the_same_whether_or_not_it_exists() {
    let (limits, _) = limits();
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
    let ((limits, _), ada) = (limits(), email("ada@example.org"));
    let mut sent = 0;
    for n in 0..200 {
        let within = limits.mailing(Mailing::Recovery, stranger(n).ip, &ada).await;
        sent += u32::from(within.unwrap());
    }
    assert_eq!(sent, 10, "the account's own bound");
    let home = Some(ip("198.51.100.7"));
    assert_eq!(limits.mailing(Mailing::Recovery, home, &ada).await, Ok(false));
    for other in [Mailing::Registration, Mailing::Resend] {
        assert_eq!(limits.mailing(other, home, &ada).await, Ok(true), "{other:?}");
    }
}

#[tokio::test]
async fn asking_for_mails_that_are_not_sent_any_more_is_limited_all_the_same() {
    let ((limits, _), ada) = (limits(), email("ada@example.org"));
    for n in 0..10 {
        let sent = limits.mailing(Mailing::Recovery, stranger(n).ip, &ada).await;
        assert_eq!(sent, Ok(true));
    }
    let here = Some(ip("192.0.2.1"));
    for _ in 0..5 {
        assert_eq!(limits.mailing(Mailing::Recovery, here, &ada).await, Ok(false));
    }
    assert!(limits.mailing(Mailing::Recovery, here, &ada).await.is_err());
}

#[tokio::test]
async fn switched_off_it_lets_everything_pass() {
    let (limits, _) = with(&config::Limits {
        enabled: false,
        ..config::Limits::default()
    });
    for _ in 0..1_000 {
        assert_eq!(limits.token(Some(ip("192.0.2.1"))).await, Ok(()));
    }
    limits.purge();
}

#[tokio::test]
async fn purging_keeps_what_still_counts() {
    let ((limits, _), ada) = (limits(), email("ada@example.org"));
    let take = || limits.mailing(Mailing::Resend, Some(ip("192.0.2.1")), &ada);
    while take().await.is_ok() {}
    limits.purge();
    assert!(take().await.is_err());
}

#[test]
fn every_limit_has_its_series() {
    let kinds = Policy::new(&config::Limits::default()).all().map(Bucket::kind);
    assert_eq!(kinds, metric::LIMITS);
}
