//! The metadata of RFC 8414: what a client that knows the issuer alone finds.

use serde_json::json;

use crate::support::app::Tuning;
use crate::support::jwt::part;

#[tokio::test]
async fn the_metadata_names_the_issuer_of_the_tokens_and_where_everything_is() {
    let public = "https://auth.example.org/hub";
    let hub = Tuning::new()
        .configure(|config| config.public_url = Some("https://auth.example.org/hub/".parse().unwrap()))
        .spawn()
        .await;
    let answer = hub
        .get("/.well-known/oauth-authorization-server")
        .await
        .expect(200);
    assert!(answer.header("cache-control").unwrap().contains("max-age"));
    let at = |path: &str| format!("{public}{path}");
    assert_eq!(
        answer.json(),
        json!({
            "issuer": public,
            "jwks_uri": at("/.well-known/jwks.json"),
            "response_types_supported": [],
            "grant_types_supported": [],
            "introspection_endpoint": at("/api/auth/introspect"),
            "introspection_endpoint_auth_methods_supported": ["Bearer"],
            "revocation_endpoint": at("/api/auth/revoke"),
            "revocation_endpoint_auth_methods_supported": ["none"],
            "service_documentation": at("/api/docs"),
        })
    );
    let (_, pair) = hub.signed_in("ada@example.org", "user").await;
    assert_eq!(part(&pair.access, 1)["iss"], public);
}
