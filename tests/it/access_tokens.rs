//! Access tokens over HTTP: what a backend can check offline, and what the hub itself refuses.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use crate::support::Pair;
use crate::support::app::{TestApp, Tuning};
use crate::support::jwt::{kid, part};
use crate::support::people::PASSWORD;

const ADA: &str = "ada@example.org";
/// Every kind of route that a person's access token opens.
const USER_ROUTES: [&str; 3] = ["/api/users/me", "/api/auth/site_role", "/api/auth/socket"];

fn encode(json: &Value) -> String {
    BASE64URL_NOPAD.encode(json.to_string().as_bytes())
}

async fn jwks(hub: &TestApp) -> JwkSet {
    let answer = hub.get("/.well-known/jwks.json").await.expect(200);
    assert!(answer.header("cache-control").unwrap().contains("max-age"));
    serde_json::from_value(answer.json()).unwrap()
}

#[tokio::test]
async fn a_backend_verifies_an_access_token_with_the_published_keys() {
    // Time stands still, so that no second begins between one reading and the next.
    let hub = Tuning::new().manual_clock().spawn().await;
    let issuer = hub.url("");
    let (ada, pair) = hub.signed_in(ADA, "moderator").await;
    let keys = jwks(&hub).await;
    let header = jsonwebtoken::decode_header(&pair.access).unwrap();
    let key = keys
        .find(header.kid.as_deref().unwrap())
        .expect("the key is published");
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_issuer(&[&issuer]);
    rules.set_audience(&[&issuer]);
    rules.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
    let key = DecodingKey::from_jwk(key).unwrap();
    let token = jsonwebtoken::decode::<Value>(&pair.access, &key, &rules).unwrap();
    let (claims, now) = (token.claims, hub.now().seconds());
    assert_eq!(claims["iss"], issuer);
    assert_eq!(claims["sub"], ada.id);
    assert_eq!(claims["sid"], pair.session);
    assert_eq!(claims["aud"], claims["iss"]);
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert_eq!(iat, now);
    assert_eq!(exp - iat, 300);
    assert_eq!(claims["auth_time"], claims["iat"]);
    assert_eq!(
        part(&pair.access, 0),
        json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": header.kid })
    );
    insta::assert_json_snapshot!("access_token_claims", claims, {
        ".iss" => "[issuer]",
        ".aud" => "[issuer]",
        ".sub" => "[uuid]",
        ".sid" => "[uuid]",
        ".jti" => "[id]",
        ".iat" => "[time]",
        ".exp" => "[time]",
        ".auth_time" => "[time]",
    });
    let next = Pair::of(&hub.try_refresh(&pair.refresh).await.expect(200));
    let refreshed = part(&next.access, 1);
    assert_ne!(refreshed["jti"], claims["jti"]);
    assert_eq!(refreshed["auth_time"], claims["auth_time"], "of the sign-in");
}

#[tokio::test]
async fn the_published_keys_hold_nothing_private() {
    let hub = TestApp::spawn().await;
    let set = hub.get("/.well-known/jwks.json").await.expect(200).json();
    let keys = set["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        assert!(key.get("d").is_none());
        assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
        assert_eq!((&key["alg"], &key["use"]), (&json!("EdDSA"), &json!("sig")));
    }
    insta::assert_json_snapshot!("jwks", set, { ".keys[].kid" => "[kid]", ".keys[].x" => "[x]" });
}

#[tokio::test]
async fn t05_tokens_that_were_tampered_with_open_nothing() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let parts: Vec<&str> = pair.access.split('.').collect();
    let (header, claims) = (part(&pair.access, 0), part(&pair.access, 1));
    let kid = header["kid"].clone();
    let with = |header: &Value, claims: &Value, signature: &str| {
        format!("{}.{}.{signature}", encode(header), encode(claims))
    };
    let mut promoted = claims.clone();
    promoted["role"] = json!("admin");
    let mut mutants = vec![
        with(&header, &promoted, parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.", pair.access),
        format!(".{}", pair.access),
        format!("{}=", pair.access),
        pair.access.to_uppercase(),
    ];
    for alg in ["none", "None", "HS256", "ES256", "RS256", "eddsa"] {
        let other = json!({ "typ": "at+jwt", "alg": alg, "kid": kid });
        mutants.push(with(&other, &claims, ""));
        mutants.push(with(&other, &claims, parts[2]));
    }
    for other in [
        json!({ "typ": "JWT", "alg": "EdDSA", "kid": kid }),
        json!({ "typ": "socket+jwt", "alg": "EdDSA", "kid": kid }),
        json!({ "alg": "EdDSA", "kid": kid }),
        json!({ "typ": "at+jwt", "alg": "EdDSA" }),
        json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "../../etc/passwd" }),
        json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "' or 1=1 --" }),
        json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "\u{0}" }),
        json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": kid, "jku": hub.url("/.well-known/jwks.json") }),
    ] {
        mutants.push(with(&other, &claims, parts[2]));
    }
    mutants.extend(signed_by_others(&hub, &kid, &claims).await);
    for mutant in mutants {
        let answer = hub.get_as(&mutant, "/api/users/me").await;
        answer.problem(401, "invalid_token");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
    }
    hub.get_as(&pair.access, "/api/users/me").await.expect(200);
}

