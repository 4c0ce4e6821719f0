//! Buckets in Redis, for all nodes together: the generic cell rate algorithm, in one script for all
//! buckets of a request and in Redis' own time. Only the hash of an address or a key gets there.
//!
//! When Redis is away, or does not answer in time, nothing is counted here and nobody is refused.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use super::super::redis::Link;
use super::{Empty, Take};

/// A key holds the time, in microseconds, at which its bucket is full again; it is never further away
/// than the bucket is large, also when the clock went back or somebody else wrote it.
const TAKE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i, key in ipairs(KEYS) do
  local burst, every = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local held = redis.pcall('GET', key)
  local full = type(held) == 'string' and tonumber(held) or now
  if not (full > now) then full = now end
  if full > now + burst * every then full = now + burst * every end
  local wait = full - (burst - 1) * every - now
  if wait > 0 then return {i, wait} end
  full = full + every
  redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
end
return {0, 0}
";

pub(super) async fn take(link: &Link, takes: &[Take<'_>]) -> Result<(), Empty> {
    if !link.is_up() {
        return Ok(());
    }
    let mut call = redis::cmd("EVAL");
    call.arg(TAKE).arg(takes.len());
    for (bucket, key) in takes {
        call.arg(name(link, bucket.kind, key));
    }
    for (bucket, _) in takes {
        call.arg(bucket.burst);
        call.arg(u64::try_from(bucket.every.as_micros()).unwrap_or(u64::MAX));
    }
    let mut commands = redis::pipe();
    commands.add_command(call);
    let Ok(((stopped, wait),)) = link.call::<((usize, u64),)>(&commands).await else {
        return Ok(());
    };
    match stopped.checked_sub(1) {
        Some(at) => Err(Empty {
            at,
            wait: Duration::from_micros(wait),
        }),
        None => Ok(()),
    }
}

/// Who reads Redis learns neither addresses nor accounts from the names.
fn name(link: &Link, kind: &str, key: &str) -> String {
    let mac = link.mac("limit key", format!("{kind} {key}").as_bytes());
    link.key(&format!("limit:{kind}:{}", BASE64URL_NOPAD.encode(&mac[..16])))
}
