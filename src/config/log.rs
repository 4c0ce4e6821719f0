//! `[log]`: what is written to stderr, and in which form.

use tracing_subscriber::EnvFilter;

use super::reader::Reader;
use super::section::section;

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: each line is an object.
    Json,
}

section! {
    /// What is written to stderr, and in which form.
    "log" struct Log {
        /// `text` or `json`; unless set, text in development and JSON in production.
        format: Option<LogFormat> = None,
        /// Which logs to write, as in `info,portcullis::hub=debug`; `RUST_LOG` goes over it.
        level: Option<String> = None,
    }
}

impl Log {
    pub(super) fn check(&self, reader: &mut Reader) {
        let readable = self
            .level
            .as_deref()
            .is_none_or(|level| EnvFilter::builder().parse(level).is_ok());
        reader.require(
            "log.level",
            readable,
            "write error, warn, info, debug or trace, or modules with levels as in info,portcullis::hub=debug",
        );
    }
}
