//! Trusted browsers, and sessions that prove whose they are.

use uuid::Uuid;

use super::*;

#[tokio::test]
async fn t08_who_shares_the_owners_address_does_not_lock_a_trusted_browser_out() {
    let ((limits, _), ada) = (limits(), email("ada@example.org"));
    let cafe = at("192.0.2.1");
    for n in 0..300 {
        let guessed = email(&format!("somebody{n}@example.org"));
        let _neighbour = guess(&limits, &cafe, &guessed, false).await;
        let _at_ada = guess(&limits, &cafe, &ada, true).await;
    }
    let refused = success(&limits, &cafe, &ada, true).await.unwrap_err();
    assert_eq!(refused.limit, "sign_in:address");
    let laptop = Place {
        browser: Some("her laptop".to_owned()),
        ..cafe
    };
    assert_eq!(success(&limits, &laptop, &ada, true).await, Ok(()));
    // The browser is no way around the limits either.
    let mut guesses = 0;
    while guess(&limits, &laptop, &ada, true).await.is_ok() {
        guesses += 1;
    }
    assert_eq!(guesses, 15);
}

#[tokio::test]
async fn t08_many_trusted_browsers_of_one_account_sign_in_no_more_often_than_one() {
    let ((limits, _), own) = (limits(), email("mallory@example.org"));
    let mut passed = 0;
    for n in 0..100 {
        let from = Place {
            browser: Some(format!("browser {n}")),
            ..at("192.0.2.1")
        };
        passed += u32::from(success(&limits, &from, &own, true).await.is_ok());
    }
    assert_eq!(passed, 60);
}

#[tokio::test]
async fn t08_what_strangers_use_up_keeps_nobody_from_proving_to_be_the_owner() {
    let ((limits, _), ada) = (limits(), email("ada@example.org"));
    for n in 0..300 {
        let _stranger = guess(&limits, &at(&format!("198.51.100.{}", n % 250)), &ada, false).await;
    }
    let home = at("192.0.2.1");
    success(&limits, &home, &ada, false).await.unwrap_err();
    let session = SessionId::from(Uuid::from_u128(1));
    let proven = limits.proof(session, home.ip, &ada).await.unwrap();
    limits.settle(proven).await;
    // Whoever has the session guesses no more often for coming from many addresses.
    let mut guesses = 0;
    for n in 0..100 {
        let from = at(&format!("203.0.113.{n}"));
        if let Ok(mut attempt) = limits.proof(session, from.ip, &ada).await {
            attempt.count();
            limits.settle(attempt).await;
            guesses += 1;
        }
    }
    assert_eq!(guesses, 15);
}

#[tokio::test]
async fn t08_a_browser_that_is_not_trusted_any_more_counts_as_its_address_and_uses_up_no_others() {
    let ((limits, _), ada) = (limits(), email("ada@example.org"));
    let browser = |name: &str| Place {
        browser: Some(name.to_owned()),
        ..at("192.0.2.1")
    };
    let mut tried = 0;
    let refused = loop {
        let mut from = browser("stolen");
        let mut attempt = limits.sign_in(&from, &ada).await.unwrap();
        let counts = limits.distrust(&mut attempt, &mut from, &ada).await;
        if counts.is_ok() {
            attempt.count();
        }
        limits.settle(attempt).await;
        match counts {
            Ok(()) => tried += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!((tried, refused.limit), (15, "sign_in:pair"));
    // Until it has asked as often as one browser may.
    while let Ok(attempt) = limits.sign_in(&browser("stolen"), &ada).await {
        limits.settle(attempt).await;
    }
    for _ in 0..15 {
        assert_eq!(guess(&limits, &browser("hers"), &ada, true).await, Ok(()));
    }
}
