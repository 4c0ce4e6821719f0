//! Devices: what a person would call one, and the letter about one that is new.
//!
//! A device is told from others by the network that it calls from and by the program and system that its
//! `User-Agent` names, without versions: an update makes no new device, another program in the same house
//! does, and so does a copy of the same program elsewhere. Both can be forged by who knows them; the letter is
//! a notice and no lock.

use std::time::Duration;

use super::{Error, Sessions};
use crate::audit::Origin;
use crate::limits::Address;
use crate::mail::Letter;
use crate::secret::PlainToken;
use crate::store::Tx;
use crate::store::known_devices::{self, Device};
use crate::store::mailed_tokens::{self, NewToken, Purpose};
use crate::store::sessions::{Candidate, NewSession};
use crate::store::users::User;

/// How exactly it is known when a device was last used.
const NOTED_EVERY: Duration = Duration::from_hours(24);
/// The longest name of a program that is not in [`PROGRAMS`], in characters.
const MAX_PROGRAM: usize = 30;

/// What gives a program away, and its name. Most claim to be others as well, so the first that fits counts.
const PROGRAMS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chromium/", "Chromium"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];

/// What gives a system away, and its name; the first that fits counts.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
    ("X11", "Unix"),
];

/// What a person would call the device that sends this `User-Agent`: "Firefox on Linux". `None` when it says
/// nothing of use.
#[must_use]
pub fn name_device(user_agent: &str) -> Option<String> {
    let first = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(mark, _)| user_agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    let program = first(PROGRAMS).map(str::to_owned).or_else(|| {
        // Programs that are no browsers say their own name first: `curl/8.14.1`.
        let token = user_agent.split(['/', ' ', '(']).next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let named = token != "Mozilla" && token.chars().all(plain) && token.chars().any(char::is_alphabetic);
        named.then(|| token.chars().take(MAX_PROGRAM).collect())
    });
    match (program, first(SYSTEMS)) {
        (Some(program), Some(system)) => Some(format!("{program} on {system}")),
        (Some(program), None) => Some(program),
        (None, system) => system.map(str::to_owned),
    }
}

/// What a caller says of itself: `text` without control characters, cut to `length` characters.
#[must_use]
pub fn plain_text(text: &str, length: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(length).collect()
}

/// The program and the system of a caller; empty when it does not say.
#[must_use]
pub fn agent(user_agent: Option<&str>) -> String {
    user_agent.and_then(name_device).unwrap_or_default()
}

/// Where a caller comes from, as limits count it.
pub(super) fn network(by: &Origin) -> Option<String> {
    by.ip.map(|ip| Address::of(ip).to_string())
}

/// What tells the device of `by` from others, for [`Device`]: its network, and its program and system.
pub(super) fn of(by: &Origin) -> (String, String) {
    let network = network(by).unwrap_or_default();
    (network, agent(by.user_agent.as_deref()))
}

/// How a sign-in stands to the devices that the account has been used from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody has signed in before: there is nobody to be told.
    First,
    New,
    Known {
        /// It is time to note that it was used.
        due: bool,
    },
}

impl Sessions {
    /// How `candidate` stands to the device that asks.
    pub(super) fn standing(&self, candidate: &Candidate) -> Standing {
        match candidate.device_seen_at {
            Some(seen) => Standing::Known {
                due: self.cx.now().since(seen) >= NOTED_EVERY,
            },
            None if candidate.signed_in_before => Standing::New,
            None => Standing::First,
        }
    }

    /// Notes that `session` has begun on its device, and writes to the owner when that is new. The letter's
    /// link ends the session, for as long as it can live. Answers whether there is a mail to send.
    pub(super) async fn note_device(
        &self,
        tx: &mut Tx,
        user: &User,
        session: &NewSession,
        standing: Standing,
        by: &Origin,
    ) -> Result<bool, Error> {
        if standing == (Standing::Known { due: false }) {
            return Ok(false);
        }
        let (network, agent) = of(by);
        let device = Device {
            network: &network,
            agent: &agent,
        };
        known_devices::remember(tx, user.id, device, session.at).await?;
        if standing != Standing::New {
            return Ok(false);
        }
        let token = PlainToken::generate(mailed_tokens::PREFIX, &self.cx.rng);
        let row = NewToken {
            hash: token.hash(),
            purpose: Purpose::Device,
            user_id: user.id,
            email: &user.email,
            password_hash: None,
            name: None,
            session_id: Some(session.id),
            created_at: session.at,
            expires_at: session.expires_at,
        };
        mailed_tokens::insert(tx, &row).await?;
        let letter = Letter::NewDevice {
            name: user.name.clone(),
            device: session.device.clone(),
            ip: session.ip.clone(),
            token,
        };
        self.write_to(tx, user, by, &letter).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_the_name_that_its_owner_would_give_it() {
        const WEBKIT: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (user_agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) WEBKIT Chrome/139.0.0.0 Safari/537.36",
                "Chrome on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) WEBKIT Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/139.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPad",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) WEBKIT SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) WEBKIT Chrome/139.0.0.0 Safari/537.36",
                "Chrome on ChromeOS",
            ),
            (
                "Mozilla/5.0 (Android 15; Mobile; rv:141.0) Gecko/141.0 Firefox/141.0",
                "Firefox on Android",
            ),
            ("curl/8.14.1", "curl"),
            ("okhttp/4.12.0", "okhttp"),
            ("python-requests/2.32", "python-requests"),
            ("MyApp/2.1 (Linux; Android 15)", "MyApp on Android"),
            ("Mozilla/5.0 (Windows NT 10.0)", "Windows"),
        ] {
            let user_agent = user_agent.replace("WEBKIT", WEBKIT);
            assert_eq!(name_device(&user_agent).as_deref(), Some(name), "{user_agent}");
        }
    }

    #[test]
    fn t15_what_says_nothing_of_use_has_no_name_and_none_grows_long() {
        for user_agent in [
            "",
            " ",
            "Mozilla/5.0",
            "<script>",
            "/",
            "()",
            "...",
            "\u{202e}evil/1",
        ] {
            assert_eq!(name_device(user_agent), None, "{user_agent:?}");
            assert_eq!(agent(Some(user_agent)), "");
        }
        assert_eq!(agent(None), "");
        let long = name_device(&"x".repeat(200)).unwrap();
        assert_eq!(long.len(), MAX_PROGRAM);
    }

    #[test]
    fn an_update_makes_no_new_device() {
        let firefox = |version: u32| {
            agent(Some(&format!(
                "Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
            )))
        };
        assert_eq!(firefox(141), firefox(142));
        assert_ne!(firefox(141), agent(Some("curl/8.14.1")));
    }
}
