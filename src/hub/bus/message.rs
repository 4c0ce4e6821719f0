//! What travels on the bus: one entry of the stream is a short JSON text and the proof that a node of this
//! hub wrote it. Anything else that lies in the stream is no message.
//!
//! No message carries a role, a state or a reason: who reads one looks into SQL.

use data_encoding::BASE64URL_NOPAD;
use redis::{Cmd, Value};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::hub::redis::Link;
use crate::ids::{ConnectionId, NodeId, UserId};

/// About how many entries the stream keeps.
const KEPT: u32 = 100_000;
/// Longer texts are not looked at.
const MAX_BYTES: usize = 16 * 1024;
const TEXT: &str = "m";
const PROOF: &str = "mac";

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
pub(super) enum Message {
    /// `node` has committed rows of the journal. No sequences: too many to name.
    Journal {
        node: NodeId,
        epoch: String,
        sequences: Vec<i64>,
    },
    /// `node` has to close this connection.
    Shed {
        node: NodeId,
        user: UserId,
        connection: ConnectionId,
    },
    /// `node` listens whether it hears itself.
    Probe { node: NodeId, number: u64 },
}

impl Message {
    /// The command that appends it to `stream`.
    pub(super) fn append(&self, link: &Link, stream: &str) -> Cmd {
        let text = serde_json::to_string(self).unwrap_or_default();
        let proof = BASE64URL_NOPAD.encode(&proof(link, stream, text.as_bytes()));
        let mut command = redis::cmd("XADD");
        command.arg(stream).arg("MAXLEN").arg("~").arg(KEPT).arg("*");
        command.arg(TEXT).arg(text).arg(PROOF).arg(proof);
        command
    }

    /// Reads the fields of an entry. `None`: nobody of this hub wrote it.
    pub(super) fn read(link: &Link, stream: &str, fields: &[Value]) -> Option<Self> {
        let [name, text, proof_name, given] = fields else {
            return None;
        };
        let (text, given) = (bytes(text)?, bytes(given)?);
        if bytes(name)? != TEXT.as_bytes() || bytes(proof_name)? != PROOF.as_bytes() || text.len() > MAX_BYTES
        {
            return None;
        }
        let given = BASE64URL_NOPAD.decode(given.get(..64.min(given.len()))?).ok()?;
        let genuine: bool = proof(link, stream, text).as_slice().ct_eq(&given).into();
        if !genuine {
            return None;
        }
        serde_json::from_slice(text).ok()
    }
}

/// Binds the text to the stream: one master secret may serve two hubs, under two prefixes.
fn proof(link: &Link, stream: &str, text: &[u8]) -> [u8; 32] {
    link.mac("bus message", &[stream.as_bytes(), b"\0", text].concat())
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

/// The id of an entry: milliseconds, and a number within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId(u64, u64);

impl std::fmt::Display for EntryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl EntryId {
    fn read(value: &Value) -> Option<Self> {
        let (millis, number) = std::str::from_utf8(bytes(value)?).ok()?.split_once('-')?;
        Some(Self(millis.parse().ok()?, number.parse().ok()?))
    }
}

/// The entries of an answer to `XREVRANGE`; or `None` when it is none. Fields are taken as they come: they
/// may be anything.
pub(super) fn entries(answer: &Value) -> Option<Vec<(EntryId, &[Value])>> {
    let Value::Array(entries) = answer else {
        return None;
    };
    let read = |entry: &'_ Value| match entry {
        Value::Array(parts) => match parts.as_slice() {
            [id, Value::Array(_)] => EntryId::read(id),
            _ => None,
        },
        _ => None,
    };
    entries
        .iter()
        .map(|entry| Some((read(entry)?, fields(entry))))
        .collect()
}

fn fields(entry: &Value) -> &[Value] {
    match entry {
        Value::Array(parts) => match parts.get(1) {
            Some(Value::Array(fields)) => fields,
            _ => &[],
        },
        _ => &[],
    }
}

/// The entries of an answer to `XREAD` on one stream; or `None` when it is none.
pub(super) fn entries_read(answer: &Value) -> Option<Vec<(EntryId, &[Value])>> {
    match answer {
        // Nothing came in time.
        Value::Nil => Some(Vec::new()),
        Value::Array(streams) => match streams.as_slice() {
            [Value::Array(stream)] => entries(stream.get(1)?),
            _ => None,
        },
        _ => None,
    }
}
