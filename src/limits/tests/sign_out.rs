//! Signing out: strangers' tries take turns, and nobody is refused.

use futures_util::FutureExt as _;

use super::*;

/// A try from `address` that ends nothing.
async fn miss(limits: &Limits, address: &str) {
    let mut tried = limits.sign_out(Some(ip(address))).await;
    tried.count();
    limits.signed_out(tried).await;
}

#[tokio::test]
async fn an_address_with_nothing_left_takes_turns_and_others_do_not_notice() {
    let (limits, clock) = limits();
    for _ in 0..240 {
        miss(&limits, "192.0.2.1").await;
    }
    let begin = |address| limits.sign_out(Some(ip(address)));
    let first = begin("192.0.2.1").now_or_never().expect("nobody waits");
    let mut second = Box::pin(begin("192.0.2.1"));
    assert!(second.as_mut().now_or_never().is_none(), "one at a time");
    let elsewhere = begin("192.0.2.2").now_or_never().expect("has its own");
    limits.signed_out(elsewhere).await;
    limits.signed_out(first).await;
    let second = second.now_or_never().expect("its turn has come");
    clock.advance(Duration::from_millis(100));
    let refilled = begin("192.0.2.1").now_or_never().expect("one has come back");
    limits.signed_out(refilled).await;
    limits.signed_out(second).await;
}

#[tokio::test]
async fn what_ended_something_costs_nothing() {
    let (limits, _) = limits();
    let session = SessionId::from(uuid::Uuid::from_u128(7));
    for _ in 0..500 {
        let tried = limits.sign_out(Some(ip("192.0.2.1"))).await;
        limits.signed_out(tried).await;
        let elsewhere = limits.sign_out_elsewhere(session).await.unwrap();
        limits.settle(elsewhere).await;
    }
    for _ in 0..30 {
        let mut elsewhere = limits.sign_out_elsewhere(session).await.unwrap();
        elsewhere.count();
        limits.settle(elsewhere).await;
    }
    let refused = limits.sign_out_elsewhere(session).await.unwrap_err();
    assert_eq!(refused.limit, "sign_out:session");
    let other = SessionId::from(uuid::Uuid::from_u128(8));
    limits
        .settle(limits.sign_out_elsewhere(other).await.unwrap())
        .await;
}
