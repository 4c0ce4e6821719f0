//! The certified OpenID provider, by hand: each signature and each way for a client to authenticate is taken. What
//! a person with that provider sees in Chromium, from the hub's page to the open socket and when they refuse, is shown
//! by `client-js/e2e/scenarios/providers.mjs`.

use serde_json::json;

use super::Hub;
use crate::support::Pair;
use crate::support::provider::{Browser, ProviderServer, ada, location, outcome};

async fn hub_with_certified(algorithm: &str, authentication: &str) -> Hub {
    let options = json!({ "accounts": [ada()], "alg": algorithm, "auth_method": authentication });
    let provider = ProviderServer::start("provider", options).await;
    let hub = Hub::with("acme", provider, |tuning| tuning).await;
    let callback = hub.url("/api/auth/oauth/acme/callback");
    hub.provider.configure(json!({ "redirect_uri": callback })).await;
    hub
}

#[tokio::test]
async fn every_kind_of_signature_and_of_client_secret_works() {
    for (algorithm, authentication) in [
        ("RS256", "client_secret_basic"),
        ("RS256", "client_secret_post"),
        ("ES256", "client_secret_basic"),
        ("EdDSA", "client_secret_basic"),
    ] {
        let hub = hub_with_certified(algorithm, authentication).await;
        let mut browser = Browser::at(&hub);
        let away = browser.start("acme").await;
        let back = hub
            .provider
            .sign_in_by_hand(away, "ada-at-the-provider", "yes")
            .await;
        let (name, code) = outcome(&location(&browser.come_back(&back).await.expect(302)));
        assert_eq!(name, "code", "{algorithm} {authentication}: {code}");
        let pair = Pair::of(&browser.exchange(&code).await.expect(200));
        assert_eq!(pair.body["user"]["email"], "ada@example.org");
    }
}
