//! The values that were given, each with its source, and the faults found so far.
//!
//! `load` fills a [`Reader`]; the sections take their values out of it and complain to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use super::fault::Fault;
use super::raw::Raw;
use super::setting::Setting;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A file that an environment variable names.
    VariableFile { variable: String, path: PathBuf },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::VariableFile { variable, path } => write!(f, "{variable} = {}", path.display()),
        }
    }
}

/// What was given, and what is wrong with it.
#[derive(Default)]
pub(super) struct Reader {
    given: BTreeMap<String, (Raw, Source)>,
    /// Keys whose value could not be read: the default stands in, so rules about them are pointless.
    unreadable: BTreeSet<String>,
    faults: Vec<Fault>,
}

impl Reader {
    /// Puts a value over the one that is there.
    pub(super) fn give(&mut self, key: impl Into<String>, raw: Raw, source: Source) {
        let key = key.into();
        self.unreadable.remove(&key);
        self.given.insert(key, (raw, source));
    }

    /// Notes that the file with the value of `key` cannot be read. That is said once: it is as good as set, so rules
    /// that want it set keep quiet.
    pub(super) fn give_none(&mut self, key: &str, source: Source, problem: impl Into<String>) {
        self.fault(key, source, problem);
        self.unreadable.insert(key.to_owned());
    }

    /// The value of `key`, or `default` where there is none or a wrong one.
    pub(super) fn take<T: Setting>(&mut self, key: &str, default: T) -> T {
        let Some((raw, _)) = self.given.get(key) else {
            return default;
        };
        if let Some(value) = T::read(raw) {
            return value;
        }
        self.complain(key, format!("not a value that it can have; {}", T::WANTED));
        self.unreadable.insert(key.to_owned());
        default
    }

    /// Where the value of `key` came from.
    pub(super) fn source(&self, key: &str) -> Source {
        self.given
            .get(key)
            .map_or(Source::Default, |(_, source)| source.clone())
    }

    /// Whether somebody set `key`.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// The keys that begin with `beginning` and were given something, an empty text being nothing.
    pub(super) fn given_below(&self, beginning: &str) -> impl Iterator<Item = &str> {
        let given = self.given.iter();
        let below = given.filter(move |(key, (raw, _))| key.starts_with(beginning) && !raw.is_empty());
        below.map(|(key, _)| key.as_str())
    }

    /// Notes that the value of `key` is wrong.
    pub(super) fn complain(&mut self, key: &str, problem: impl Into<String>) {
        if !self.unreadable.contains(key) {
            let source = self.source(key);
            self.fault(key, source, problem);
        }
    }

    /// Notes that `holds` is required of the value of `key`.
    pub(super) fn require(&mut self, key: &str, holds: bool, problem: &str) {
        if !holds {
            self.complain(key, problem);
        }
    }

    /// Notes a fault that belongs to no known key.
    pub(super) fn fault(&mut self, key: impl Into<String>, source: Source, problem: impl Into<String>) {
        self.faults.push(Fault {
            key: key.into(),
            source,
            problem: problem.into(),
        });
    }

    /// Every fault, in the order in which they were found.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }
}
