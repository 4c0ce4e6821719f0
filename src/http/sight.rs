//! What the hub sees of a caller, told to whoever holds the master secret: `portcullis doctor` asks by way of the
//! operator's own proxy, and compares.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::client::Client;
use crate::clock::Timestamp;
use crate::secret::MasterKey;

/// Who sends it holds the master secret.
pub const PROOF: HeaderName = HeaderName::from_static("x-portcullis-doctor");
const PURPOSE: &str = "doctor";
/// How far the clocks of the two may be apart.
const APART: Duration = Duration::from_mins(1);

/// The caller as the hub sees it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are facts of their own, for somebody who compares"
)]
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Sight {
    /// What limits count and the audit log keeps.
    pub ip: String,
    /// The other end of the TCP connection.
    pub peer: String,
    /// The peer is in `http.trusted_proxies`.
    pub trusted: bool,
    /// Something says that a proxy was on the way.
    pub forwarded: bool,
    /// `ip` is the caller's for certain.
    pub certain: bool,
    /// A trusted proxy says that the caller used TLS.
    pub encrypted: bool,
    /// `X-Forwarded-For` as it came.
    pub trail: Vec<String>,
}

/// The header of a caller who holds `master`, good for a minute.
#[must_use]
pub fn proof(master: &MasterKey, now: Timestamp) -> String {
    sign(master, now.micros() / 1_000_000)
}

fn sign(master: &MasterKey, seconds: i64) -> String {
    let mac = master.mac(PURPOSE, &seconds.to_be_bytes());
    format!("{seconds}.{}", HEXLOWER.encode(&mac))
}

/// What there is to tell: nothing, unless the caller proves to hold `master`.
pub(super) fn tell(
    master: &MasterKey,
    now: Timestamp,
    headers: &HeaderMap,
    client: &Client,
    trusted: bool,
) -> Option<Sight> {
    let sent = headers.get(PROOF)?.to_str().ok()?;
    let seconds: i64 = sent.split_once('.')?.0.parse().ok()?;
    let said = Timestamp::from_micros(seconds.checked_mul(1_000_000)?);
    let apart = now.since(said).max(said.since(now));
    let proven: bool = sign(master, seconds).as_bytes().ct_eq(sent.as_bytes()).into();
    if !proven || apart > APART {
        return None;
    }
    let trail = headers.get_all("x-forwarded-for").iter();
    Some(Sight {
        ip: client.ip.to_string(),
        peer: client.peer.to_string(),
        trusted,
        forwarded: client.forwarded,
        certain: client.certain,
        encrypted: client.is_encrypted,
        trail: trail
            .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn only_a_fresh_proof_by_the_same_secret_is_told_anything() {
        let master = MasterKey::from_secret(&"a master secret of forty characters or so".to_owned().into());
        let other = MasterKey::from_secret(&"another master secret of forty characters".to_owned().into());
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let tell = |sent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(PROOF, sent.parse().unwrap());
            let client = Client::locate([192, 0, 2, 7].into(), &headers, &[], Arc::from("r"));
            super::tell(&master, now, &headers, &client, false)
        };
        assert_eq!(tell(&proof(&master, now)).unwrap().ip, "192.0.2.7");
        for minutes in [2, -2] {
            let then = Timestamp::from_micros(now.micros() + minutes * 60_000_000);
            assert!(tell(&proof(&master, then)).is_none(), "{minutes}");
        }
        for forged in [
            proof(&other, now),
            "1800000000.".to_owned(),
            "x".to_owned(),
            "9223372036854775807.0".to_owned(),
        ] {
            assert!(tell(&forged).is_none(), "{forged}");
        }
    }
}
