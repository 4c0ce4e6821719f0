//! How a connection is written down in Redis: `session|node|since|address|expiry|proof`, under the
//! connection's id in the list of its user.
//!
//! The proof covers all of it, the user, the connection and the expiry included: who can write to the
//! Redis but has no master secret can neither make up connections, which would push real ones out, nor
//! show old ones again after their time.

use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq as _;

use super::Live;
use crate::clock::Timestamp;
use crate::hub::redis::Link;
use crate::ids::{ConnectionId, UserId};

/// The text of `live`, good until `expiry` (milliseconds of Redis' clock).
pub(super) fn write(link: &Link, user: UserId, live: &Live, expiry: i64) -> String {
    let ip = live.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
    let (session, node, since) = (live.session, live.node, live.since.micros());
    let facts = format!("{session}|{node}|{since}|{ip}|{expiry}");
    let proof = prove(link, user, live.connection, &facts);
    format!("{facts}|{proof}")
}

/// The connection and its expiry, unless it was not one of the hub's nodes that wrote it.
pub(super) fn read(link: &Link, user: UserId, field: &[u8], value: &[u8]) -> Option<(Live, i64)> {
    let connection: ConnectionId = std::str::from_utf8(field).ok()?.parse().ok()?;
    let (facts, proof) = std::str::from_utf8(value).ok()?.rsplit_once('|')?;
    let proven: bool = prove(link, user, connection, facts)
        .as_bytes()
        .ct_eq(proof.as_bytes())
        .into();
    if !proven {
        return None;
    }
    let mut facts = facts.split('|');
    let live = Live {
        connection,
        session: facts.next()?.parse().ok()?,
        node: facts.next()?.parse().ok()?,
        since: Timestamp::from_micros(facts.next()?.parse().ok()?),
        ip: match facts.next()? {
            "-" => None,
            ip => Some(ip.parse().ok()?),
        },
    };
    Some((live, facts.next()?.parse().ok()?))
}

fn prove(link: &Link, user: UserId, connection: ConnectionId, facts: &str) -> String {
    let mac = link.mac(
        "presence entry",
        format!("{user}|{connection}|{facts}").as_bytes(),
    );
    BASE64URL_NOPAD.encode(&mac[..16])
}
