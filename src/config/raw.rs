//! What a source gave for a key, before its type is known: a typed value of TOML, or the text of a variable.

use std::str::FromStr;

use figment::value::Value;

/// What a source gave for a key.
#[derive(Clone)]
pub(super) enum Raw {
    /// From the file, typed.
    Toml(Value),
    /// From a variable, or from a file that a variable names.
    Text(String),
}

impl Raw {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Toml(value) => value.as_str(),
        }
    }

    /// Whether it says "not set".
    pub(super) fn is_empty(&self) -> bool {
        self.text().is_some_and(|text| text.trim().is_empty())
    }

    pub(super) fn parsed<T: FromStr>(&self) -> Option<T> {
        self.text().and_then(|text| text.trim().parse().ok())
    }

    /// The items of a TOML list of texts, or of a comma-separated text.
    pub(super) fn items(&self) -> Option<Vec<String>> {
        match self {
            Self::Text(text) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(items.map(str::to_owned).collect())
            }
            Self::Toml(value) => {
                let items = value.as_array()?.iter();
                items.map(|item| item.as_str().map(str::to_owned)).collect()
            }
        }
    }

    pub(super) fn number<T: FromStr + TryFrom<i128>>(&self) -> Option<T> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Toml(value) => T::try_from(value.to_i128()?).ok(),
        }
    }
}
