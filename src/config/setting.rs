//! How one value is read: from TOML with its type, or from the text of a variable; and how it is shown.
//!
//! An empty text means "not set" wherever there is such a thing, so that a compose file may pass a
//! variable on without knowing whether it has a value.

use std::net::SocketAddr;
use std::path::PathBuf;

use figment::value::Value;
use ipnet::IpNet;
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::raw::Raw;
use super::{Env, LogFormat, Transport};

/// A type that a key can have.
pub(super) trait Setting: Sized {
    /// Never to be shown.
    const SECRET: bool = false;
    /// What the value must be, for the fault that says so.
    const WANTED: &'static str;

    /// `None` when it is something else.
    fn read(raw: &Raw) -> Option<Self>;

    /// As `config show` prints it; null when not set.
    fn show(&self) -> serde_json::Value;
}

impl Setting for bool {
    const WANTED: &'static str = "write true or false";

    fn read(raw: &Raw) -> Option<Self> {
        match raw {
            Raw::Text(_) => raw.parsed(),
            Raw::Toml(value) => value.to_bool(),
        }
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

/// Three answers: yes, no, and whatever is usual.
impl Setting for Option<bool> {
    const WANTED: &'static str = "write true or false, or an empty text for the default";

    fn read(raw: &Raw) -> Option<Self> {
        if raw.is_empty() {
            return Some(None);
        }
        bool::read(raw).map(Some)
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

impl Setting for u32 {
    const WANTED: &'static str = "write a whole number, not negative";

    fn read(raw: &Raw) -> Option<Self> {
        raw.number()
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

impl Setting for usize {
    const WANTED: &'static str = "write a whole number, not negative";

    fn read(raw: &Raw) -> Option<Self> {
        raw.number()
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

/// A count that is worked out unless it is set: `0` or an empty text leave it so.
impl Setting for Option<usize> {
    const WANTED: &'static str = "write a whole number; 0 leaves it to the server";

    fn read(raw: &Raw) -> Option<Self> {
        if raw.is_empty() {
            return Some(None);
        }
        raw.number().map(|number| (number > 0).then_some(number))
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

/// A finite number; what is not finite is refused here, wherever it stands.
impl Setting for f64 {
    const WANTED: &'static str = "write a number, as in 10 or 0.5";

    fn read(raw: &Raw) -> Option<Self> {
        let number: Self = match raw {
            Raw::Text(_) => raw.parsed()?,
            Raw::Toml(Value::Num(_, number)) => number.to_f64().or_else(|| whole(raw))?,
            Raw::Toml(_) => return None,
        };
        number.is_finite().then_some(number)
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

fn whole(raw: &Raw) -> Option<f64> {
    raw.number::<i32>().map(f64::from)
}

impl Setting for String {
    const WANTED: &'static str = "write a text in quotes";

    fn read(raw: &Raw) -> Option<Self> {
        raw.text().map(str::to_owned)
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

impl Setting for Option<String> {
    const WANTED: &'static str = "write a text in quotes";

    fn read(raw: &Raw) -> Option<Self> {
        let text = raw.text()?.trim();
        Some((!text.is_empty()).then(|| text.to_owned()))
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

impl Setting for Option<SecretString> {
    const SECRET: bool = true;
    const WANTED: &'static str = "write a text in quotes";

    fn read(raw: &Raw) -> Option<Self> {
        let text = raw.text()?;
        Some((!text.trim().is_empty()).then(|| text.to_owned().into()))
    }

    fn show(&self) -> serde_json::Value {
        self.as_ref().map_or(serde_json::Value::Null, |_| json!("(set)"))
    }
}

impl Setting for PathBuf {
    const WANTED: &'static str = "write the path of a folder";

    fn read(raw: &Raw) -> Option<Self> {
        raw.text().filter(|text| !text.trim().is_empty()).map(Self::from)
    }

    fn show(&self) -> serde_json::Value {
        json!(self.display().to_string())
    }
}

impl Setting for Option<PathBuf> {
    const WANTED: &'static str = "write a path, or an empty text for none";

    fn read(raw: &Raw) -> Option<Self> {
        let text = raw.text()?;
        Some((!text.trim().is_empty()).then(|| PathBuf::from(text)))
    }

    fn show(&self) -> serde_json::Value {
        json!(self.as_ref().map(|path| path.display().to_string()))
    }
}

impl Setting for Option<Url> {
    const WANTED: &'static str = "write an address as in https://auth.example.org";

    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        }
    }

    fn show(&self) -> serde_json::Value {
        json!(self.as_ref().map(Url::as_str))
    }
}

impl Setting for SocketAddr {
    const WANTED: &'static str = "write an IP address and a port, as in 127.0.0.1:8080 or [::1]:8080";

    fn read(raw: &Raw) -> Option<Self> {
        raw.parsed()
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

impl Setting for Option<SocketAddr> {
    const WANTED: &'static str =
        "write an IP address and a port, as in 127.0.0.1:9464, or an empty text for off";

    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        }
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

impl Setting for Vec<IpNet> {
    const WANTED: &'static str = "write a list of networks, as in 10.0.0.0/8 or 2001:db8::/32";

    fn read(raw: &Raw) -> Option<Self> {
        let network = |text: &String| {
            let alone = || text.parse().ok().map(|ip: std::net::IpAddr| IpNet::from(ip));
            text.parse()
                .ok()
                .or_else(alone)
                .map(|network: IpNet| network.trunc())
        };
        raw.items()?.iter().map(network).collect()
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

/// An empty list is the same as none.
impl Setting for Option<Vec<String>> {
    const WANTED: &'static str = "write a list of texts";

    fn read(raw: &Raw) -> Option<Self> {
        raw.items().map(|items| (!items.is_empty()).then_some(items))
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

impl Setting for Env {
    const WANTED: &'static str = "write development or production";

    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "development" => Some(Self::Development),
            "production" => Some(Self::Production),
            _ => None,
        }
    }

    fn show(&self) -> serde_json::Value {
        match self {
            Self::Development => json!("development"),
            Self::Production => json!("production"),
        }
    }
}

impl Setting for Transport {
    const WANTED: &'static str = "write mailbox or smtp";

    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "mailbox" => Some(Self::Mailbox),
            "smtp" => Some(Self::Smtp),
            _ => None,
        }
    }

    fn show(&self) -> serde_json::Value {
        match self {
            Self::Mailbox => json!("mailbox"),
            Self::Smtp => json!("smtp"),
        }
    }
}

impl Setting for Option<LogFormat> {
    const WANTED: &'static str = "write text or json";

    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "" => Some(None),
            "text" => Some(Some(LogFormat::Text)),
            "json" => Some(Some(LogFormat::Json)),
            _ => None,
        }
    }

    fn show(&self) -> serde_json::Value {
        match self {
            None => serde_json::Value::Null,
            Some(LogFormat::Text) => json!("text"),
            Some(LogFormat::Json) => json!("json"),
        }
    }
}
