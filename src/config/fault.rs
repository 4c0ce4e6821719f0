//! What is wrong with a configuration: all of it, each fault on a line.

use std::fmt;

use super::reader::Source;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key, the variable or the file that is at fault.
    pub key: String,
    /// Where the value came from.
    pub source: Source,
    /// What is wrong and what to do. Never contains the value of a secret.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source.to_string() {
            source if source == self.key => write!(f, "{source}: {}", self.problem),
            source => write!(f, "{} ({source}): {}", self.key, self.problem),
        }
    }
}

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Fault>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            let end = if number + 1 < self.0.len() { "\n" } else { "" };
            write!(f, "{fault}{end}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
