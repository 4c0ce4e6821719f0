//! Sign-in through a provider. Providers are the programs of `tests/oidc_provider`.

mod accounts;
mod audit;
mod certified;
mod exchange;
mod flow;
mod github;
mod identities;
mod not_me;
mod pre_hijacking;
mod races;
mod redirects;
mod steps;
mod wrong_answers;
mod yandex;

use std::ops::Deref;

use serde_json::{Value, json};
use url::Url;

use crate::support::Pair;
use crate::support::app::{TestApp, Tuning};
use crate::support::http::Caller;
use crate::support::provider::{Browser, ProviderServer, ada};

/// A hub and a provider that people sign in with there: they live equally long. All but `provider` is the [`TestApp`]'s.
struct Hub {
    app: TestApp,
    provider: ProviderServer,
}

impl Deref for Hub {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl Hub {
    /// Its provider is `acme`, which does nothing wrong until it is told to, and knows Ada.
    async fn with_acme() -> Self {
        Self::with_acme_and(|tuning| tuning).await
    }

    /// As [`with_acme`](Self::with_acme), and tuned further.
    async fn with_acme_and(tune: impl FnOnce(Tuning) -> Tuning) -> Self {
        Self::with("acme", ProviderServer::of_ada().await, tune).await
    }

    /// It calls `provider` by this id; `tune` comes after what that needs.
    async fn with(id: &'static str, provider: ProviderServer, tune: impl FnOnce(Tuning) -> Tuning) -> Self {
        let tuning = Tuning::new().configure(provider.configured_as(id));
        let app = tune(tuning).spawn().await;
        Self { app, provider }
    }
}

/// The option of a provider that knows Ada, but for `field`.
fn ada_but(field: &str, value: Value) -> Value {
    let mut ada = ada();
    ada[field] = value;
    json!({ "account": ada })
}

/// One's own identities.
const MINE: &str = "/api/users/me/identities";

/// What the hub tells the person of `pair` of their own identities.
async fn identities_of(hub: &Caller, pair: &Pair) -> Vec<Value> {
    let listed = hub.get_as(&pair.access, MINE).await.expect(200).json();
    listed["items"].as_array().unwrap().clone()
}

/// Where one unlinks `identity`.
fn path_of(identity: &Value) -> String {
    format!("{MINE}/{}", identity["id"].as_str().unwrap())
}

/// Links a second identity at `acme` to the account of `pair`; gives it. From now on, whoever signs in there is that one.
async fn link_a_second_identity(hub: &Hub, browser: &mut Browser, pair: &Pair) -> Value {
    let second = ada_but("sub", json!("ada's other one"));
    hub.provider.configure(second).await;
    browser.link(&pair.access, "acme").await
}

/// What `url` says of `name`.
fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut found = url.query_pairs().filter(|(key, _)| key == name);
    let value = found.next().map(|(_, value)| value.into_owned());
    assert!(found.next().is_none(), "{name} stands once in {url}");
    value
}
