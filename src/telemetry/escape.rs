//! Keeps one event on one line (T15): whatever a stranger typed, it cannot begin a line of its own, move
//! the cursor of a terminal, or turn the direction of the text.
//!
//! The log writes each event at once, its line feed last; everything else that is not plain text becomes
//! `\u000a` and so on, which is right in a JSON string as well.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::line;

/// A writer that escapes.
pub(super) struct Escaped<W>(pub(super) W);

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.write_all(escape(event).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn escape(event: &[u8]) -> String {
    let text = String::from_utf8_lossy(event);
    let (line, end) = match text.strip_suffix('\n') {
        Some(line) => (line, "\n"),
        None => (text.as_ref(), ""),
    };
    let mut escaped = String::with_capacity(text.len());
    for c in line.chars() {
        if is_unsafe(c) {
            // Writing to a `String` cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped.push_str(end);
    escaped
}

/// What is unsafe in a line, and the marks of direction that turn nothing, but hide.
fn is_unsafe(c: char) -> bool {
    line::is_unsafe(c) || matches!(c, '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    const HOSTILE: &str =
        "a\r\nWARN forged \u{1b}[31mred\u{1b}[0m \u{9b}1A \u{2028}b \u{202e}c \0 \u{7f} \"q\" é";

    fn log_hostile() {
        tracing::info!(field = HOSTILE, shown = %HOSTILE, debugged = ?HOSTILE, "{HOSTILE}");
    }

    #[test]
    fn t15_a_hostile_text_stays_one_line_for_people() {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || Escaped(writer.clone()));
        tracing::subscriber::with_default(log.finish(), log_hostile);
        let text = kept.text();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(!text.trim_end_matches('\n').contains(is_unsafe), "{text}");
        assert!(text.contains('é'));
    }

    #[test]
    fn t15_a_hostile_text_stays_one_record_of_json() {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = tracing_subscriber::fmt()
            .json()
            .with_writer(move || Escaped(writer.clone()));
        tracing::subscriber::with_default(log.finish(), log_hostile);
        let text = kept.text();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(!text.trim_end_matches('\n').contains(is_unsafe), "{text}");
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(record["fields"]["field"], HOSTILE);
    }
}
