//! Sign-in through a provider. Providers are the programs of `tests/oidc_provider`.

mod accounts;
mod audit;
mod certified;
mod exchange;
mod flow;
mod github;
mod identities;
mod pre_hijacking;
mod races;
mod redirects;
mod steps;
mod wrong_answers;
mod yandex;

use crate::support::app::{TestApp, Tuning};
use crate::support::provider::{Browser, ProviderServer};

/// A hub, a provider that it calls `acme`, which knows Ada, and a browser.
struct Ground {
    hub: TestApp,
    provider: ProviderServer,
    browser: Browser,
}

async fn ground() -> Ground {
    let provider = ProviderServer::of_ada().await;
    let hub = Tuning::new()
        .configure(provider.configured_as("acme"))
        .spawn()
        .await;
    let browser = Browser::at(&hub);
    Ground {
        hub,
        provider,
        browser,
    }
}
