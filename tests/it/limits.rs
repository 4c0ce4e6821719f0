//! Request limits of several nodes: what they count together by way of Redis, what each keeps for itself
//! when Redis is away or was emptied, and what Redis learns of it. The limits of one node are tested
//! beside the code and in `sign_in` and `enumeration`.

use std::time::Duration;

use portcullis::hub::counters::{Bucket, Counters, Empty};
use portcullis::hub::redis::Link;
use redis::aio::MultiplexedConnection;
use secrecy::SecretString;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::presence::{cuttable, redis_url};
use crate::support::app::{TestApp, Tuning};
use crate::support::eventually;
use crate::support::proxy::Line;

const ADA: &str = "ada@example.org";

/// A server with limits, on the Redis at `url`.
async fn node(url: &str, prefix: &str) -> TestApp {
    let (url, prefix) = (SecretString::from(url), prefix.to_owned());
    let tuning = Tuning::new().configure(move |config| {
        config.limits.enabled = true;
        config.redis.url = Some(url);
        config.redis.prefix = prefix;
    });
    tuning.spawn().await
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

async fn redis_connection() -> MultiplexedConnection {
    let client = redis::Client::open(redis_url().as_str()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

fn fresh_prefix() -> String {
    format!("limits-{}", uuid::Uuid::now_v7())
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
        counters: Counters::new(Some(link)),
        _stop: stop.drop_guard(),
    }
}

async fn keys(redis: &mut MultiplexedConnection, prefix: &str) -> Vec<String> {
    let mut keys = redis::cmd("KEYS");
    keys.arg(format!("{prefix}:*"));
    keys.query_async(redis).await.unwrap()
}
