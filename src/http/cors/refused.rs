//! Origins that may not call, told to whoever develops: a browser keeps the answer from its page, and names no setting.
//! In development alone, each once, and so many that nobody fills a log with what they make up (T15).

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderValue;

use crate::line;

/// How many are told; who has seen these knows what to set.
const MOST: usize = 32;
/// How many bytes of one are told.
const LONGEST: usize = 100;

/// Those that were told.
#[derive(Debug, Default)]
pub struct RefusedOrigins(Mutex<HashSet<String>>);

impl RefusedOrigins {
    /// Tells of an `Origin` that may not call, unless that was done.
    pub(super) fn tell(&self, origin: &HeaderValue) {
        let origin = cleaned(origin);
        if self.is_new(&origin) {
            tracing::warn!(
                origin,
                "pages of this origin may not call, and browsers tell them no reason: to let them, add it to http.allowed_origins"
            );
        }
    }

    fn is_new(&self, origin: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < MOST && told.insert(origin.to_owned())
    }
}

/// What was sent as one short line.
fn cleaned(sent: &HeaderValue) -> String {
    let sent = sent.as_bytes();
    let text = String::from_utf8_lossy(&sent[..sent.len().min(LONGEST)]);
    let safe = |c| {
        if line::is_unsafe(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t15_each_is_told_once_and_no_more_than_so_many() {
        let refused = RefusedOrigins::default();
        let origin = |number: usize| format!("https://{number}.example.org");
        for number in 0..MOST {
            assert!(refused.is_new(&origin(number)));
            assert!(!refused.is_new(&origin(number)));
        }
        assert!(!refused.is_new(&origin(MOST)));
    }

    #[test]
    fn t15_what_is_told_is_one_short_line() {
        let told = |sent: &[u8]| cleaned(&HeaderValue::from_bytes(sent).unwrap());
        assert_eq!(told(b"http://localhost:5173"), "http://localhost:5173");
        assert_eq!(
            told("a\u{202e}b\tc\u{9b}".as_bytes()),
            "a\u{fffd}b\u{fffd}c\u{fffd}"
        );
        assert_eq!(told(b"\xff"), "\u{fffd}");
        assert_eq!(told(&[b'x'; 4_000]), "x".repeat(LONGEST));
        assert_eq!(told("é".repeat(4_000).as_bytes()), "é".repeat(LONGEST / 2));
    }
}
