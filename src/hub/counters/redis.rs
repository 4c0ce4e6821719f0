//! Buckets in Redis, for all nodes together: the generic cell rate algorithm, in one script for all
//! buckets of a request and in Redis' own time. Only the hash of an address or a key gets there.
//!
//! When Redis is away, or does not answer in time, nothing is counted here and nobody is refused.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use super::super::redis::Link;
use super::{Empty, Take, Tier};

/// A key holds the time, in microseconds, at which its tier is full again; it is never further away
/// than the tier is large, also when the clock went back or somebody else wrote it. Answers the first
/// that was empty, and the longest wait of all.
const TAKE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full, empty, longest = {}, 0, 0
for i, key in ipairs(KEYS) do
  local burst, every = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local held = redis.pcall('GET', key)
  local at = type(held) == 'string' and tonumber(held) or now
  if not (at > now) then at = now end
  if at > now + burst * every then at = now + burst * every end
  local wait = at - (burst - 1) * every - now
  if wait > 0 and empty == 0 then empty = i end
  if wait > longest then longest = wait end
  full[i] = at + every
end
if empty > 0 then return {empty, longest} end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', full[i]), 'PX', math.ceil((full[i] - now) / 1000))
end
return {0, 0}
";

/// What is gone already, or nobody can read, needs nothing back.
const GIVE_BACK: &str = r"
for i, key in ipairs(KEYS) do
  local held = redis.pcall('GET', key)
  local at = type(held) == 'string' and tonumber(held)
  if at then redis.call('SET', key, string.format('%.0f', at - tonumber(ARGV[i])), 'KEEPTTL') end
end
";

pub(super) async fn take(link: &Link, takes: &[Take<'_>]) -> Result<(), Empty> {
    if !link.is_up() {
        return Ok(());
    }
    let mut call = script(TAKE, link, takes);
    for (_, _, tier) in tiers(takes) {
        call.arg(tier.burst).arg(micros(tier.every));
    }
    let mut commands = redis::pipe();
    commands.add_command(call);
    let Ok(((stopped, wait),)) = link.call::<((usize, u64),)>(&commands).await else {
        return Ok(());
    };
    let first = stopped.checked_sub(1).and_then(|key| tiers(takes).nth(key));
    match first {
        Some((at, ..)) => Err(Empty {
            at,
            wait: Duration::from_micros(wait),
        }),
        None => Ok(()),
    }
}

pub(super) async fn give_back(link: &Link, takes: &[Take<'_>]) {
    if !link.is_up() {
        return;
    }
    let mut call = script(GIVE_BACK, link, takes);
    for (_, _, tier) in tiers(takes) {
        call.arg(micros(tier.every));
    }
    let mut commands = redis::pipe();
    commands.add_command(call).ignore();
    // Whoever cannot be reached has lost the count, or lets it run out: both are safe.
    let _given = link.call::<()>(&commands).await;
}

/// Whether something is missing from the bucket; not, as far as is known, while Redis is away.
pub(super) async fn holds(link: &Link, (bucket, key): &Take<'_>) -> bool {
    if !link.is_up() {
        return false;
    }
    let mut exists = redis::cmd("EXISTS");
    for tier in &bucket.tiers {
        exists.arg(name(link, bucket.kind, tier.period, key));
    }
    let mut commands = redis::pipe();
    commands.add_command(exists);
    let held = link.call::<(u32,)>(&commands).await;
    held.is_ok_and(|(keys,)| keys > 0)
}

/// Each tier of each bucket, which is a key in Redis: where in `takes`, the take, the tier.
fn tiers<'a>(takes: &'a [Take<'_>]) -> impl Iterator<Item = (usize, &'a Take<'a>, &'a Tier)> {
    let takes = takes.iter().enumerate();
    takes.flat_map(|(at, take)| take.0.tiers.iter().map(move |tier| (at, take, tier)))
}

fn script(text: &str, link: &Link, takes: &[Take<'_>]) -> redis::Cmd {
    let mut call = redis::cmd("EVAL");
    call.arg(text).arg(tiers(takes).count());
    for (_, (bucket, key), tier) in tiers(takes) {
        call.arg(name(link, bucket.kind, tier.period, key));
    }
    call
}

fn micros(every: Duration) -> u64 {
    u64::try_from(every.as_micros()).unwrap_or(u64::MAX)
}

/// Who reads Redis learns neither addresses nor accounts from the names.
fn name(link: &Link, kind: &str, period: u32, key: &str) -> String {
    let mac = link.mac("limit key", format!("{kind} {key}").as_bytes());
    let hash = BASE64URL_NOPAD.encode(&mac[..16]);
    link.key(&format!("limit:{kind}:{period}:{hash}"))
}
