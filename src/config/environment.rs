//! The environment, read once. Tests make one of their own.

use std::collections::BTreeMap;

/// The beginning of every variable that is ours.
pub(super) const PREFIX: &str = "PORTCULLIS_";
/// Other variables that we look at.
const OTHERS: [&str; 5] = [
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "REDIS_URL",
    "REDIS_URL_FILE",
    "RUST_LOG",
];

/// The variables that concern us.
#[derive(Clone, Default)]
pub struct Environment {
    pub(super) variables: BTreeMap<String, String>,
    /// Names of variables whose value is not UTF-8.
    pub(super) unreadable: Vec<String>,
}

impl Environment {
    /// The variables of this process.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if !name.starts_with(PREFIX) && !OTHERS.contains(&name.as_str()) {
                continue;
            }
            match value.into_string() {
                Ok(value) => drop(environment.variables.insert(name, value)),
                Err(_) => environment.unreadable.push(name),
            }
        }
        environment
    }

    /// The given variables. For tests.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            variables: variables.into_iter().map(owned).collect(),
            unreadable: Vec::new(),
        }
    }

    /// Which logs to write, as in `info,portcullis=debug` (`RUST_LOG`).
    #[must_use]
    pub fn log_filter(&self) -> Option<&str> {
        let filter = self.variables.get("RUST_LOG")?;
        Some(filter.as_str()).filter(|filter| !filter.trim().is_empty())
    }
}