/// Good signatures by keys that are not ours: one that the token brings along, and the published key
/// used as a shared secret.
async fn signed_by_others(hub: &TestApp, kid: &Value, claims: &Value) -> Vec<String> {
    let published = hub.get("/.well-known/jwks.json").await.json();
    let public = published["keys"][0]["x"].as_str().unwrap().to_owned();
    let mut shared = Header::new(Algorithm::HS256);
    shared.typ = Some("at+jwt".to_owned());
    shared.kid = kid.as_str().map(str::to_owned);
    let raw = BASE64URL_NOPAD.decode(public.as_bytes()).unwrap();
    [raw.as_slice(), public.as_bytes(), b""]
        .into_iter()
        .map(|secret| jsonwebtoken::encode(&shared, claims, &EncodingKey::from_secret(secret)).unwrap())
        .collect()
}

#[tokio::test]
async fn t05_a_token_of_another_purpose_is_not_a_bearer() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let socket = hub.socket_token(&pair.access).await;
    assert_eq!(part(&socket, 0)["typ"], "socket+jwt");
    let claims = part(&socket, 1);
    assert_eq!(claims["aud"], format!("{}/ws", hub.url("")));
    let mut names: Vec<&String> = claims.as_object().unwrap().keys().collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "exp", "iat", "iss", "jti", "sid", "sub", "ver"]);
    for token in [&socket, &pair.refresh, "pcr_x", "pck_x_y", "x"] {
        for route in USER_ROUTES {
            hub.get_as(token, route).await.problem(401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn t05_a_token_of_another_issuer_with_the_same_keys_is_refused() {
    let hub = TestApp::spawn().await;
    let other = Tuning::new().database(hub.database_url.clone()).spawn().await;
    let (_, ours) = hub.signed_in(ADA, "user").await;
    let theirs = other.sign_in(ADA).await;
    assert_eq!(kid(&ours.access), kid(&theirs.access), "one key signs both");
    hub.get_as(&theirs.access, "/api/users/me")
        .await
        .problem(401, "invalid_token");
    other.get_as(&theirs.access, "/api/users/me").await.expect(200);
    hub.get_as(&ours.access, "/api/users/me").await.expect(200);
}

#[tokio::test]
async fn t05_a_credential_beyond_8_kib_is_refused_unread() {
    let hub = TestApp::spawn().await;
    for length in [8 * 1024, 8 * 1024 + 1, 20_000] {
        hub.get_as(&"a".repeat(length), "/api/users/me")
            .await
            .problem(401, "invalid_token");
    }
    hub.get("/api/users/me")
        .await
        .problem(401, "authentication_required");
}

#[tokio::test]
async fn an_access_token_expires_after_its_time_and_the_leeway() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let exp = part(&pair.access, 1)["exp"].as_i64().unwrap();
    let at = |seconds: i64| portcullis::clock::Timestamp::from_micros(seconds * 1_000_000);
    clock.jump_to(at(exp + 4));
    hub.get_as(&pair.access, "/api/users/me").await.expect(200);
    clock.jump_to(at(exp + 5));
    for route in USER_ROUTES {
        hub.get_as(&pair.access, route)
            .await
            .problem(401, "invalid_token");
    }
    // t31: a clock that was wrong does not make tokens of the future good.
    clock.advance(Duration::from_hours(2));
    let later = Pair::of(&hub.try_refresh(&pair.refresh).await.expect(200));
    clock.jump_to(at(exp));
    hub.get_as(&later.access, "/api/users/me")
        .await
        .problem(401, "invalid_token");
}

#[tokio::test]
async fn t04_the_token_of_an_ended_session_or_account_is_refused_at_once_everywhere() {
    let hub = TestApp::spawn().await;
    let (ada, own) = hub.signed_in(ADA, "admin").await;
    hub.person("boss@example.org", "admin").await;
    let kept = hub.sign_in(ADA).await;
    hub.post_as(&own.access, "/api/auth/logout", json!({}))
        .await
        .expect(204);
    let managing = ["/api/service_keys"];
    for route in USER_ROUTES.iter().chain(&managing) {
        hub.get_as(&own.access, route)
            .await
            .problem(401, "session_revoked");
        hub.get_as(&kept.access, route).await.expect(200);
    }
    let order = json!({ "session_id": kept.session, "reason": "revoked" });
    hub.post_as(&own.access, "/api/revocations", order)
        .await
        .problem(401, "session_revoked");
    hub.disable(&ada).await;
    for route in USER_ROUTES.iter().chain(&managing) {
        hub.get_as(&kept.access, route)
            .await
            .problem(401, "session_revoked");
    }
    hub.try_refresh(&kept.refresh)
        .await
        .problem(401, "session_revoked");
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(403, "account_disabled");
}

#[tokio::test]
async fn a_socket_token_is_minted_by_get_alone_and_never_cached() {
    let hub = TestApp::spawn().await;
    let (_, pair) = hub.signed_in(ADA, "user").await;
    let answer = hub.get_as(&pair.access, "/api/auth/socket").await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 4);
    assert_eq!(body["expires_in"], 30);
    assert_eq!(body["protocol"], "portcullis.v1");
    assert_eq!(body["url"], format!("ws://{}/ws", hub.address));
    let head = hub.request(reqwest::Method::HEAD, "/api/auth/socket");
    let head = head.bearer_auth(&pair.access).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), &head.headers()["allow"]),
        (405, &"GET".parse().unwrap())
    );
}
