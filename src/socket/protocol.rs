//! The frames of `portcullis.v1`: JSON objects with a `type`, in text frames.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::close::CloseCode;
use crate::error::Code;
use crate::ids::{ConnectionId, SessionId, UserId};
use crate::store::journal::StateReason;
use crate::store::sessions::{EndReason, EndScope};
use crate::store::users::AuthState;

/// The subprotocol, which a client must offer.
pub const SUBPROTOCOL: &str = "portcullis.v1";
/// A second offered subprotocol that begins so carries the socket token, and stands for the hello.
pub const TOKEN_SUBPROTOCOL: &str = "portcullis.token.";
/// The largest frame after hello, in bytes.
pub const MAX_FRAME: usize = 8 * 1024;
/// The largest frame before it.
pub const MAX_HELLO: usize = 4 * 1024;

/// What the client learns about timing; durations in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Heartbeat {
    pub interval_ms: u64,
    pub timeout_ms: u64,
}

/// Between which bounds a client waits before it reconnects.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Retry {
    pub min_ms: u64,
    pub max_ms: u64,
}

/// Every frame that the server sends, but for `event`, which the hub finishes once for all sockets.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame<'a> {
    Ready {
        connection_id: ConnectionId,
        session_id: SessionId,
        user_id: UserId,
        state: &'a AuthState,
        heartbeat: Heartbeat,
        epoch: &'a str,
        sequence: i64,
        resumed: bool,
        retry: Retry,
        max_frame_bytes: usize,
    },
    State {
        sequence: i64,
        reason: StateReason,
        state: &'a AuthState,
        #[serde(skip_serializing_if = "Option::is_none")]
        access_token: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_in: Option<u64>,
    },
    SignedOut {
        code: u16,
        reason: EndReason,
        scope: EndScope,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
    Reconnect {
        in_ms: u64,
        code: u16,
    },
    Ping {
        version: i64,
    },
    Token {
        id: &'a Value,
        access_token: String,
        expires_in: u64,
    },
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a Value>,
        code: Code,
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

impl ServerFrame<'_> {
    /// The frame's text.
    #[must_use]
    pub fn text(&self) -> String {
        // Nothing in a frame can fail to serialise: keys are texts, numbers are integers.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The first frame of a client.
#[derive(Debug)]
pub struct Hello {
    pub token: String,
    pub resume: Option<ResumeFrom>,
}

/// Where the client stopped reading.
#[derive(Clone, Debug, Deserialize)]
pub struct ResumeFrom {
    pub epoch: String,
    pub sequence: i64,
}

/// What a client may say.
#[derive(Debug)]
pub enum ClientFrame {
    Hello(Hello),
    Pong {
        version: Option<i64>,
    },
    Token {
        id: Value,
    },
    /// Of a type that this version does not know.
    Unknown {
        id: Option<Value>,
        kind: String,
    },
}

impl ClientFrame {
    /// Reads one text frame. Unknown fields are ignored; fields that are known must be right.
    ///
    /// # Errors
    /// [`CloseCode::BadFrame`] when it is not a JSON object with a `type`, or a field is wrong.
    pub fn parse(text: &str) -> Result<Self, CloseCode> {
        #[derive(Deserialize)]
        struct Tag {
            #[serde(rename = "type")]
            kind: String,
            id: Option<Value>,
        }
        #[derive(Deserialize)]
        struct HelloFields {
            token: String,
            resume: Option<ResumeFrom>,
        }
        #[derive(Deserialize)]
        struct PongFields {
            version: Option<i64>,
        }
        // A field counts only in the frames that have it, so the type is read first.
        let Tag { kind, id } = read(text)?;
        let id = id.filter(is_plain);
        Ok(match kind.as_str() {
            "hello" => {
                let HelloFields { token, resume } = read(text)?;
                Self::Hello(Hello { token, resume })
            }
            "pong" => {
                let PongFields { version } = read(text)?;
                Self::Pong { version }
            }
            "token" => Self::Token {
                id: id.ok_or(CloseCode::BadFrame)?,
            },
            _ => Self::Unknown {
                id,
                kind: kind.chars().take(32).collect(),
            },
        })
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, CloseCode> {
    // serde would read a struct from an array as well, and that is not a frame.
    if !text.trim_start().starts_with('{') {
        return Err(CloseCode::BadFrame);
    }
    serde_json::from_str(text).map_err(|_| CloseCode::BadFrame)
}

/// An id is echoed, so it must be short: a number, or a text of at most 64 bytes.
fn is_plain(id: &Value) -> bool {
    match id {
        Value::Number(_) => true,
        Value::String(text) => text.len() <= 64,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_a_client_are_read_by_their_type() {
        assert!(matches!(
            ClientFrame::parse(
                r#"{"type":"hello","token":"t","client":{"name":"x"},"resume":{"epoch":"e","sequence":4}}"#
            ),
            Ok(ClientFrame::Hello(Hello {
                resume: Some(ResumeFrom { sequence: 4, .. }),
                ..
            }))
        ));
        assert!(matches!(
            ClientFrame::parse(r#"{"type":"pong","version":3}"#),
            Ok(ClientFrame::Pong { version: Some(3) })
        ));
        assert!(matches!(
            ClientFrame::parse(r#"{"type":"token","id":"a"}"#),
            Ok(ClientFrame::Token { .. })
        ));
        assert!(matches!(
            ClientFrame::parse(r#"{"type":"dance","token":5}"#),
            Ok(ClientFrame::Unknown { kind, .. }) if kind == "dance"
        ));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for text in [
            "",
            "null",
            "[]",
            "3",
            r#""hello""#,
            "{}",
            r#"{"type":4}"#,
            r#"{"type":"hello"}"#,
            r#"{"type":"token"}"#,
            r#"{"type":"hello","token":4}"#,
            r#"{"type":"pong","version":"x"}"#,
            r#"{"type":"pong","version":1e99}"#,
            r#"{"type":"token","id":{}}"#,
            r#"{"type":"pong""#,
            r#"{"type":"pong","type":"hello"}"#,
        ] {
            assert!(
                matches!(ClientFrame::parse(text), Err(CloseCode::BadFrame)),
                "{text}"
            );
        }
    }

    #[test]
    fn deep_nesting_is_refused_instead_of_eating_the_stack() {
        let text = format!(
            r#"{{"type":"token","id":{}{}}}"#,
            "[".repeat(3_000),
            "]".repeat(3_000)
        );
        assert!(ClientFrame::parse(&text).is_err());
    }
}
