//! T12: more passwords than there is room for are refused at once, told when to come back, and cost no hash.

use futures_util::future::join_all;

use crate::support::app::Tuning;

const ADA: &str = "ada@example.org";

#[tokio::test]
async fn t12_beyond_the_queue_a_sign_in_is_answered_503_and_costs_no_hash() {
    // A hash takes so long that the flood is there before the first ones are done.
    let hub = Tuning::new().configure(|config| {
        config.passwords.queue = 1;
        config.passwords.memory_kib = 19_456;
        config.passwords.iterations = 20;
    });
    let hub = hub.spawn().await;
    hub.person(ADA, "user").await;
    let before = hub.app.hasher.runs();
    let room = std::thread::available_parallelism().unwrap().get() + 1;
    let flood = (0..10 * room).map(|_| hub.try_sign_in(ADA, "not the password of anybody"));
    let answers = join_all(flood).await;
    let (refused, looked_at): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 503);
    for answer in &looked_at {
        answer.problem(401, "invalid_credentials");
    }
    for answer in &refused {
        answer.problem(503, "overloaded");
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!(seconds >= 1);
    }
    assert!(!refused.is_empty(), "all {} fitted", looked_at.len());
    assert!(looked_at.len() >= room, "{} of {room}", looked_at.len());
    let hashes = usize::try_from(hub.app.hasher.runs() - before).unwrap();
    assert_eq!(hashes, looked_at.len());
    hub.sign_in(ADA).await;
}
