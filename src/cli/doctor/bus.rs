//! Redis, where there is one: reached, signed in to, and writable.

use secrecy::ExposeSecret as _;

use super::{Finding, Patient};
use crate::hub::redis::Link;
use crate::secret::MasterKey;

const OF: &str = "Redis";

pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let Some(url) = &patient.config.redis.url else {
        return vec![Finding::ok(
            OF,
            "none: one node, or nodes that hear of each other within hub.poll",
        )];
    };
    // Nothing is signed here.
    let master = MasterKey::from_secret(&String::new().into());
    let link = match Link::new(url.expose_secret(), &patient.config.redis.prefix, master) {
        Ok(link) => link,
        Err(error) => return vec![Finding::wrong(OF, error.to_string(), "mend redis.url")],
    };
    vec![match link.probe().await {
        Ok(took) => Finding::ok(OF, format!("reached and written to in {} ms", took.as_millis())),
        Err(reason) => Finding::wrong(
            OF,
            format!("{reason}; without it news takes up to 250 ms longer"),
            advice(&reason),
        ),
    }]
}

fn advice(reason: &str) -> &'static str {
    let reason = reason.to_ascii_lowercase();
    if ["auth", "wrongpass", "invalid username"]
        .iter()
        .any(|word| reason.contains(word))
    {
        "the user or the password in redis.url is wrong, as in redis://default:PASSWORD@host:6379"
    } else if reason.contains("readonly") {
        "this is a replica: point redis.url at the primary"
    } else if reason.contains("noperm") {
        "let its user do everything with keys that begin with redis.prefix"
    } else if reason.contains("oom") {
        "it is full: raise maxmemory, or give the hub a Redis of its own"
    } else {
        "is it running, and does a firewall stand between? rediss:// is for a server that speaks TLS"
    }
}
