//! The secrets of one flow. All that goes out with it is derived from its `state` under the master secret, so
//! nothing but a hash of the state is stored; and who sees the state at the provider, or in a log, cannot
//! derive the rest.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use url::Url;

use super::OAuth;
use crate::email::Email;
use crate::providers::{Profile, Provider, Way};
use crate::secret::PlainToken;
use crate::store::oauth_flows::Flow;

/// How long the browser may be at the provider.
pub const LIFETIME: Duration = Duration::from_mins(10);
/// How long an address lives at which a link begins, and the frontend's code.
pub(super) const BRIEF: Duration = Duration::from_mins(1);

/// How much of the state's hash names a cookie.
const KEY: usize = 9;

/// What binds a flow to the browser that began it: a cookie of a name of its own, so that two tabs do not take
/// each other's.
#[derive(Debug)]
pub struct Binding {
    /// The end of the cookie's name.
    pub key: String,
    pub value: PlainToken,
}

impl Binding {
    /// Whether `other` is the same, compared in constant time.
    pub(super) fn is(&self, other: &Self) -> bool {
        let (own, sent) = (self.value.expose(), other.value.expose());
        self.key == other.key && bool::from(own.as_bytes().ct_eq(sent.as_bytes()))
    }
}

/// What goes out with one flow, and must come back.
pub(super) struct Secrets {
    pub state: PlainToken,
    nonce: PlainToken,
    verifier: PlainToken,
    callback: Url,
}

impl Secrets {
    pub fn way(&self) -> Way<'_> {
        Way {
            state: &self.state,
            nonce: &self.nonce,
            verifier: &self.verifier,
            callback: &self.callback,
        }
    }
}

/// What a provider said, as it waits for the exchange.
#[derive(Serialize, Deserialize)]
struct Kept {
    subject: String,
    email: Option<String>,
    email_verified: bool,
    name: Option<String>,
    avatar_url: Option<String>,
}

const SEAL: &str = "oauth profile";

impl OAuth {
    pub(super) fn secrets(&self, state: PlainToken, provider: &Provider) -> Secrets {
        let derived = |purpose| {
            let bits = self.cx.master.mac(purpose, state.expose().as_bytes());
            PlainToken::from_bits("", &bits)
        };
        Secrets {
            nonce: derived("oauth nonce"),
            verifier: derived("oauth verifier"),
            callback: self.callback(provider.id()),
            state,
        }
    }

    pub(super) fn binding(&self, state: &PlainToken) -> Binding {
        let bits = self.cx.master.mac("oauth browser", state.expose().as_bytes());
        let hash = state.hash();
        Binding {
            key: BASE64URL_NOPAD.encode(hash.bytes().get(..KEY).unwrap_or_default()),
            value: PlainToken::from_bits("", &bits),
        }
    }

    /// Where the provider sends the browser back to: each provider has an address of its own (RFC 9700, 4.4.2.2).
    #[must_use]
    pub fn callback(&self, provider: &str) -> Url {
        let mut url = self.cx.site.url().clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(["api", "auth", "oauth", provider, "callback"]);
        }
        url
    }

    /// `profile`, sealed for the flow that `code` leads on.
    pub(super) fn seal(&self, profile: Profile, code: &PlainToken) -> Vec<u8> {
        let kept = Kept {
            subject: profile.subject,
            email: profile.email.map(|email| email.as_str().to_owned()),
            email_verified: profile.email_verified,
            name: profile.name,
            avatar_url: profile.avatar_url,
        };
        let text = serde_json::to_vec(&kept).unwrap_or_default();
        self.cx
            .master
            .seal(SEAL, code.hash().bytes(), &text, &self.cx.rng)
    }

    /// What [`seal`](Self::seal) was given; `None` when the master secret is another one by now.
    pub(super) fn open(&self, flow: &Flow, code: &PlainToken) -> Option<Profile> {
        let sealed = flow.profile.as_deref()?;
        let text = self.cx.master.open(SEAL, code.hash().bytes(), sealed).ok()?;
        let kept: Kept = serde_json::from_slice(&text).ok()?;
        Some(Profile {
            subject: kept.subject,
            email: kept.email.and_then(|email| Email::parse(&email).ok()),
            email_verified: kept.email_verified,
            name: kept.name,
            avatar_url: kept.avatar_url,
        })
    }
}
