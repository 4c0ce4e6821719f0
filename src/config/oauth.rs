//! `[oauth]`: with whom people may sign in, and where a sign-in may lead back to. Each provider is a section
//! of its own, `[oauth.<id>]`, whose name the operator chooses.

use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::environment::PREFIX;
use super::links::is_address;
use super::public_url::is_loopback;
use super::reader::Reader;
use super::section::{Key, Section};
use super::setting::Setting;

/// Providers whose addresses are known, in the order in which people see them.
const BUILT_IN: [&str; 3] = ["google", "yandex", "github"];
/// No ids: the first is a key of the section, the second a route beside the providers'.
const TAKEN: [&str; 2] = ["redirects", "exchange"];
const MAX_ID: usize = 32;
const MAX_NAME: usize = 100;
/// The list of places to return to.
const REDIRECTS: &str = "oauth.redirects";

/// With whom people may sign in.
#[derive(Clone, Debug, Default)]
pub struct OAuth {
    /// Where a sign-in may lead back to, compared exactly; `{public_url}/` unless set.
    pub redirects: Option<Vec<String>>,
    /// `google`, `yandex` and `github` first, the others by id.
    pub providers: Vec<Provider>,
}

/// Declares [`Provider`], its fields, how they are read and how they are shown, so that none of these disagree.
macro_rules! provider {
    ($($(#[$doc:meta])+ $field:ident: $type:ty,)+) => {
        /// Somebody who says who a person is.
        #[derive(Clone, Debug)]
        pub struct Provider {
            /// A lower-case letter, then letters, digits and `_`; at most 32.
            pub id: String,
            $($(#[$doc])+ pub $field: $type,)+
        }

        /// What can be set of a provider, and whether it is never shown.
        const FIELDS: &[(&str, bool)] = &[$((stringify!($field), <$type as Setting>::SECRET),)+];

        impl Provider {
            fn read(id: &str, reader: &mut Reader) -> Self {
                Self {
                    id: id.to_owned(),
                    $($field: reader.take(&key(id, stringify!($field)), <$type>::default()),)+
                }
            }

            /// In the order of [`FIELDS`].
            fn shown(&self) -> Vec<Value> {
                vec![$(self.$field.show(),)+]
            }
        }
    };
}

provider! {
    /// What the provider calls this hub.
    client_id: String,
    /// Only a provider of OpenID Connect may do without: this hub is a public client to it then.
    client_secret: Option<SecretString>,
    /// Of OpenID Connect, exactly as the provider writes it: with or without a slash at its end. Discovery starts here.
    issuer: Option<String>,
    /// What to ask for, in place of what is usual.
    scopes: Option<Vec<String>>,
    /// Whether the provider is believed when it says that an address was verified; a false or missing word is
    /// never believed. Unset: yes, but for `yandex`, which says nothing: there `true` believes each address.
    trust_email: Option<bool>,
    /// What the button says.
    name: Option<String>,
    /// Where people sign in.
    authorization_url: Option<Url>,
    /// Where codes are exchanged.
    token_url: Option<Url>,
    /// Where it says who it was.
    userinfo_url: Option<Url>,
    /// Where `github` says which addresses somebody has.
    emails_url: Option<Url>,
    /// Where the keys of ID tokens are.
    jwks_url: Option<Url>,
    /// Whether the provider may have an address that the Internet does not have.
    allow_private: bool,
}

impl Section for OAuth {
    const KEYS: &'static [Key] = &[Key::of::<Option<Vec<String>>>(REDIRECTS)];

    fn read(reader: &mut Reader) -> Self {
        let redirects = reader.take(REDIRECTS, None);
        let mut ids: Vec<String> = reader
            .given_below("oauth.")
            .filter_map(|key| Some(split(key)?.0.to_owned()))
            .collect();
        ids.sort_by_key(|id| (rank(id), id.clone()));
        ids.dedup();
        let providers = ids.iter().map(|id| Provider::read(id, reader)).collect();
        Self { redirects, providers }
    }

    fn shown(&self) -> Vec<Value> {
        vec![self.redirects.show()]
    }
}

impl OAuth {
    /// The keys of every provider, whether they are secret, and their values.
    pub(super) fn shown_providers(&self) -> impl Iterator<Item = (String, bool, Value)> {
        self.providers.iter().flat_map(|provider| {
            let fields = FIELDS.iter().zip(provider.shown());
            fields.map(|((field, secret), value)| (key(&provider.id, field), *secret, value))
        })
    }

    pub(super) fn check(&self, reader: &mut Reader) {
        for address in self.redirects.iter().flatten() {
            if !is_redirect(address) {
                let wanted = "write a whole address without a fragment, as browsers show it: https://app.example.org/, or of an app: com.example.app:/callback";
                reader.complain(REDIRECTS, format!("`{address}`: {wanted}"));
            }
        }
        for provider in &self.providers {
            provider.check(reader);
        }
    }
}

impl Provider {
    fn check(&self, reader: &mut Reader) {
        let key = |field| key(&self.id, field);
        let built_in = BUILT_IN.contains(&self.id.as_str());
        let plain = !self
            .client_id
            .contains(|c: char| c.is_whitespace() || c.is_control());
        reader.require(
            &key("client_id"),
            plain && !self.client_id.is_empty(),
            "write what the provider calls this hub, without spaces",
        );
        reader.require(
            &key("client_secret"),
            !built_in || self.client_secret.is_some(),
            "the provider gave one with the client id: set it, or its _FILE variable",
        );
        reader.require(
            &key("issuer"),
            built_in || self.issuer.is_some(),
            "write the provider's issuer, as in https://login.example.org",
        );
        self.check_kind(reader);
        let exact = self.issuer.as_deref().is_none_or(is_issuer);
        reader.require(
            &key("issuer"),
            exact,
            "write it as the provider does: https (http on loopback alone), without query, fragment and user name",
        );
        let shown = |name: &String| name.chars().count() <= MAX_NAME && !name.contains(char::is_control);
        reader.require(
            &key("name"),
            self.name.as_ref().is_none_or(shown),
            "write at most 100 characters on one line",
        );
        let one_word = |scope: &String| {
            !scope.is_empty() && scope.chars().all(|c| matches!(c, '!' | '#'..='[' | ']'..='~'))
        };
        reader.require(
            &key("scopes"),
            self.scopes.iter().flatten().all(one_word),
            "write a list of scopes, each without spaces and quotes",
        );
        for (field, url) in [
            ("authorization_url", &self.authorization_url),
            ("token_url", &self.token_url),
            ("userinfo_url", &self.userinfo_url),
            ("emails_url", &self.emails_url),
            ("jwks_url", &self.jwks_url),
        ] {
            reader.require(
                &key(field),
                url.as_ref().is_none_or(is_endpoint),
                "write an https address (http on loopback alone), without fragment and user name",
            );
        }
    }

    /// A setting without effect would be believed to have one.
    fn check_kind(&self, reader: &mut Reader) {
        let openid = !matches!(self.id.as_str(), "yandex" | "github");
        let mut refuse =
            |field, set: bool, problem: &str| reader.require(&key(&self.id, field), !set, problem);
        let no_openid = "leave it out: this provider does not speak OpenID Connect";
        refuse("issuer", !openid && self.issuer.is_some(), no_openid);
        refuse("jwks_url", !openid && self.jwks_url.is_some(), no_openid);
        let emails = self.emails_url.is_some() && self.id != "github";
        refuse(
            "emails_url",
            emails,
            "leave it out: only github is asked for addresses",
        );
    }
}

/// As RFC 6749 wants it (3.1.2): a whole address without a fragment; of the web, or of an app that made a scheme
/// out of its domain (RFC 8252, 7.1).
fn is_redirect(text: &str) -> bool {
    if text.contains('#') {
        return false;
    }
    let of_an_app = |url: Url| {
        let host = url.host_str().unwrap_or_default();
        url.scheme().contains('.') && url.as_str() == text && !host.contains('@') && url.username().is_empty()
    };
    is_address(text) || Url::parse(text).is_ok_and(of_an_app)
}

/// Encrypted, or on this machine.
fn is_endpoint(url: &Url) -> bool {
    let nobody = url.username().is_empty() && url.password().is_none();
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
    safe && nobody && url.has_host() && url.fragment().is_none()
}

/// Issuers are compared as texts, so one is kept as it was written.
fn is_issuer(text: &str) -> bool {
    let as_written = |url: &Url| url.as_str() == text || url.as_str().strip_suffix('/') == Some(text);
    Url::parse(text).is_ok_and(|url| is_endpoint(&url) && url.query().is_none() && as_written(&url))
}

fn rank(id: &str) -> usize {
    let known = BUILT_IN.iter().position(|known| *known == id);
    known.unwrap_or(BUILT_IN.len())
}

fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    begins && text.len() <= MAX_ID && text.chars().all(plain) && !TAKEN.contains(&text)
}

fn key(id: &str, field: &str) -> String {
    format!("oauth.{id}.{field}")
}

/// The id and the field of a provider's key, if it is one.
fn split(key: &str) -> Option<(&str, &str)> {
    let (id, field) = key.strip_prefix("oauth.")?.split_once('.')?;
    let known = FIELDS.iter().any(|(known, _)| *known == field);
    (is_id(id) && known).then_some((id, field))
}

/// Whether `name` is a key of a provider.
pub(super) fn is_provider_key(name: &str) -> bool {
    split(name).is_some()
}

/// The key of a provider that the variable `name` sets, if it does.
pub(super) fn key_of(name: &str) -> Option<String> {
    Some(as_key(name)).filter(|key| is_provider_key(key))
}

/// What a variable's name would be as a key of a provider. An id may have `__` in it, a field has not.
pub(super) fn as_key(variable: &str) -> String {
    let name = variable.strip_prefix(PREFIX).unwrap_or(variable).to_lowercase();
    let provider = name
        .strip_prefix("oauth__")
        .and_then(|rest| rest.rsplit_once("__"));
    match provider {
        Some((id, field)) => key(id, field),
        None => name.replace("__", "."),
    }
}

/// Keys that may have been meant by `name`: those of the provider it names, or else of the known ones.
pub(super) fn keys_like(name: &str) -> Vec<String> {
    let Some(rest) = name.strip_prefix("oauth.") else {
        return Vec::new();
    };
    let id = rest.split('.').next().unwrap_or_default();
    let ids = if is_id(id) { vec![id] } else { BUILT_IN.to_vec() };
    let fields = |id| FIELDS.iter().map(move |(field, _)| key(id, field));
    ids.into_iter().flat_map(fields).collect()
}

#[cfg(test)]
mod tests;
