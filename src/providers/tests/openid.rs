//! A whole sign-in with a provider of OpenID Connect: which tokens are believed, what userinfo adds, and where the
//! client's secret goes.

use serde_json::{Value, json};

use super::super::id_token::tests::Signer;
use super::server::{Server, json as answer_json};
use super::*;

/// A provider of OpenID Connect that answers with a token of these claims, and with this userinfo.
fn openid(claims: Value, userinfo: Value, methods: Value) -> Server {
    let signer = Signer::es256();
    Server::answering(move |base, request| match request.split(' ').nth(1).unwrap() {
        "/token" => {
            let mut all = json!({ "iss": base, "aud": CLIENT, "nonce": "the-nonce", "iat": NOW, "exp": NOW + 60, "sub": "ada" });
            for (name, value) in claims.as_object().unwrap() {
                all[name] = value.clone();
            }
            let token = signer.token(&json!({ "alg": "ES256", "kid": "1" }), &all);
            answer_json(
                &json!({ "access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": token }),
            )
        }
        "/userinfo" => answer_json(&userinfo),
        "/keys" => answer_json(&json!({ "keys": [signer.jwk] })),
        _ => answer_json(&json!({
            "issuer": base, "authorization_endpoint": format!("{base}/authorize"), "token_endpoint": format!("{base}/token"),
            "jwks_uri": format!("{base}/keys"), "userinfo_endpoint": format!("{base}/userinfo"),
            "token_endpoint_auth_methods_supported": methods,
        })),
    })
}

fn company(server: &Server) -> config::Provider {
    config::Provider {
        issuer: Some(server.base().to_owned()),
        ..configured("company")
    }
}

#[tokio::test]
async fn an_id_token_says_who_it_is_and_userinfo_what_it_left_out() {
    let person = json!({ "email": "ada@example.org", "email_verified": true, "name": "Ada", "picture": "https://p.example/a" });
    let mut told = person.clone();
    told["sub"] = json!("ada");
    for (claims, userinfo, asked) in [(person, json!({ "sub": "eve" }), 0), (json!({}), told, 1)] {
        let server = openid(
            claims,
            userinfo,
            json!(["client_secret_basic", "client_secret_post"]),
        );
        let provider = provider(&company(&server));
        let profile = identify(&provider).await.unwrap();
        assert_eq!((profile.subject.as_str(), profile.email_verified), ("ada", true));
        assert_eq!(profile.email.unwrap().as_str(), "ada@example.org");
        assert_eq!(profile.avatar_url.as_deref(), Some("https://p.example/a"));
        assert_eq!(server.count("GET /userinfo"), asked);
        provider.probe().await.unwrap();
        let secret = config::Provider {
            trust_email: Some(false),
            ..company(&server)
        };
        assert!(!identify(&self::provider(&secret)).await.unwrap().email_verified);
    }
}

#[tokio::test]
async fn t17_a_wrong_token_or_userinfo_of_somebody_else_is_refused() {
    for (claims, userinfo) in [
        (json!({}), json!({ "sub": "eve", "email": "ada@example.org" })),
        (json!({}), json!({ "email": "ada@example.org" })),
        (json!({ "nonce": "another" }), json!({ "sub": "ada" })),
        (json!({ "aud": "another" }), json!({ "sub": "ada" })),
        (json!({ "iss": "https://evil.example" }), json!({ "sub": "ada" })),
        (json!({ "exp": NOW - 60 }), json!({ "sub": "ada" })),
        (json!({ "sub": "" }), json!({ "sub": "" })),
    ] {
        let server = openid(claims.clone(), userinfo, json!(null));
        let found = identify(&provider(&company(&server))).await;
        assert!(matches!(found, Err(Error::Refused(_))), "{claims}: {found:?}");
    }
}

#[tokio::test]
async fn the_secret_goes_where_the_provider_wants_it() {
    // Encoded as forms are, then as HTTP wants it (RFC 6749, 2.3.1).
    let basic = data_encoding::BASE64.encode(b"hub:s3cret+%26%25");
    for (methods, secret, header, body) in [
        (json!(null), true, true, false),
        (
            json!(["client_secret_post", "client_secret_basic"]),
            true,
            true,
            false,
        ),
        (json!(["client_secret_post"]), true, false, true),
        (json!(["none"]), false, false, false),
    ] {
        let server = openid(json!({}), json!({ "sub": "ada" }), methods.clone());
        let mut config = company(&server);
        config.client_secret = config.client_secret.filter(|_| secret);
        identify(&provider(&config)).await.unwrap();
        let seen = server.seen();
        let request = seen
            .iter()
            .find(|request| request.starts_with("POST /token"))
            .unwrap();
        assert_eq!(
            request.contains(&format!("authorization: Basic {basic}\r\n")),
            header,
            "{methods}"
        );
        assert_eq!(request.contains("client_secret=s3cret+%26%25"), body, "{methods}");
        assert_eq!(request.contains("client_id=hub"), !header, "{methods}");
    }
}
