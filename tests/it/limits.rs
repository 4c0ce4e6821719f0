//! Request limits of several nodes: what they count together by way of Redis, what each keeps for itself
//! when Redis is away or was emptied, and what Redis learns of it. The limits of one node are tested
//! beside the code and in `sign_in` and `enumeration`.

use std::time::Duration;

use anyhow::{bail, ensure};
use portcullis::clock::Clock;
use portcullis::hub::counters::{Bucket, Counters, Empty, Take};
use portcullis::hub::redis::Link;
use redis::aio::MultiplexedConnection;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::app::{TestApp, Tuning};
use crate::support::eventually;
use crate::support::proxy::{self, Line};
use crate::support::redis::{connected, fresh_prefix, once_in_five, patient, shared};

const ADA: &str = "ada@example.org";

/// A server with limits, on the Redis at `url`.
async fn node(url: &str, prefix: &str) -> TestApp {
    let tuning = Tuning::new().redis(url, prefix);
    tuning
        .configure(|config| config.limits.enabled = true)
        .spawn()
        .await
}

/// Guesses until told to stop; gives how many guesses were heard. At most 40.
async fn guesses(node: &TestApp) -> usize {
    for count in 0..40 {
        let guess = json!({ "email": ADA, "password": "somebody's passphrase 12" });
        let answer = node.post("/api/auth", guess).await;
        if answer.status == 429 {
            answer.problem(429, "rate_limited");
            return count;
        }
        answer.problem(401, "invalid_credentials");
    }
    40
}

/// Counters of a node of its own, connected.
struct Counting {
    counters: Counters,
    _stop: tokio_util::sync::DropGuard,
}

async fn counting(url: &str, prefix: &str) -> Counting {
    let master = portcullis::secret::MasterKey::from_secret(&"a secret of the test, long enough".into());
    let link = Link::new(url, prefix, master).unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(link.clone().run(stop.clone()));
    eventually("Redis is connected", || async { link.is_up().then_some(()) }).await;
    Counting {
        counters: Counters::new(Clock::System, Some(link)),
        _stop: stop.drop_guard(),
    }
}

async fn keys(redis: &mut MultiplexedConnection, prefix: &str) -> Vec<String> {
    let mut keys = redis::cmd("KEYS");
    keys.arg(format!("{prefix}:*"));
    keys.query_async(redis).await.unwrap()
}

/// 15 at once, and one more every 4 s: a slow machine may get a few more.
const FEW: usize = 7;

#[tokio::test]
async fn t08_nodes_count_guesses_together() {
    once_in_five(together).await;
}

async fn together() -> anyhow::Result<()> {
    let (mut redis, prefix, url) = (patient().await, fresh_prefix(), shared());
    let (a, b) = (node(&url, &prefix).await, node(&url, &prefix).await);
    connected(&a, &mut redis, &prefix).await;
    connected(&b, &mut redis, &prefix).await;
    ensure!(guesses(&a).await >= 15);
    let more = guesses(&b).await;
    ensure!(more <= FEW, "{more} more on the other node");
    Ok(())
}

#[tokio::test]
async fn t08_while_redis_cannot_be_used_each_node_counts_for_itself() {
    for line in [Line::Cut, Line::Frozen] {
        let (mut redis, prefix) = (patient().await, fresh_prefix());
        let (proxy, url) = proxy::through(&shared()).await;
        let (a, b) = (node(&url, &prefix).await, node(&url, &prefix).await);
        connected(&a, &mut redis, &prefix).await;
        connected(&b, &mut redis, &prefix).await;
        proxy.set(line);
        for node in [&a, &b] {
            let heard = guesses(node).await;
            assert!((15..40).contains(&heard), "{line:?}: {heard}");
        }
    }
}

#[tokio::test]
async fn t08_an_emptied_redis_lets_no_sprayer_through() {
    let (mut redis, prefix, url) = (patient().await, fresh_prefix(), shared());
    let a = node(&url, &prefix).await;
    connected(&a, &mut redis, &prefix).await;
    assert!(guesses(&a).await >= 15);
    for key in keys(&mut redis, &prefix).await {
        let _gone: i64 = redis::cmd("DEL").arg(key).query_async(&mut redis).await.unwrap();
    }
    let more = guesses(&a).await;
    assert!(more <= FEW, "{more} more");
}

#[tokio::test]
async fn redis_learns_no_address_and_no_account_and_forgets_by_itself() {
    once_in_five(learns).await;
}

async fn learns() -> anyhow::Result<()> {
    let (mut redis, prefix, url) = (patient().await, fresh_prefix(), shared());
    let a = node(&url, &prefix).await;
    connected(&a, &mut redis, &prefix).await;
    let token = json!({ "refresh_token": "none" });
    a.post("/api/auth/refresh", token).await.expect(401);
    assert!(guesses(&a).await >= 15);
    let recovery = json!({ "email": ADA });
    a.post("/api/auth/recovery", recovery).await.expect(202);
    let limits = keys(&mut redis, &format!("{prefix}:limit")).await;
    let mut kinds = Vec::new();
    for key in &limits {
        let rest = key.strip_prefix(&format!("{prefix}:limit:")).unwrap();
        let (tier, hash) = rest.rsplit_once(':').unwrap();
        let (kind, period) = tier.rsplit_once(':').unwrap();
        assert!(period.parse::<u32>().is_ok(), "{key}");
        let hidden = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        assert!(hash.len() == 22 && hash.chars().all(hidden), "{key}");
        kinds.push(kind);
        let life: i64 = redis::cmd("PTTL").arg(key).query_async(&mut redis).await.unwrap();
        // What refills soon may be gone already.
        assert_ne!(life, -1, "{key} stays for ever");
    }
    for kind in ["sign_in:pair", "sign_in:account", "mails:pair", "mails:account"] {
        ensure!(kinds.contains(&kind), "{kind} of {kinds:?}");
    }
    Ok(())
}

const SLOW: u32 = 3_600;

#[tokio::test]
async fn who_is_stopped_by_what_the_others_counted_takes_nothing_from_the_wider_buckets() {
    once_in_five(stopped).await;
}

async fn stopped() -> anyhow::Result<()> {
    let (url, prefix) = (shared(), fresh_prefix());
    let (a, b) = (counting(&url, &prefix).await, counting(&url, &prefix).await);
    let buckets = || {
        (
            Bucket::new("narrow", &[(2, 1, SLOW)]),
            Bucket::new("wide", &[(3, 1, SLOW)]),
        )
    };
    let ((narrow, wide), (narrow_b, wide_b)) = (buckets(), buckets());
    for _ in 0..2 {
        let takes = [(&narrow, "ada".to_owned()), (&wide, String::new())];
        ensure!(a.counters.take(&takes).await.is_ok());
    }
    let stopped = [(&narrow_b, "ada".to_owned())];
    for _ in 0..2 {
        let Err(Empty { at: 0, wait }) = b.counters.take(&stopped).await else {
            bail!("what the other counted");
        };
        let hour = Duration::from_secs(SLOW.into());
        ensure!(wait > hour / 2 && wait <= hour, "{wait:?}");
    }
    // This one goes through a node that has not counted the wide bucket yet.
    let c = counting(&url, &prefix).await;
    let (narrow_c, wide_c) = buckets();
    let ada = [(&narrow_c, "ada".to_owned()), (&wide_c, String::new())];
    let at = async |counting: &Counting, takes: &[Take<'_>]| {
        let taken = counting.counters.take(takes).await;
        taken.err().map(|empty| empty.at)
    };
    ensure!(at(&c, &ada).await == Some(0), "the narrow one");
    let bob = [(&narrow_b, "bob".to_owned()), (&wide_b, String::new())];
    ensure!(at(&b, &bob).await.is_none(), "the third of the wide bucket");
    ensure!(at(&b, &bob).await == Some(1), "the wide one");
    Ok(())
}

#[tokio::test]
async fn what_is_given_back_is_there_again_on_all_nodes() {
    once_in_five(given_back).await;
}

async fn given_back() -> anyhow::Result<()> {
    let (url, prefix) = (shared(), fresh_prefix());
    let (a, b) = (counting(&url, &prefix).await, counting(&url, &prefix).await);
    let buckets = || Bucket::new("guesses", &[(2, 60, SLOW), (3, 1, SLOW * 2)]);
    let (here, there) = (buckets(), buckets());
    let ada = |bucket| [(bucket, "ada".to_owned())];
    for _ in 0..10 {
        ensure!(a.counters.take(&ada(&here)).await.is_ok());
        a.counters.give_back(&ada(&here)).await;
    }
    for _ in 0..2 {
        ensure!(a.counters.take(&ada(&here)).await.is_ok());
    }
    ensure!(b.counters.take(&ada(&there)).await.is_err(), "counted together");
    a.counters.give_back(&ada(&here)).await;
    ensure!(b.counters.take(&ada(&there)).await.is_ok(), "given back");
    // Of each tier by itself: a minute from now the slow one alone is what counts.
    let Err(Empty { wait, .. }) = b.counters.take(&ada(&there)).await else {
        bail!("the fast tier is empty");
    };
    ensure!(wait <= Duration::from_mins(1), "{wait:?}");
    Ok(())
}

/// A clock that went back, or a stranger with the password of the Redis, shuts nobody out for good.
#[tokio::test]
async fn what_a_key_should_not_hold_stops_nobody_for_longer_than_one_refill() {
    once_in_five(outlandish).await;
}

async fn outlandish() -> anyhow::Result<()> {
    let (mut redis, url, prefix) = (patient().await, shared(), fresh_prefix());
    let a = counting(&url, &prefix).await;
    let bucket = Bucket::new("narrow", &[(20, 60, SLOW)]);
    let takes = [(&bucket, "ada".to_owned())];
    ensure!(a.counters.take(&takes).await.is_ok());
    let mut other = redis.clone();
    let Some(key) = keys(&mut redis, &prefix).await.pop() else {
        bail!("nothing was counted");
    };
    let mut set = async |value: &str| {
        let set = redis::cmd("SET")
            .arg(&key)
            .arg(value)
            .query_async(&mut redis)
            .await;
        let _done: String = set.unwrap();
    };
    for far in ["9e15", "inf"] {
        set(far).await;
        let Err(empty) = a.counters.take(&takes).await else {
            bail!("{far}: not stopped at all");
        };
        ensure!(empty.wait <= Duration::from_mins(1), "{far}: {empty:?}");
    }
    for nothing in ["", "x", "-1", "nan"] {
        set(nothing).await;
        ensure!(a.counters.take(&takes).await.is_ok(), "{nothing:?}");
        let life: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut other).await?;
        ensure!(life > 0, "{nothing:?} is counted on from");
    }
    Ok(())
}
